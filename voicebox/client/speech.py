"""Where a recording holds speech, by Silero offline: the caller's side of a latency measurement."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from voicebox.audio.resample import resample
from voicebox.vad.silero import SileroVad
from voicebox.vad.types import FRAME_SAMPLES

__all__ = ["voiced_ends"]

_RATE = 16_000


def voiced_ends(audio: NDArray[np.float32], rate: int, *, threshold: float = 0.5) -> NDArray[np.float64]:
    """Ends of the voiced frames (32 ms each) in seconds from the start, rising, shape `(frames,)`.

    The last of them is where the caller's speech ends. Empty for a recording without speech.
    """
    speech = resample(audio, rate, _RATE)
    frames = len(speech) // FRAME_SAMPLES
    stream = SileroVad().stream()
    voiced = [
        stream.probability(speech[at * FRAME_SAMPLES : (at + 1) * FRAME_SAMPLES]) >= threshold for at in range(frames)
    ]
    ends: NDArray[np.float64] = (np.flatnonzero(voiced) + 1).astype(np.float64) * (FRAME_SAMPLES / _RATE)
    return ends
