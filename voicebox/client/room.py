"""A caller's loudspeaker and room, as a calculation: what the microphone picks up of what is played."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["Loudspeaker", "Room"]

_AUDIBLE = 0.01
_DUCKED = 0.25
"""A reply that may be interrupted is played 12 dB more quietly."""


class Loudspeaker:
    """What is played, sample by sample, on the caller's clock.

    Args:
        rate: Hz.
        seconds: the longest time that is kept.
    """

    def __init__(self, rate: int, seconds: float) -> None:
        self.rate = rate
        self._sound = np.zeros(round(rate * seconds), np.float32)
        self._gain = np.ones(len(self._sound), np.float32)
        self._ends = 0
        self.first_audible_s: float | None = None
        self._heard: dict[str, int] = {}

    def add(self, item: str, audio: NDArray[np.float32], now_s: float) -> None:
        """Audio of an item arrives: it is played at once, or after what is still to be played."""
        start = max(self._at(now_s), self._ends)
        piece = audio[: max(0, len(self._sound) - start)]
        self._sound[start : start + len(piece)] = piece
        self._ends = start + len(piece)
        self._heard[item] = self._heard.get(item, 0) + len(piece)
        if self.first_audible_s is None and len(loud := np.flatnonzero(np.abs(piece) > _AUDIBLE)):
            self.first_audible_s = (start + int(loud[0])) / self.rate

    @property
    def ends_s(self) -> float:
        """When all that came will have been played."""
        return self._ends / self.rate

    def stop(self, item: str, now_s: float) -> int | None:
        """Be silent from now on; returns how many ms of the item were played, None if it was played already."""
        now = self._at(now_s)
        if now >= self._ends:
            return None
        lost = self._ends - now
        self._sound[now : self._ends] = 0.0
        self._ends = now
        return max(0, 1000 * (self._heard.get(item, 0) - lost) // self.rate)

    def duck(self, on: bool, now_s: float) -> None:
        """Play more quietly from now on, or at full level again."""
        self._gain[self._at(now_s) :] = _DUCKED if on else 1.0

    def sound(self, start_s: float, samples: int) -> NDArray[np.float32]:
        """What is played from a time on (silence before the beginning), shape `(samples,)`."""
        start = self._at(start_s)
        window = np.zeros(samples, np.float32)
        if start + samples <= 0:
            return window
        first = max(0, -start)
        part = slice(start + first, start + samples)
        played = self._sound[part] * self._gain[part]
        window[first : first + len(played)] = played
        return window

    def _at(self, seconds: float) -> int:
        return round(seconds * self.rate)


class Room:
    """The way from a loudspeaker to a microphone beside it: delay, level, and reverberation.

    The impulse response is white noise that decays exponentially (Polack's model of a room's late reverberation),
    behind a direct sound of the same energy.

    Args:
        rate: Hz.
        delay_ms: from the moment at which a sample is played by the clock to its echo in the microphone's signal.
        level_db: the echo's level relative to what is played.
        rt60_s: the time in which the reverberation decays by 60 dB; 0 is no reverberation.
        seed: of the noise.
    """

    def __init__(self, rate: int, *, delay_ms: float, level_db: float, rt60_s: float, seed: int = 0) -> None:
        self._rate = rate
        self._delay_s = delay_ms / 1000
        length = max(1, round(min(rt60_s, 0.4) * rate))
        response = np.zeros(length, np.float32)
        response[0] = 1.0
        if length > 1:
            tail = np.random.default_rng(seed).standard_normal(length).astype(np.float32)
            tail *= np.exp(-6.91 / (rt60_s * rate) * np.arange(length, dtype=np.float32))
            response += tail / np.float32(np.sqrt(np.square(tail).sum()))
        gain = 10 ** (level_db / 20) / np.sqrt(np.square(response).sum())
        self._response = (response * gain).astype(np.float32)
        self._spectrum: dict[int, NDArray[np.complex64]] = {}

    def echo(self, loudspeaker: Loudspeaker, start_s: float, samples: int) -> NDArray[np.float32]:
        """The echo in the microphone from a time on, shape `(samples,)`."""
        before = len(self._response) - 1
        played = loudspeaker.sound(start_s - self._delay_s - before / self._rate, before + samples)
        if not played.any():
            return np.zeros(samples, np.float32)
        size = 1 << (len(played) + len(self._response) - 2).bit_length()
        if size not in self._spectrum:
            self._spectrum[size] = np.fft.rfft(self._response, size).astype(np.complex64)
        heard = np.fft.irfft(np.fft.rfft(played, size) * self._spectrum[size], size)
        return heard[before : before + samples].astype(np.float32)
