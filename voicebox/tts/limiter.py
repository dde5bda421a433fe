"""Keeps peaks below a ceiling without changing what is not near one."""

from __future__ import annotations

import numpy as np
import soxr
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

__all__ = ["limit", "true_peak"]

CEILING = 10 ** (-1 / 20)
"""−1 dB of full scale for the signal between its samples (the maximum that EBU R 128 permits)."""
_OVERSAMPLING = 4
_ATTACK_S = 0.004


def true_peak(audio: NDArray[np.float32], rate: int) -> NDArray[np.float32]:
    """The largest level around each sample, also between samples, as four-fold oversampling sees it.

    Args:
        audio: mono, shape `(samples,)`, at `rate` Hz.

    Returns:
        Levels, shape `(samples,)`; never below the sample's own.
    """
    own = np.abs(audio)
    between = np.abs(soxr.resample(audio, rate, rate * _OVERSAMPLING, quality="HQ"))
    between = between[: len(audio) * _OVERSAMPLING]
    between = np.pad(between, (0, len(audio) * _OVERSAMPLING - len(between)))
    out: NDArray[np.float32] = np.maximum(own, between.reshape(-1, _OVERSAMPLING).max(axis=1)).astype(np.float32)
    return out


def limit(audio: NDArray[np.float32], rate: int, ceiling: float = CEILING) -> NDArray[np.float32]:
    """The audio with its peaks below the ceiling; the very same array if none is above.

    The gain falls over 4 ms towards a peak and rises over 4 ms after it, as a window's mean of the smallest gain in
    that window, so that no peak passes and no edge is heard.

    Args:
        audio: mono, shape `(samples,)`, at `rate` Hz, any level.
    """
    # Oversampling costs more than all the rest: what lies well below the ceiling cannot pass it between samples.
    if len(audio) == 0 or float(np.abs(audio).max()) < 0.7 * ceiling:
        return audio
    peaks = true_peak(audio, rate)
    if float(peaks.max()) <= ceiling:
        return audio
    needed = np.minimum(1.0, ceiling / np.maximum(peaks, 1e-9))
    reach = max(1, round(_ATTACK_S * rate))
    width = 2 * reach + 1
    least = sliding_window_view(np.pad(needed, 2 * reach, constant_values=1.0), width).min(axis=1)
    window = np.hanning(width + 2)[1:-1]
    gain = np.convolve(least, window / window.sum(), mode="valid")
    return (audio * gain).astype(np.float32)
