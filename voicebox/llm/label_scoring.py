"""Asking an instruct model for the distribution over labels: a chain of short decodes per text, many texts at once."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from voicebox.errors import EngineError
from voicebox.llm.label_trie import LabelTrie, Search
from voicebox.llm.llama import LlamaEngine

__all__ = ["LabelScorer", "Prompt", "Reading"]

_FLOOR = 0.03
"""Labels behind tokens of a smaller probability are not told apart."""


class Prompt(Protocol):
    """What goes around a text."""

    @property
    def ends(self) -> Sequence[int]:
        """The tokens that come where a sentence is over."""

    def tokens(self, text: str, *, open_end: bool = False) -> list[int]:
        """The prompt up to where the label begins; with `open_end` up to the end of the text."""


@dataclass(frozen=True, slots=True)
class Reading:
    """Uncalibrated: `labels` has P(label), shape (labels,); `ends` is the probability that the sentence ends here."""

    labels: NDArray[np.float64]
    ends: float


class LabelScorer:
    """Scores texts of many sessions on one engine.

    Args:
        engine: the model, with what all prompts begin with pinned.
        prompt: makes the prompts.
        trie: the labels.
    """

    def __init__(self, engine: LlamaEngine, prompt: Prompt, trie: LabelTrie) -> None:
        self._engine = engine
        self._prompt = prompt
        self._trie = trie
        self._lock = threading.Lock()
        self._running: dict[str, Future[Reading]] = {}

    def read(self, text: str, *, session: str) -> Future[Reading]:
        """Read a text. A session's newer text cancels its unfinished one; cancelling the future stops the work.

        Raises:
            EngineError: the engine is closed or has too many jobs, or the text is too long.
        """
        future: Future[Reading] = Future()
        chain = _Chain(self._engine, self._prompt, Search(self._trie, _FLOOR), text, session, future)
        self._replace(session, future)
        future.add_done_callback(lambda done: self._forget(session, done))
        chain.start()
        return future

    def ends(self, text: str, *, session: str) -> Future[NDArray[np.float32]]:
        """Log-probabilities of the prompt's `ends` behind a text, which need no further decode of it by `read`."""
        tokens = self._prompt.tokens(text, open_end=True)
        return self._engine.score(tokens, self._prompt.ends, session=session, normalized=True)

    def release(self, session: str) -> None:
        """Cancel the session's text and forget its KV."""
        self._replace(session, None)
        self._engine.release(session)

    def _replace(self, session: str, future: Future[Reading] | None) -> None:
        with self._lock:
            older = self._running.pop(session, None)
            if future is not None:
                self._running[session] = future
        if older is not None:
            older.cancel()

    def _forget(self, session: str, future: Future[Reading]) -> None:
        with self._lock:
            if self._running.get(session) is future:
                del self._running[session]


class _Chain:
    """One text's decodes, each begun when the one before it is done; `start` is called once."""

    def __init__(
        self, engine: LlamaEngine, prompt: Prompt, search: Search, text: str, session: str, outer: Future[Reading]
    ) -> None:
        self._engine = engine
        self._opening = prompt.tokens(text, open_end=True)
        self._asking = prompt.tokens(text)
        self._ids = tuple(prompt.ends)
        self._search = search
        self._session = session
        self._outer = outer
        self._inner: Future[NDArray[np.float32]] | None = None
        self._ends = 0.0

    def start(self) -> None:
        self._outer.add_done_callback(self._on_outer)
        try:
            self._submit(self._opening, self._ids, self._on_ends, normalized=True)
        except EngineError:
            self._outer.cancel()
            raise

    def _submit(
        self,
        tokens: Sequence[int],
        ids: Sequence[int],
        then: Callable[[NDArray[np.float32]], None],
        *,
        normalized: bool = False,
    ) -> None:
        inner = self._engine.score(tokens, ids, session=self._session, normalized=normalized)
        self._inner = inner
        if self._outer.cancelled():
            # It may have been cancelled before there was an inner one to cancel.
            inner.cancel()
        inner.add_done_callback(lambda done: self._on_inner(done, then))

    def _on_outer(self, outer: Future[Reading]) -> None:
        if outer.cancelled() and self._inner is not None:
            self._inner.cancel()

    def _on_inner(self, inner: Future[NDArray[np.float32]], then: Callable[[NDArray[np.float32]], None]) -> None:
        if inner.cancelled():
            self._outer.cancel()
            return
        if self._outer.cancelled():
            return
        try:
            then(inner.result())
        except Exception as error:
            if self._outer.set_running_or_notify_cancel():
                self._outer.set_exception(error)

    def _on_ends(self, logs: NDArray[np.float32]) -> None:
        self._ends = float(np.exp(logs.astype(np.float64)).sum())
        self._next()

    def _on_branch(self, logits: NDArray[np.float32]) -> None:
        self._search.add(logits)
        self._next()

    def _next(self) -> None:
        question = self._search.next()
        if question is not None:
            label, ids = question
            self._submit([*self._asking, *label], ids, self._on_branch)
        elif self._outer.set_running_or_notify_cancel():
            self._outer.set_result(Reading(self._search.result(), self._ends))
