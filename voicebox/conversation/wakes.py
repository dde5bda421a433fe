"""The moments at which the turn machine wants to be woken, and the one timer that is set for the next of them."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from typing import Protocol

__all__ = ["Timer", "Wakes"]

_LATE_S = 0.001
"""A timer may be early by the clock's resolution."""


class Timer(Protocol):
    """A timer that was set."""

    def cancel(self) -> None:
        """It is not wanted any more."""


class Wakes:
    """One session's wake-ups; those for the same moment are one, and those that are over are forgotten.

    Args:
        now: session time.
        call_later: calls back after so many seconds of real time.
        tick: what to do when it is time.
    """

    def __init__(
        self,
        now: Callable[[], float],
        call_later: Callable[[float, Callable[[], None]], Timer],
        tick: Callable[[], None],
    ) -> None:
        self._now = now
        self._call_later = call_later
        self._tick = tick
        self._due: list[float] = []
        self._timer: Timer | None = None
        self._timer_s = 0.0
        self._closed = False

    def __len__(self) -> int:
        return len(self._due)

    def add(self, at_s: float) -> None:
        """Wake at this session time, or at once if it is over."""
        if self._closed or at_s in self._due:
            return
        heapq.heappush(self._due, at_s)
        self._arm()

    def close(self) -> None:
        """Wake no more. Idempotent."""
        self._closed = True
        self._due.clear()
        self._disarm()

    def _arm(self) -> None:
        if self._timer is not None and self._due and self._timer_s <= self._due[0]:
            return
        self._disarm()
        if self._due:
            self._timer_s = self._due[0]
            self._timer = self._call_later(max(0.0, self._timer_s - self._now()) + _LATE_S, self._ring)

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _ring(self) -> None:
        self._timer = None
        now, rings = self._now(), False
        while self._due and self._due[0] <= now:
            heapq.heappop(self._due)
            rings = True
        if rings:
            self._tick()
        # Session time may go more slowly than the wall's: then it is not time yet. The tick may have ended the session.
        if not self._closed:
            self._arm()
