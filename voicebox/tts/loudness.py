"""How loud speech is heard to be, in LUFS, after ITU-R BS.1770-5 (annex 1) for one channel.

The standard gives its two weighting filters as coefficients at 48 kHz. Here their frequency response is applied to the
spectrum, so that a signal of any rate gets exactly the standard's weights, without a filter loop in Python.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

__all__ = ["integrated_loudness"]

# BS.1770-5, tables 1 and 2: a shelf for the head, and the revised low-frequency B curve.
_SHELF = ((1.53512485958697, -2.69169618940638, 1.19839281085285), (1.0, -1.69065929318241, 0.73248077421585))
_HIGH_PASS = ((1.0, -2.0, 1.0), (1.0, -1.99004745483398, 0.99007225036621))
_OFFSET_DB = -0.691
_BLOCK_S = 0.4
_STEP_S = 0.1
_ABSOLUTE_GATE = -70.0
_RELATIVE_GATE = -10.0
_TAIL_S = 0.2
"""Silence behind the signal, so that the filters' tails do not wrap around to its start."""


def integrated_loudness(audio: NDArray[np.float32], rate: int) -> float:
    """Gated loudness of a recording.

    Args:
        audio: mono, shape `(samples,)`, full scale 1.
        rate: Hz, at most 48,000.

    Returns:
        LUFS; −inf for silence. What is shorter than a block of 400 ms counts as one block.
    """
    if len(audio) == 0 or not np.any(audio):
        return -math.inf
    squares = np.square(_weighted(audio.astype(np.float64), rate))
    sums = np.concatenate(([0.0], np.cumsum(squares)))
    block = min(len(squares), round(_BLOCK_S * rate))
    starts = np.arange(0, len(squares) - block + 1, max(1, round(_STEP_S * rate)))
    power = np.maximum((sums[starts + block] - sums[starts]) / block, 1e-30)
    level = _OFFSET_DB + 10 * np.log10(power)
    power = power[level > _ABSOLUTE_GATE]
    level = level[level > _ABSOLUTE_GATE]
    if len(power) == 0:
        return -math.inf
    gate = _OFFSET_DB + 10 * math.log10(float(power.mean())) + _RELATIVE_GATE
    return _OFFSET_DB + 10 * math.log10(float(power[level > gate].mean()))


def _weighted(audio: NDArray[np.float64], rate: int) -> NDArray[np.float64]:
    padded = len(audio) + round(_TAIL_S * rate)
    size = 1 << (padded - 1).bit_length()
    z = np.exp(-2j * np.pi * np.fft.rfftfreq(size, 1 / rate) / 48_000)
    response = np.ones_like(z)
    for (b0, b1, b2), (a0, a1, a2) in (_SHELF, _HIGH_PASS):
        response *= (b0 + b1 * z + b2 * z * z) / (a0 + a1 * z + a2 * z * z)
    out: NDArray[np.float64] = np.fft.irfft(np.fft.rfft(audio, size) * response, size)[: len(audio)]
    return out
