"""How long a tier takes, and how often it fails, of late."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass

__all__ = ["Latency", "LatencyReport"]


@dataclass(frozen=True, slots=True)
class LatencyReport:
    """Of the last requests: how many, the first useful token's percentiles in ms (None: never seen), failed share."""

    count: int
    p50_ms: float | None
    p95_ms: float | None
    failed: float


class Latency:
    """The last requests of one tier.

    Args:
        window: how many are remembered.
    """

    def __init__(self, window: int = 50) -> None:
        self._times_s: deque[float] = deque(maxlen=window)
        self._failed: deque[bool] = deque(maxlen=window)

    def first_token(self, seconds: float) -> None:
        """A request's first useful token came after so long."""
        self._times_s.append(seconds)

    def ended(self, *, failed: bool) -> None:
        """A request is over."""
        self._failed.append(failed)

    def quantile_s(self, share: float) -> float | None:
        """The time in which this share of first tokens came; None if none has come yet."""
        if not self._times_s:
            return None
        ordered = sorted(self._times_s)
        return ordered[min(len(ordered) - 1, math.ceil(share * len(ordered)) - 1)]

    def remaining_s(self, elapsed_s: float, share: float = 0.5) -> float | None:
        """How much longer it takes in this share of the cases that took longer than `elapsed_s`; None if none did."""
        longer = sorted(time_s for time_s in self._times_s if time_s > elapsed_s)
        return longer[min(len(longer) - 1, math.ceil(share * len(longer)) - 1)] - elapsed_s if longer else None

    @property
    def report(self) -> LatencyReport:
        """For people and metrics."""
        p50, p95 = self.quantile_s(0.5), self.quantile_s(0.95)
        return LatencyReport(
            len(self._failed),
            None if p50 is None else round(1000 * p50, 1),
            None if p95 is None else round(1000 * p95, 1),
            round(sum(self._failed) / len(self._failed), 3) if self._failed else 0.0,
        )
