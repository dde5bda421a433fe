"""The silence around a phrase: little before it, and after it the pause that its punctuation asks for."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["trim"]

_LEAD_S = 0.005
_FLOOR = 10 ** (-40 / 20)
"""Relative to the peak: breath and vocoder noise lie below, the quietest fricatives of a voice above."""
_FADE_S = 0.004
_PAUSE_S = {".": 0.24, "!": 0.24, "?": 0.24, "…": 0.24, ":": 0.16, ";": 0.16, ",": 0.12, "—": 0.12, "–": 0.12}
_NO_PAUSE_S = 0.03
_CLOSING = "\"'”’»)]}*_` \t\r\n"


def trim(audio: NDArray[np.float32], rate: int, text: str) -> tuple[NDArray[np.float32], int]:
    """Cut the silence around speech.

    Args:
        audio: float32 mono, shape `(samples,)`, at `rate` Hz.
        text: what is said; its last character chooses how much silence may stay behind it.

    Returns:
        The audio (a copy, faded over 4 ms where it was cut; empty if all was silence) and how many samples were taken
        from its start.
    """
    level = np.abs(audio)
    peak = float(level.max(initial=0.0))
    if peak == 0.0:
        return np.zeros(0, np.float32), 0
    loud = np.flatnonzero(level > peak * _FLOOR)
    start = max(0, int(loud[0]) - int(_LEAD_S * rate))
    end = min(len(audio), int(loud[-1]) + 1 + int(pause_s(text) * rate))
    out = audio[start:end].copy()
    fade = min(int(_FADE_S * rate), len(out))
    ramp = np.linspace(0.0, 1.0, fade, dtype=np.float32)
    if start > 0:
        out[:fade] *= ramp
    if end < len(audio):
        out[len(out) - fade :] *= ramp[::-1]
    return out, start


def pause_s(text: str) -> float:
    """Seconds of silence that may follow a text."""
    last = text.rstrip(_CLOSING)[-1:]
    return _PAUSE_S.get(last, _NO_PAUSE_S)
