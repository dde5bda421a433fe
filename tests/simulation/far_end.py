"""The caller's loudspeaker: plays what it is sent, drops what it is told to drop, and knows what was heard."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from tests.simulation.engines import RATE, WORD_S

__all__ = ["FarEnd", "Played"]


@dataclass
class Played:
    """One reply: its pieces as (start in loop time, seconds, words), and when it was cut off."""

    reply: str
    turn: str | None
    pieces: list[tuple[float, float, list[str]]] = field(default_factory=list)
    texts: list[list[str]] = field(default_factory=list)
    cut_s: float | None = None

    @property
    def ends_s(self) -> float:
        """When it is, or would have been, played to its end."""
        return max((start + seconds for start, seconds, _ in self.pieces), default=0.0)

    def over(self, now: float) -> bool:
        return self.cut_s is not None or now >= self.ends_s

    def heard(self, now: float) -> list[str]:
        """The words of which the greater part was played by `now`."""
        until = now if self.cut_s is None else min(now, self.cut_s)
        words: list[str] = []
        for start, seconds, said in self.pieces:
            each = seconds / max(1, len(said))
            words += [word for i, word in enumerate(said) if start + (i + 0.5) * each <= until]
        return words

    def audible(self, from_s: float, to_s: float) -> list[str]:
        """The words that sound between two moments."""
        until = to_s if self.cut_s is None else min(to_s, self.cut_s)
        return [
            word
            for start, _, said in self.pieces
            for i, word in enumerate(said)
            if from_s < start + (i + 0.5) * WORD_S <= until
        ]


class FarEnd:
    """Plays the replies of one session, and gives the sound that comes back to the microphone."""

    def __init__(self) -> None:
        self.replies: dict[str, Played] = {}
        self._last: Played | None = None
        self._sound: list[tuple[float, Played, NDArray[np.float32]]] = []

    def begin(self, reply: str, turn: str | None) -> None:
        self._last = self.replies[reply] = Played(reply, turn)
        for old in list(self.replies)[:-16]:
            del self.replies[old]

    def text(self, reply: str, text: str) -> None:
        self.replies[reply].texts.append(text.split())

    def play(self, reply: str, audio: NDArray[np.float32], now: float) -> None:
        played = self.replies[reply]
        start = max(now, played.ends_s)
        played.pieces.append((start, len(audio) / RATE, played.texts[-1]))
        self._sound.append((start, played, audio))

    def cut(self, reply: str, now: float) -> None:
        played = self.replies[reply]
        if played.cut_s is None and now < played.ends_s:
            played.cut_s = now

    def sounding(self, now: float) -> Played | None:
        """The reply that is heard at a moment."""
        return self._last if self._last is not None and not self._last.over(now) else None

    def echo(self, start_s: float, samples: int, gain: float) -> NDArray[np.float32]:
        """What the microphone picks up of the loudspeaker in a stretch of time."""
        out = np.zeros(samples, np.float32)
        end_s = start_s + samples / RATE
        self._sound = [piece for piece in self._sound if piece[0] + len(piece[2]) / RATE > start_s]
        for begin, played, audio in self._sound:
            if begin >= end_s or gain == 0.0:
                continue
            at = round((start_s - begin) * RATE)
            lo, hi = max(0, -at), min(samples, len(audio) - at)
            if played.cut_s is not None:
                hi = min(hi, round((played.cut_s - start_s) * RATE))
            if hi > lo:
                out[lo:hi] += gain * audio[at + lo : at + hi]
        return out
