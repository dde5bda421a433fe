"""What every voice gives and takes."""

from __future__ import annotations

from concurrent.futures import Future
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

__all__ = ["Speaker", "SpokenPhrase", "SpokenWord", "Synthesizer"]


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


class Synthesizer(Protocol):
    """A voice: blocking, called from one thread at a time."""

    @property
    def name(self) -> str:
        """The voice's name in the catalog."""

    @property
    def rate(self) -> int:
        """Hz of its audio."""

    def synthesize(self, phrase: str) -> SpokenPhrase:
        """Speak one phrase (a clause or a short sentence; see `tts/phrases.py`)."""


class Speaker(Protocol):
    """What sessions see: a voice in its own thread with a phrase cache (see `tts/speaker.py`)."""

    @property
    def rate(self) -> int:
        """Hz of the audio."""

    def submit(self, phrase: str, *, speculative: bool = False) -> Future[SpokenPhrase]:
        """Queue one phrase. Speculative ones go behind committed ones. Cancelling a waiting future removes the job.

        A cached phrase returns a future that is already done. Raises EngineError when closed or full.
        """
