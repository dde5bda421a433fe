"""Sound as an echo detector looks at it: power in bands of the spectrum, on a grid of session time.

Powers and not waveforms: clocks that drift, a loudspeaker that distorts and a room change the phase of an echo, hardly
the power of its bands (Faller and Chen, "Suppressing acoustic echo in a spectral envelope space", IEEE Transactions on
Speech and Audio Processing 13(5), 2005).
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

__all__ = ["BANDS", "HOP_S", "WINDOW_S", "band_powers", "grid_powers"]

HOP_S = 0.016
WINDOW_S = 0.032
BANDS = 20
_LOW_HZ, _HIGH_HZ = 150.0, 7_000.0

Powers = NDArray[np.float64]


def _mel(hz: float) -> float:
    return 2595.0 * float(np.log10(1.0 + hz / 700.0))


@lru_cache(maxsize=16)
def _bank(rate: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Window and band weights for a rate: shapes `(samples,)` and `(bins, BANDS)`."""
    size = round(WINDOW_S * rate)
    window = np.hanning(size + 2)[1:-1]
    hz = np.fft.rfftfreq(size, 1 / rate)
    edges = 700.0 * (10 ** (np.linspace(_mel(_LOW_HZ), _mel(_HIGH_HZ), BANDS + 2) / 2595.0) - 1.0)
    low, mid, high = edges[:-2], edges[1:-1], edges[2:]
    weights = np.minimum((hz[:, None] - low) / (mid - low), (high - hz[:, None]) / (high - mid)).clip(0.0)
    # So that a sound has the same powers at every rate.
    weights *= 2.0 / (size * float(np.square(window).sum()))
    return window.astype(np.float32), weights.astype(np.float32)


def band_powers(windows: NDArray[np.float32], rate: int) -> Powers:
    """Power of each band: windows of 32 ms, shape `(n, samples)` → `(n, BANDS)`, full scale is about 1."""
    window, weights = _bank(rate)
    spectrum = np.fft.rfft(windows * window, axis=1)
    power = spectrum.real**2 + spectrum.imag**2
    return np.asarray(power @ weights, np.float64)


def grid_powers(audio: NDArray[np.float32], rate: int, start_s: float) -> tuple[int, Powers]:
    """Band powers of audio that begins at `start_s`: the first hop (hop n is the window that ends at `n * HOP_S`), and
    the powers of it and the hops after it, shape `(hops, BANDS)`; parts of windows outside of the audio are silent."""
    size = round(WINDOW_S * rate)
    first = int(np.floor(start_s / HOP_S)) + 1
    last = int(np.ceil((start_s + len(audio) / rate + WINDOW_S) / HOP_S)) - 1
    hops = np.arange(first, max(last, first - 1) + 1)
    ends = np.round((hops * HOP_S - start_s) * rate).astype(np.int64)
    padded = np.concatenate((np.zeros(size, np.float32), audio, np.zeros(2 * size, np.float32)))
    return first, band_powers(padded[np.minimum(ends, len(audio) + size)[:, None] + np.arange(size)], rate)
