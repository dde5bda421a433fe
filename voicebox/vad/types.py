"""What a voice activity detector gives and takes."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

__all__ = ["FRAME_SAMPLES", "VadStream", "VoiceActivityDetector"]

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
