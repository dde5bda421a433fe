"""The breaker as a state machine, against a plain account of what it promises."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from voicebox.routing.breaker import Breaker


def test_three_failures_open_it_and_a_probe_closes_it() -> None:
    breaker = Breaker(failures=3, probe_s=3.0)
    for now in (0.0, 0.1):
        breaker.begin(now)
        breaker.fail(now)
        assert breaker.allows(now)
    breaker.fail(0.2)
    assert breaker.state(0.2) == "open"
    assert not breaker.allows(3.1)
    assert breaker.allows(3.2), "it is probed within five seconds"
    breaker.begin(3.2)
    assert not breaker.allows(3.3), "one probe at a time"
    breaker.succeed()
    assert breaker.state(3.4) == "closed"


def test_a_probe_that_fails_doubles_the_wait_up_to_the_most() -> None:
    breaker = Breaker(failures=1, probe_s=3.0, max_probe_s=10.0)
    breaker.fail(0.0)
    now, waits = 0.0, []
    for _ in range(4):
        wait = next(step for step in range(1, 40) if breaker.allows(now + step))
        waits.append(wait)
        now += wait
        breaker.begin(now)
        breaker.fail(now)
    assert waits == [3, 6, 10, 10]


def test_a_success_between_failures_starts_the_count_again() -> None:
    breaker = Breaker(failures=2)
    breaker.fail(0.0)
    breaker.succeed()
    breaker.fail(1.0)
    assert breaker.allows(1.0)


def test_who_asks_to_be_left_alone_is() -> None:
    breaker = Breaker(failures=3, max_probe_s=30.0)
    breaker.fail(0.0, retry_after_s=7.0)
    assert not breaker.allows(6.9)
    assert breaker.allows(7.0)
    breaker.fail(7.0, retry_after_s=9999.0)
    assert breaker.allows(37.0), "but not for ever"


def test_a_probe_that_was_cancelled_says_nothing() -> None:
    breaker = Breaker(failures=1, probe_s=3.0)
    breaker.fail(0.0)
    breaker.begin(3.0)
    breaker.give_up()
    assert breaker.allows(3.1)


_EVENTS = st.lists(st.tuples(st.floats(0.01, 5.0), st.sampled_from(["fail", "succeed", "give_up"])), max_size=60)


@given(_EVENTS)
def test_it_never_stays_shut_and_never_lets_a_crowd_through(events: list[tuple[float, str]]) -> None:
    breaker, now, row = Breaker(failures=3, probe_s=3.0, max_probe_s=30.0), 0.0, 0
    for step, outcome in events:
        now += step
        if not breaker.allows(now):
            assert row >= 3
            assert any(breaker.allows(now + later) for later in (3.0, 6.0, 12.0, 24.0, 30.0))
            continue
        probing = breaker.state(now) == "half-open"
        breaker.begin(now)
        if probing:
            assert not breaker.allows(now)
        if outcome == "fail":
            row += 1
            breaker.fail(now)
            assert breaker.allows(now) == (row < 3)
        elif outcome == "succeed":
            row = 0
            breaker.succeed()
            assert breaker.state(now) == "closed"
        else:
            breaker.give_up()
