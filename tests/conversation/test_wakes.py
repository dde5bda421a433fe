from __future__ import annotations

from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st

from voicebox.conversation.wakes import Wakes


class Clock:
    """A loop's timers in virtual time; session time may go more slowly, by `rate`."""

    def __init__(self, rate: float = 1.0) -> None:
        self.wall = 0.0
        self.rate = rate
        self.timers: list[Alarm] = []
        self.rang: list[float] = []
        self.wakes = Wakes(self.now, self.call_later, lambda: self.rang.append(self.now()))

    def now(self) -> float:
        return self.wall * self.rate

    def call_later(self, seconds: float, call: Callable[[], None]) -> Alarm:
        timer = Alarm(self, self.wall + seconds, call)
        self.timers.append(timer)
        return timer

    def advance(self, seconds: float) -> None:
        until = self.wall + seconds
        while due := [timer for timer in self.timers if timer.at <= until]:
            timer = min(due, key=lambda timer: timer.at)
            self.timers.remove(timer)
            self.wall = max(self.wall, timer.at)
            timer.call()
        self.wall = until


class Alarm:
    def __init__(self, clock: Clock, at: float, call: Callable[[], None]) -> None:
        self.clock, self.at, self.call = clock, at, call

    def cancel(self) -> None:
        self.clock.timers.remove(self)


def test_one_timer_serves_all_wake_ups() -> None:
    clock = Clock()
    for at in (3.0, 1.0, 2.0, 1.0):
        clock.wakes.add(at)
    assert len(clock.timers) == 1
    assert len(clock.wakes) == 3
    clock.advance(1.5)
    assert len(clock.rang) == 1
    clock.advance(5.0)
    assert len(clock.rang) == 3
    assert len(clock.wakes) == len(clock.timers) == 0


def test_what_is_over_wakes_at_once() -> None:
    clock = Clock()
    clock.advance(10.0)
    clock.wakes.add(2.0)
    clock.advance(0.01)
    assert len(clock.rang) == 1


def test_a_session_time_that_lags_is_waited_for() -> None:
    clock = Clock(rate=0.5)
    clock.wakes.add(1.0)
    clock.advance(1.9)
    assert clock.rang == []
    clock.advance(0.2)
    assert len(clock.rang) == 1


def test_a_closed_session_is_not_woken() -> None:
    clock = Clock()
    clock.wakes.add(1.0)
    clock.wakes.close()
    clock.wakes.close()
    clock.wakes.add(2.0)
    clock.advance(5.0)
    assert clock.rang == []


def test_a_tick_may_end_the_session() -> None:
    clock = Clock()
    clock.wakes._tick = clock.wakes.close
    clock.wakes.add(1.0)
    clock.wakes.add(2.0)
    clock.advance(5.0)
    assert clock.timers == []


@given(st.lists(st.tuples(st.floats(0, 5), st.floats(0, 2)), max_size=30))
def test_every_moment_is_rung_soon_after_it(story: list[tuple[float, float]]) -> None:
    clock, wanted = Clock(), []
    for at, seconds in story:
        clock.wakes.add(at)
        wanted.append(max(at, clock.now()))
        clock.advance(seconds)
    clock.advance(10.0)
    for at in wanted:
        assert any(at <= rang <= at + 0.002 for rang in clock.rang)
    assert len(clock.rang) <= len(wanted)
