"""Phrases that were spoken before, kept as audio: least recently used first out, bounded in bytes."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import replace

from voicebox.tts.types import SpokenPhrase

__all__ = ["PhraseCache"]

_OVERHEAD = 512
"""Bytes that an entry takes beside its audio, roughly: text, words, dictionary."""


class PhraseCache:
    """Audio by (voice, phrase), where `voice` is all that the audio depends on besides the phrase: the voice's name, or
    that with speaker and speed. Thread-safe.

    Phrases differ if any character differs except for white space around and between words.
    """

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._entries: OrderedDict[tuple[Hashable, str], SpokenPhrase] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()

    @property
    def bytes(self) -> int:
        """Bytes held, at most `max_bytes`."""
        return self._bytes

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, voice: Hashable, phrase: str) -> SpokenPhrase | None:
        """The phrase as it was spoken, marked as cached, or None."""
        key = (voice, _normal(phrase))
        with self._lock:
            spoken = self._entries.get(key)
            if spoken is not None:
                self._entries.move_to_end(key)
        return spoken

    def put(self, voice: Hashable, spoken: SpokenPhrase) -> None:
        """Keep a phrase; what was not used for longest goes. One that is larger than the cache is not kept.

        The audio becomes read-only: many sessions will share it.
        """
        spoken.audio.flags.writeable = False
        key = (voice, _normal(spoken.text))
        size = _size(spoken)
        with self._lock:
            old = self._entries.pop(key, None)
            if old is not None:
                self._bytes -= _size(old)
            if size > self._max_bytes:
                return
            self._entries[key] = replace(spoken, cached=True, synthesis_ms=0.0)
            self._bytes += size
            while self._bytes > self._max_bytes:
                _, dropped = self._entries.popitem(last=False)
                self._bytes -= _size(dropped)


def _normal(phrase: str) -> str:
    return " ".join(phrase.split())


def _size(spoken: SpokenPhrase) -> int:
    return spoken.audio.nbytes + _OVERHEAD + 100 * len(spoken.words)
