"""Long recordings in pieces that a recogniser takes: cut where it is quiet."""

from __future__ import annotations

import numpy as np

from voicebox.stt.types import SAMPLE_RATE, Audio

__all__ = ["quiet_cut", "split_quietly"]

_HOP = SAMPLE_RATE // 50
_SMOOTH = 15


def split_quietly(audio: Audio, max_s: float) -> list[Audio]:
    """Pieces of at most `max_s` seconds that together are the whole, shape `(samples,)` each.

    Each cut is at the quietest 300 ms of the second half of what a piece may hold.
    """
    limit = int(max_s * SAMPLE_RATE)
    pieces: list[Audio] = []
    while len(audio) > limit:
        cut = quiet_cut(audio[limit // 2 : limit]) + limit // 2
        pieces.append(audio[:cut])
        audio = audio[cut:]
    return [*pieces, audio]


def quiet_cut(audio: Audio) -> int:
    """The sample in the middle of the quietest 300 ms of audio; of less than that, its own middle."""
    frames = len(audio) // _HOP
    if frames <= _SMOOTH:
        return len(audio) // 2
    energy = np.square(audio[: frames * _HOP].reshape(frames, _HOP)).mean(axis=1)
    smooth = np.convolve(energy, np.ones(_SMOOTH) / _SMOOTH, mode="valid")
    return (int(np.argmin(smooth)) + _SMOOTH // 2) * _HOP + _HOP // 2
