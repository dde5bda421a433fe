"""A caller's loudspeaker, as a calculation: when each sample that arrives is heard."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

__all__ = ["Heard", "Playback"]

_AUDIBLE = 0.01
"""Amplitude (−40 dBFS) from which a sample counts as audible."""


@dataclass
class Heard:
    """One reply as the caller hears it; times are the caller's, in seconds.

    `first_audible_s` is None while only silence has come. `pieces` hold what arrived, `(start, audio)` each.
    """

    reply: str
    first_audible_s: float | None = None
    pieces: list[tuple[float, NDArray[np.float32]]] = field(default_factory=list)
    stopped_s: float | None = None


class Playback:
    """Plays replies one after the other, each sample as soon as it is there and those before it are over.

    Args:
        rate: Hz of the audio.
    """

    def __init__(self, rate: int) -> None:
        self.rate = rate
        self.end_s = 0.0
        self._current: Heard | None = None

    def add(self, heard: Heard, audio: NDArray[np.float32], now_s: float) -> None:
        """Audio of a reply arrives."""
        if heard.stopped_s is not None:
            return
        self._current = heard
        start = max(now_s, self.end_s)
        self.end_s = start + len(audio) / self.rate
        heard.pieces.append((start, audio))
        if heard.first_audible_s is None:
            loud = np.flatnonzero(np.abs(audio) > _AUDIBLE)
            if len(loud):
                heard.first_audible_s = start + float(loud[0]) / self.rate

    def stop(self, now_s: float) -> tuple[str, int] | None:
        """Be silent from now on; returns the reply that was playing and how many ms of it were heard, None if none."""
        heard, self._current = self._current, None
        if heard is None or now_s >= self.end_s:
            return None
        played = 0.0
        for at, (start, audio) in enumerate(heard.pieces):
            rest = min(max(0.0, now_s - start), len(audio) / self.rate)
            heard.pieces[at] = (start, audio[: round(rest * self.rate)])
            played += rest
        if heard.first_audible_s is not None and heard.first_audible_s >= now_s:
            heard.first_audible_s = None
        heard.stopped_s = now_s
        self.end_s = now_s
        return heard.reply, int(1000 * played)
