"""What every voice gives and takes."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from voicebox.errors import EngineError

__all__ = ["Manner", "Speaker", "SpokenPhrase", "SpokenWord", "Stop", "StoppedError", "Synthesizer"]


@dataclass(frozen=True, slots=True)
class SpokenWord:
    """A word of a phrase and the samples that it takes (`start` inclusive, `end` exclusive)."""

    text: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class SpokenPhrase:
    """A phrase as audio: float32 mono, shape `(samples,)`, at `rate` Hz, leading silence trimmed."""

    text: str
    audio: NDArray[np.float32]
    rate: int
    words: tuple[SpokenWord, ...]
    synthesis_ms: float
    cached: bool = False

    @property
    def duration_s(self) -> float:
        """Seconds of audio."""
        return len(self.audio) / self.rate


@dataclass(frozen=True, slots=True)
class Manner:
    """Who speaks, and how fast.

    `voice` is a name of the catalog or a file, with `:SPEAKER` behind it where the voice has several; empty is the
    server's own. `speed` is the speaking rate, 1 the voice's own.
    """

    voice: str = ""
    speed: float = 1.0


class StoppedError(EngineError):
    """The synthesis was given up because nobody wants it any more."""


class Stop:
    """A request to give up a synthesis. `set` may be called from any thread, at any time, more than once."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._act: Callable[[], None] | None = None
        self._is_set = False

    @property
    def is_set(self) -> bool:
        """Whether it was asked for."""
        return self._is_set

    def set(self) -> None:
        """Ask for it."""
        with self._lock:
            self._is_set = True
            if self._act is not None:
                self._act()

    @contextmanager
    def acting(self, act: Callable[[], None]) -> Iterator[None]:
        """Inside, `act` is called when the request comes, or at once if it came before. It must not block."""
        with self._lock:
            self._act = act
            if self._is_set:
                act()
        try:
            yield
        finally:
            with self._lock:
                self._act = None


class Synthesizer(Protocol):
    """A voice: blocking, called from one thread at a time."""

    @property
    def name(self) -> str:
        """The voice's name in the catalog."""

    @property
    def rate(self) -> int:
        """Hz of its audio."""

    def synthesize(
        self, phrase: str, *, speed: float | None = None, speaker: int | None = None, stop: Stop | None = None
    ) -> SpokenPhrase:
        """Speak one phrase (a clause or a short sentence; see `tts/phrases.py`).

        Args:
            phrase: what to say.
            speed: speaking rate; None is the one that the voice was made with.
            speaker: which of the voice's speakers; None is the one that the voice was made with.
            stop: gives up with `StoppedError` when it is set.
        """


class Speaker(Protocol):
    """What sessions see: voices in a thread of their own with a phrase cache (see `tts/speaker.py`)."""

    @property
    def rate(self) -> int:
        """Hz of the server's own voice; others may differ, each phrase tells its rate."""

    def submit(self, phrase: str, *, speculative: bool = False, manner: Manner | None = None) -> Future[SpokenPhrase]:
        """Queue one phrase. Speculative ones go behind committed ones. Cancelling the future removes the job, also
        while it is spoken.

        A cached phrase returns a future that is already done. Raises EngineError when closed or full, ModelError or
        ConfigError when there is no such voice or speaker.
        """
