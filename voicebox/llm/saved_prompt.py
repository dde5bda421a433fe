"""The KV of a prompt on disk: what one run computed, the next one reads."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass

from voicebox.errors import EngineError
from voicebox.llm.context import Context
from voicebox.llm.prompt_cache import PromptCache
from voicebox.llm.sequences import Drop, Sequences

__all__ = ["SavedPrompt"]

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class SavedPrompt:
    """One entry of the cache. Methods run in the thread that owns the context."""

    cache: PromptCache
    key: str

    def restore(self, context: Context, sequences: Sequences, sequence: int, tokens: Sequence[int]) -> bool:
        """Give a sequence the KV of `tokens` in place of what it holds; False if there is none, or none of use.

        Raises:
            EngineError: the KV cache cannot be cut.
        """
        data = self.cache.get(self.key)
        if data is None:
            return False
        context.apply(sequences.forget(sequence))
        if context.restore(sequence, data):
            sequences.append(sequence, tokens)
            return True
        _log.warning("A saved prompt is of no use and is made again: %s", self.key)
        context.apply([Drop(sequence, 0)])
        self.cache.drop(self.key)
        return False

    def save(self, context: Context, sequence: int) -> None:
        """Keep a sequence's KV; a failure is a warning."""
        try:
            self.cache.put(self.key, context.save(sequence))
        except EngineError as error:
            _log.warning("A prompt cannot be kept: %s", error)
