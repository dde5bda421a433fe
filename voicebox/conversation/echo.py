"""Whose voice is in the microphone: the caller's, or the assistant's own, back from the caller's loudspeaker?

What was sent is known; its delay, level and room are not. Of each hop of 16 ms two things are asked:

1. Does the microphone follow what is played? The band powers of the last quarter of a second, as logarithms without
   their mean, are correlated with those of what was played, at every delay up to 640 ms: an echo stands out at one of
   them (after Benesty, Morgan and Cho, "A new class of doubletalk detectors based on cross-correlation", IEEE
   Transactions on Speech and Audio Processing 8(2), 2000; here on spectral envelopes).
2. Is there more in the microphone than the echo explains? Its delay and its gain in each band are learnt while the
   microphone follows what is played, and with them the power of the echo is known in advance (after Faller and Chen,
   "Suppressing acoustic echo in a spectral envelope space", the same journal 13(5), 2005). More than that is somebody
   who speaks, with or without an echo beside.

Reverberation is an exponential decay of each band's power. How loud an echo can be at most is learnt while it is *not*
heard, too: on headphones every voice is the caller's, at once.
"""

from __future__ import annotations

from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from voicebox.audio.windows import windows
from voicebox.conversation.echo_bands import BANDS, HOP_S, WINDOW_S, Powers, band_powers, grid_powers

__all__ = ["EchoDetector", "Source"]

_RATE = 16_000
_HOP = round(HOP_S * _RATE)
_WINDOW = round(WINDOW_S * _RATE)
_LAGS = 41
"""Delays from 0 to 640 ms, of what is thought to be played earlier by this: clocks are not exact."""
_EARLY_S = 0.048
_SPAN = 16
"""Hops of the microphone that are compared at once: 256 ms."""
_SHORT = 6
"""Hops over which more than the echo is looked for: 96 ms."""
_TAIL_S = 1.0
"""The longest delay, and reverberation."""
_DECAY = 0.6
"""Of a band's power from hop to hop, in a room with half a second of reverberation."""
_QUIET = 1e-9
"""Power of a band (-90 dB of full scale) that nobody hears."""
_AUDIBLE = 1e-6
"""Power over all bands from which on something is played."""
_ALIKE = 0.72
"""Correlation from which on the microphone follows what is played, at a known delay."""
_SURELY_ALIKE = 0.82
"""The same at any delay: the best of 41 is high by chance."""
_EXPLAINED_DB, _MORE_DB = 1.5, 3.0
"""Mean excess over the echo in the bands up to which it explains a sound, and from which on it does not."""
_AHEAD_S = 60.0
"""Of one phrase that is kept."""
_CHANCE, _FORGET, _ENOUGH_VOTES = 0.6, 0.98, 1.5
"""A delay collects what the likeness has over chance, and forgets with a time constant of 0.8 s of sound."""
_RISE = 1.011
"""Per hop: 3 dB a second."""
_MAX_FLOOR = 1e-3


class Source(StrEnum):
    """Whose sound it is that the microphone picks up."""

    CALLER = "caller"
    """The caller's, perhaps with an echo beside it; always so when nothing was played."""
    ECHO = "echo"
    """The assistant's own voice explains it."""
    UNSURE = "unsure"


class EchoDetector:
    """One session's detector. Times are session seconds, audio is float32 mono.

    `play` tells what was sent and when it is thought to be played; `hear` takes the microphone's frames in order. An
    echo may come up to 50 ms sooner than thought, and 590 ms later.
    """

    def __init__(self) -> None:
        self._played: dict[int, Powers] = {}
        self._until_s = -1.0
        self._ref = np.zeros((_LAGS + _SPAN - 1, BANDS))
        """What was played, with reverberation, up to now."""
        self._ref_log = np.full(self._ref.shape, np.log(_QUIET))
        # Of each hop that was played: its power, and the sum of its squared logarithms.
        self._ref_power = np.zeros(len(self._ref))
        self._ref_squares = np.full(len(self._ref), BANDS * np.log(_QUIET) ** 2)
        self._mic = np.full((_SPAN, BANDS), _QUIET)
        self._rest = np.zeros(_WINDOW - _HOP, np.float32)
        self._floor = np.full(BANDS, _MAX_FLOOR)
        self._hop = 0
        self._votes = np.zeros(_LAGS)
        self._gain: Powers | None = None
        self._ceiling: Powers | None = None
        self._lag: int | None = None
        self.likeness = 0.0
        """How much the last quarter of a second follows what is played, -1 to 1."""
        self.excess_db = 0.0
        """How much more there is in the microphone than the echo explains; 0 while no echo is known."""
        self.source = Source.CALLER
        self.frozen = False
        """Set while the far end may play at another level, and somebody speaks: nothing is learnt then."""

    @property
    def delay_ms(self) -> float | None:
        """How late the echo comes, once that is known."""
        return None if self._lag is None else 1000 * (self._lag * HOP_S - _EARLY_S)

    def play(self, audio: NDArray[np.float32], rate: int, start_s: float) -> None:
        """Audio, shape `(samples,)`, at `rate` Hz will be played from `start_s` on."""
        start_s -= _EARLY_S
        self._until_s = max(self._until_s, start_s + min(_AHEAD_S, len(audio) / rate))
        first, powers = grid_powers(audio[: round(_AHEAD_S * rate)], rate, start_s)
        for hop, power in enumerate(powers, start=first):
            self._played[hop] = self._played[hop] + power if hop in self._played else power

    def stop(self, at_s: float) -> None:
        """Nothing that was to be played after `at_s` is."""
        self._until_s = min(self._until_s, at_s)
        last = int(at_s / HOP_S)
        self._played = {hop: power for hop, power in self._played.items() if hop <= last}

    def audible(self, at_s: float) -> bool:
        """Whether an echo may be heard: something is played, or was not long ago. Else nothing need be asked."""
        return at_s <= self._until_s + _TAIL_S

    def hear(self, frame: NDArray[np.float32], end_s: float) -> Source:
        """The microphone's next frame, shape `(512,)` at 16 kHz, which ends at `end_s`."""
        sound = np.concatenate((self._rest, frame))
        self._rest = sound[len(sound) - (_WINDOW - _HOP) :]
        count = len(frame) // _HOP
        last = round(end_s / HOP_S)
        for hop, power in enumerate(band_powers(windows(sound, _WINDOW, _HOP), _RATE), start=last - count + 1):
            self._advance(hop, power)
        return self.source

    def _advance(self, hop: int, power: Powers) -> None:
        if not 0 < hop - self._hop <= _LAGS:
            # The clock jumped: what was heard before does not adjoin.
            self._mic[:] = _QUIET
            self._played = {at: played for at, played in self._played.items() if at > hop - len(self._ref)}
        for at in range(max(self._hop + 1, hop - len(self._ref) + 1), hop + 1):
            played = self._played.pop(at, None)
            now = _DECAY * self._ref[-1] if played is None else played + _DECAY * self._ref[-1]
            _push(self._ref, now)
            log = np.log(now + _QUIET)
            _push(self._ref_log, log)
            _push(self._ref_power, now.sum())
            _push(self._ref_squares, log @ log)
        self._hop = hop
        _push(self._mic, power)
        # The quietest of late: down at once, up by 3 dB a second.
        self._floor = np.minimum(np.maximum(np.minimum(power, self._floor * _RISE), _QUIET), _MAX_FLOOR)
        self.source = self._judge()

    def _judge(self) -> Source:
        power = self._ref_power
        if power.max() < _AUDIBLE:
            self.likeness = self.excess_db = 0.0
            return Source.CALLER
        alike = self._correlate()
        if power[-_SPAN - 12 :].min() > _AUDIBLE:
            # In a stretch in which all is played, the delay does not matter much.
            bound = (_mean(self._mic) + _QUIET) / (_mean(self._ref[-_SPAN - 12 :]) + _QUIET)
            self._ceiling = bound if self._ceiling is None else np.minimum(self._ceiling * _RISE, bound)
        if not self.frozen and self._mic[-_SHORT:].sum() > 4.0 * _SHORT * self._floor.sum():
            self._learn(alike)
        lag = self._lag
        self.likeness = float((alike if lag is None else alike[max(0, lag - 2) : lag + 3]).max())
        self.excess_db = self._excess()
        if self.excess_db >= _MORE_DB:
            return Source.CALLER
        if lag is None:
            return Source.ECHO if self.likeness >= _SURELY_ALIKE else Source.UNSURE
        if self.excess_db <= _EXPLAINED_DB or self.likeness >= _SURELY_ALIKE:
            return Source.ECHO
        return Source.UNSURE

    def _correlate(self) -> NDArray[np.float64]:
        """Likeness of the microphone's last hops and what was played, for each delay, shape `(lags,)`."""
        mic = np.log(self._mic + self._floor)
        mic -= _mean(mic)
        # Product of every hop that was played with every one that was heard; one delay is one diagonal.
        products = np.ascontiguousarray(self._ref_log @ mic.T)
        row, column = products.strides
        diagonals: Powers = np.ndarray((_LAGS, _SPAN), products.dtype, products, 0, (row, row + column))
        sums = np.zeros((len(self._ref_log) + 1, BANDS))
        self._ref_log.cumsum(axis=0, out=sums[1:])
        squares = np.zeros(len(self._ref_log) + 1)
        self._ref_squares.cumsum(out=squares[1:])
        inside = sums[_SPAN:] - sums[:-_SPAN]
        spread = squares[_SPAN:] - squares[:-_SPAN] - (inside * inside).sum(axis=1) / _SPAN
        norm = np.sqrt(np.maximum(spread, 0.0) * (mic * mic).sum()) + 1e-6
        alike: NDArray[np.float64] = (diagonals.sum(axis=1) / norm)[::-1]
        return alike

    def _learn(self, alike: NDArray[np.float64]) -> None:
        """Delay and gain of the echo, from a moment in which something is heard."""
        self._votes = _FORGET * self._votes + np.maximum(alike - _CHANCE, 0.0)
        best = int(self._votes.argmax())
        self._lag = best if self._votes[best] > _ENOUGH_VOTES else None
        if self._lag is None or alike[self._lag] < _ALIKE:
            return
        gain = self._mic.sum(axis=0) / (self._echo(self._lag, _SPAN).sum(axis=0) + _QUIET)
        self._gain = gain if self._gain is None else self._gain**0.9 * gain**0.1

    def _echo(self, lag: int, hops: int) -> Powers:
        """What was played `lag` hops before the microphone's last `hops`."""
        end = len(self._ref) - lag
        return self._ref[end - hops : end]

    def _excess(self) -> float:
        if self._lag is not None and self._gain is not None:
            near = [_mean(self._echo(max(0, self._lag + d), _SHORT)) for d in (-1, 0, 1)]
            echo = self._gain * np.maximum.reduce(near)
        elif self._ceiling is not None:
            echo = 4.0 * self._ceiling * self._ref.max(axis=0)
        else:
            return 0.0
        more = 10 * np.log10((_mean(self._mic[-_SHORT:]) + _QUIET) / (echo + 2.0 * self._floor))
        return float(np.minimum(np.maximum(more, 0.0), 15.0).sum() / BANDS)


def _mean(rows: Powers) -> Powers:
    """Over the hops; numpy's own takes twice as long for so few."""
    mean: Powers = rows.sum(axis=0) / len(rows)
    return mean


def _push(rows: Powers, row: Powers | float) -> None:
    rows[:-1] = rows[1:]
    rows[-1] = row
