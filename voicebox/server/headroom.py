"""Whether one more call would hurt those there are, by measured lateness of the event loop and of recognition."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable

__all__ = ["Headroom"]

_INTERVAL_S = 0.1
_MEMORY_S = 3.0
_CALM_AFTER_S = 2 * _MEMORY_S


class Headroom:
    """Follows how late things are: a peak that fades with a time constant of 3 s.

    Lateness is the longer of two: by how much the event loop comes late to a timer, which is how late frames and audio
    are, and for how long a decode of a call has been waiting for the recogniser. A core that is busy shows in both;
    one that is busy with what gives way (recordings, guesses) shows in neither.

    Args:
        max_lag_ms: from this on there is no room; 0: there always is.
        waiting_s: seconds that the oldest decode of a call has been waiting.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        max_lag_ms: int,
        waiting_s: Callable[[], float] = lambda: 0.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._max_lag_ms = max_lag_ms
        self._waiting_s = waiting_s
        self._clock = clock
        self._peak_ms = 0.0
        self._at_s = clock()

    def sample(self, loop_lag_s: float) -> None:
        """Take note of how late the event loop was just now."""
        self._peak_ms = max(self.lag_ms, 1000 * max(loop_lag_s, self._waiting_s()))
        self._at_s = self._clock()

    @property
    def lag_ms(self) -> float:
        """How late things have been lately."""
        age_s = self._clock() - self._at_s
        # Not sampled for long: nobody was there who could have been late.
        return 0.0 if age_s > _CALM_AFTER_S else self._peak_ms * math.exp(-age_s / _MEMORY_S)

    @property
    def short(self) -> bool:
        """Whether there is no room for one more."""
        return bool(self._max_lag_ms) and self.lag_ms > self._max_lag_ms

    async def watch(self) -> None:
        """Sample until cancelled."""
        while True:
            due_s = self._clock() + _INTERVAL_S
            await asyncio.sleep(_INTERVAL_S)
            self.sample(self._clock() - due_s)
