"""How much each key uses, and each address: sessions at once, requests per minute, minutes per day."""

from __future__ import annotations

import time
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from voicebox.server.http_errors import HttpError
from voicebox.server.keys import Limits

__all__ = ["Quotas", "Rate"]

_DAY_S = 86_400
_MINUTE_S = 60.0
_MOST = 10_000


class Rate:
    """So many per minute for each name, in any minute; names that were not heard of for longest are forgotten.

    Args:
        per_minute: how many; 0 is no limit.
        clock: monotonic seconds.
    """

    def __init__(self, per_minute: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._per_minute = per_minute
        self._clock = clock
        self._times: OrderedDict[str, deque[float]] = OrderedDict()

    def take(self, name: str) -> float:
        """Count one more and return 0, or return after how many seconds one more may come."""
        if not self._per_minute:
            return 0.0
        now = self._clock()
        times = self._times.setdefault(name, deque())
        self._times.move_to_end(name)
        if len(self._times) > _MOST:
            self._times.popitem(last=False)
        while times and times[0] <= now - _MINUTE_S:
            times.popleft()
        if len(times) >= self._per_minute:
            return times[0] + _MINUTE_S - now
        times.append(now)
        return 0.0


class Quotas:
    """The account of one key. Minutes start anew with the UTC day, and with the server.

    Args:
        limits: what it may use.
        clock: monotonic seconds.
        today: Unix seconds.
    """

    def __init__(
        self,
        limits: Limits,
        *,
        clock: Callable[[], float] = time.monotonic,
        today: Callable[[], float] = time.time,
    ) -> None:
        self.limits = limits
        self._requests = Rate(limits.requests_per_minute or 0, clock)
        self._today = today
        self._day = 0
        self._spent_s = 0.0
        self._spent_usd = 0.0
        self._sessions = 0

    def request(self) -> None:
        """Count one more request.

        Raises:
            HttpError: 429, there were too many in the last minute.
        """
        wait_s = self._requests.take("")
        if wait_s:
            raise HttpError(
                429,
                f"This key may make {self.limits.requests_per_minute} requests a minute",
                "rate_limit_exceeded",
                headers={"retry-after": str(max(1, round(wait_s + 0.5)))},
            )

    @contextmanager
    def session(self) -> Iterator[None]:
        """Count a session for as long as it lasts.

        Raises:
            HttpError: 429, it has as many as it may have, or no minutes left.
        """
        self.spend(0.0)
        if self.limits.sessions is not None and self._sessions >= self.limits.sessions:
            raise HttpError(429, f"This key may hold {self.limits.sessions} sessions at once", "session_limit_exceeded")
        self._sessions += 1
        try:
            yield
        finally:
            self._sessions -= 1

    def spend(self, seconds: float) -> None:
        """Count seconds of a call or of audio.

        Raises:
            HttpError: 429, the day's minutes were used up before.
        """
        now = self._begin_day()
        if not self.left_s > 0:
            raise HttpError(
                429,
                f"This key has used its {self.limits.minutes_per_day:g} minutes of today",
                "quota_exceeded",
                headers={"retry-after": str(int(_DAY_S - now % _DAY_S) + 1)},
            )
        self._spent_s += seconds

    def pay(self, usd: float) -> None:
        """Count US dollars that a larger model has cost."""
        self._begin_day()
        self._spent_usd += usd

    @property
    def left_usd(self) -> float | None:
        """US dollars that are left of the day's; None for any amount."""
        self._begin_day()
        return None if self.limits.usd_per_day is None else self.limits.usd_per_day - self._spent_usd

    def _begin_day(self) -> float:
        now = self._today()
        if int(now // _DAY_S) != self._day:
            self._day, self._spent_s, self._spent_usd = int(now // _DAY_S), 0.0, 0.0
        return now

    @property
    def left_s(self) -> float:
        """Seconds that are left of the day's."""
        if self.limits.minutes_per_day is None:
            return float("inf")
        return self.limits.minutes_per_day * 60 - self._spent_s
