from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicebox.conversation.habits import Habits

BOUNDS = (0.8, 1.5)
STEPS = st.lists(st.tuples(st.sampled_from(["went_on", "ended", "opened"]), st.floats(0, 1e6)), max_size=200)


def turn(habits: Habits, *pauses_ms: float) -> Habits:
    """One turn with these pauses inside."""
    for pause_ms in pauses_ms:
        habits = habits.went_on(pause_ms)
    return habits.ended(0.0, 100.0)


def test_a_stranger_gets_the_usual_waits() -> None:
    assert Habits().pace == 1.0


def test_a_caller_with_long_pauses_gets_longer_and_one_without_gets_shorter() -> None:
    halting, fluent = Habits(), Habits()
    for _ in range(20):
        halting, fluent = turn(halting, 1400.0), turn(fluent)
    assert halting.pace == BOUNDS[1]
    assert fluent.pace == BOUNDS[0]


def test_one_long_pause_is_felt_at_once_and_forgotten_slowly() -> None:
    after = turn(Habits(), 1200.0)
    assert after.pace > 1.2
    later = after
    turns = 0
    while later.pace > 1.0:
        later, turns = turn(later), turns + 1
    assert 2 <= turns <= 10


def test_a_turn_that_went_on_does_not_count_as_fluent() -> None:
    assert turn(Habits(), 450.0).pace == pytest.approx(1.0)
    assert turn(Habits()).pace < 1.0


def test_stops_of_consonants_are_no_pauses() -> None:
    assert Habits().went_on(150.0) == Habits()
    assert Habits().went_on(float("nan")) == Habits()


def test_who_speaks_before_anybody_could_react_had_been_cut_off() -> None:
    ended = Habits().ended(spoke_s=10.0, now=10.4)
    assert ended.opened(10.6).pace > ended.pace
    assert ended.opened(10.41).pace > ended.pace, "however short the pause"
    assert ended.opened(10.9) == ended


def test_the_first_turn_follows_none() -> None:
    assert Habits().opened(0.0) == Habits()


@given(STEPS)
def test_the_pace_is_bounded_whatever_happens(steps: list[tuple[str, float]]) -> None:
    habits = Habits()
    for what, value in steps:
        if what == "went_on":
            habits = habits.went_on(value)
        elif what == "ended":
            habits = habits.ended(value, value + 0.3)
        else:
            habits = habits.opened(value)
        assert BOUNDS[0] <= habits.pace <= BOUNDS[1]


@given(st.floats(250, 1500), st.floats(250, 1500))
def test_a_caller_who_stays_the_same_is_soon_known(start_ms: float, pause_ms: float) -> None:
    habits = Habits(start_ms)
    last = abs(habits.inner_ms - pause_ms)
    for _ in range(60):
        habits = turn(habits, pause_ms)
        assert abs(habits.inner_ms - pause_ms) <= last
        last = abs(habits.inner_ms - pause_ms)
    assert habits.inner_ms == pytest.approx(pause_ms, abs=5)


@given(STEPS, st.floats(200, 5000), st.floats(200, 5000))
def test_longer_pauses_never_shorten_the_waits(steps: list[tuple[str, float]], a: float, b: float) -> None:
    habits = Habits()
    for what, value in steps:
        habits = habits.went_on(value) if what == "went_on" else habits.ended(value, value)
    shorter, longer = sorted((a, b))
    assert habits.went_on(shorter).pace <= habits.went_on(longer).pace
