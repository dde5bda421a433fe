"""The length scale with which a VITS voice speaks at a given rate.

VITS multiplies the predicted length of each symbol by the scale and rounds it up to whole frames. What rounding adds
does not shrink with the scale, and no symbol gets shorter than one frame: with half the scale a voice is 1.6 times as
fast, not twice. The scale is therefore solved for, from the frames that symbols took at the voice's own rate.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["length_factor"]

_LEAST, _MOST = 0.1, 8.0
_PARTS = (np.arange(16) + 0.5) / 16
"""A symbol of n frames was between n − 1 and n frames long before rounding: where, is taken to be uniform."""


def length_factor(frames: NDArray[np.float64], speed: float) -> float:
    """What the voice's own length scale is to be multiplied by.

    Args:
        frames: for each symbol of a typical text how many frames it takes at the voice's own scale, shape `(symbols,)`.
        speed: how much faster the text is to be spoken.

    Returns:
        The factor, 0.1 to 8; 1 for a speed of 1.
    """
    if speed == 1.0 or len(frames) == 0:
        return 1.0 / speed
    exact = np.maximum(frames[:, None] - _PARTS[None, :], 0.0)
    wanted = float(frames.sum()) / speed
    low, high = _LEAST, _MOST
    for _ in range(24):
        middle = (low * high) ** 0.5
        if float(np.ceil(middle * exact).mean(axis=1).sum()) < wanted:
            low = middle
        else:
            high = middle
    return high
