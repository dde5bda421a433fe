"""What a voice activity detector gives and takes."""

from __future__ import annotations

from concurrent.futures import Future
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

__all__ = ["FRAME_SAMPLES", "TurnJudge", "VadStream", "VoiceActivityDetector"]

FRAME_SAMPLES = 512
"""Samples per frame at 16 kHz: 32 ms."""


class VadStream(Protocol):
    """One session's detector state (recurrent state and context)."""

    def probability(self, frame: NDArray[np.float32]) -> float:
        """Speech probability of the next frame, shape `(512,)`, 16 kHz; NaN and infinities count as silence."""

    def reset(self) -> None:
        """Forget what was heard."""


class VoiceActivityDetector(Protocol):
    """A detector that many streams share."""

    def stream(self) -> VadStream:
        """A new stream."""

    def probabilities(self, streams: list[VadStream], frames: NDArray[np.float32]) -> NDArray[np.float32]:
        """One step of several streams at once: frames `(streams, 512)` → probabilities `(streams,)`."""


class TurnJudge(Protocol):
    """Tells from the sound of a turn whether it is over, for many sessions (`vad/smart_turn.py`)."""

    def submit(self, audio: NDArray[np.float32], *, session: str) -> Future[float]:
        """Ask for the probability (0 to 1) that a turn, 16 kHz, shape `(samples,)`, is over.

        A session's older question that waits is cancelled. Raises EngineError when closed or full.
        """
