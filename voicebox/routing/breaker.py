"""A circuit breaker: a tier that fails is left alone for seconds, then tried with one request.

Source: M. Nygard, Release It! (2nd edition, 2018), chapter 5.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["Breaker", "BreakerState"]

BreakerState = Literal["closed", "open", "half-open"]


@dataclass(slots=True)
class Breaker:
    """One tier's. All times are seconds on one clock, which the caller reads.

    Args:
        failures: failures in a row that open it.
        probe_s: seconds after which an open one lets a single request through; doubled with each probe that fails,
            up to `max_probe_s`.
    """

    failures: int = 3
    probe_s: float = 3.0
    max_probe_s: float = 30.0
    _row: int = 0
    _opened_s: float | None = None
    _wait_s: float = 0.0
    _probe_since_s: float | None = None

    def state(self, now: float) -> BreakerState:
        """Closed: requests pass. Open: none do. Half-open: one may."""
        if self._opened_s is None:
            return "closed"
        return "half-open" if now >= self._opened_s + self._wait_s else "open"

    def allows(self, now: float) -> bool:
        """Whether a request may pass now; a probe under way keeps others out, for as long as it may take."""
        state = self.state(now)
        if state == "half-open":
            return self._probe_since_s is None or now >= self._probe_since_s + self.max_probe_s
        return state == "closed"

    def begin(self, now: float) -> None:
        """A request goes out."""
        if self.state(now) == "half-open":
            self._probe_since_s = now

    def succeed(self) -> None:
        """A request gave what was wanted."""
        self._row, self._opened_s, self._probe_since_s = 0, None, None

    def fail(self, now: float, *, retry_after_s: float | None = None) -> None:
        """A request failed; `retry_after_s` is how long the tier itself asks to be left alone."""
        self._row += 1
        probed = self._probe_since_s is not None
        self._probe_since_s = None
        if probed:
            self._open(now, min(2 * self._wait_s, self.max_probe_s))
        elif self._row >= self.failures and self._opened_s is None:
            self._open(now, self.probe_s)
        if retry_after_s is not None and retry_after_s > 0:
            self._open(now, max(min(retry_after_s, self.max_probe_s), self._wait_s))

    def give_up(self) -> None:
        """A request was cancelled before it had come to anything: it says nothing of the tier."""
        self._probe_since_s = None

    def _open(self, now: float, wait_s: float) -> None:
        self._opened_s, self._wait_s = now, wait_s
