from __future__ import annotations

import math

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from voicebox.conversation.endpoint import Eagerness, EndpointPolicy, Hints, Reason, Said, hints
from voicebox.conversation.habits import Habits
from voicebox.skills.types import Understanding

POLICY = EndpointPolicy(short_ms=200, unknown_ms=500, long_ms=1700, eagerness="medium")
REQUEST = Hints(Said.REQUEST)


def test_a_stated_request_that_is_complete_waits_least() -> None:
    wait = POLICY.wait("Set a timer for ten minutes.", 0.98, hints=REQUEST)
    assert (wait.ms, wait.reason) == (200, "complete")


def test_what_is_surely_not_all_waits_longest() -> None:
    wait = POLICY.wait("Turn off", 0.02, hints=REQUEST)
    assert (wait.ms, wait.reason) == (1700, "incomplete")


@pytest.mark.parametrize("complete", [None, math.nan])
def test_nothing_known_waits_between(complete: float | None) -> None:
    wait = POLICY.wait("", complete)
    assert (wait.ms, wait.reason) == (500, "unknown")


def test_a_sentence_that_was_not_heard_to_end_waits_longer() -> None:
    ended, open_, trailing = (
        POLICY.wait(text, 0.9, hints=REQUEST).ms
        for text in ("Add milk to my list.", "Add milk to my list,", "Add milk to my list...")
    )
    assert ended < open_ == trailing


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("set a timer for", Reason.DANGLING),
        ("Set a timer for the...", Reason.DANGLING),
        ("a latte with", Reason.DANGLING),
        ("Turn on the", Reason.DANGLING),
        ("what's five plus", Reason.DANGLING),
        ("Please", Reason.DANGLING),
        ("What day is", Reason.DANGLING),
        ("A latte, um", Reason.HESITATING),
        ("No, uh...", Reason.HESITATING),
        ("my number is 555 12", Reason.DICTATING),
        ("It's 4155", Reason.DICTATING),
        ("No.", Reason.OPENER),
        ("Okay, yes.", Reason.OPENER),
    ],
)
def test_words_after_which_more_comes_wait_whatever_the_model_says(text: str, reason: Reason) -> None:
    wait = POLICY.wait(text, 1.0, hints=Hints(Said.OTHER))
    assert wait.reasons[0] is reason
    assert wait.ms > 2 * POLICY.short_ms


@pytest.mark.parametrize(
    "text",
    [
        "Stop.",
        "Turn the light off.",
        "Turn the light on.",
        "A table for two, please.",
        "Could you tell me what day it is?",
        "Are there any alarms set?",
        "My number is 555 123 4567.",
        "Set it to 20.",
    ],
)
def test_other_ends_do_not_hold_the_turn(text: str) -> None:
    assert POLICY.wait(text, 1.0, hints=Hints(Said.OTHER)).reason == "complete"


def test_numbers_that_fill_a_request_are_not_dictated() -> None:
    assert POLICY.wait("Set the volume to 4, 5, 6", 1.0, hints=REQUEST).reasons[0] is not Reason.DICTATING


def test_the_answer_to_a_question_is_complete_however_short() -> None:
    bare = POLICY.wait("Ten", 0.1, hints=Hints(Said.OTHER))
    answer = POLICY.wait("Ten", 0.1, hints=Hints(Said.ANSWER))
    assert (answer.ms, answer.reason) == (200, "answer")
    assert bare.ms > 2 * answer.ms
    assert POLICY.wait("Yes.", 0.9, hints=Hints(Said.ANSWER)).ms == 200


def test_an_answer_that_dangles_is_waited_for() -> None:
    assert POLICY.wait("Ten minutes and", 1.0, hints=Hints(Said.ANSWER)).reason == "dangling"


def test_a_request_that_lacks_a_value_waits_for_it() -> None:
    wait = POLICY.wait("Set a timer.", 0.3, hints=Hints(Said.MISSING))
    assert wait.reason == "missing_slot"
    assert 500 < wait.ms < 1700


def test_a_request_to_which_values_may_be_added_waits_a_little_longer() -> None:
    closed = POLICY.wait("A large latte.", 0.9, hints=Hints(Said.REQUEST))
    open_ = POLICY.wait("A large latte.", 0.9, hints=Hints(Said.EXTENDABLE))
    assert closed.ms < open_.ms < 2 * closed.ms
    assert open_.reason == "open_slots"


def test_slow_speakers_get_longer_and_the_decision_says_so() -> None:
    quick = POLICY.wait("What time is it?", 0.75, hints=Hints(Said.REQUEST, 3.0))
    slow = POLICY.wait("What time is it?", 0.75, hints=Hints(Said.REQUEST, 1.5))
    slowest = POLICY.wait("What time is it?", 0.75, hints=Hints(Said.REQUEST, 0.1))
    assert quick.ms < slow.ms < slowest.ms <= POLICY.long_ms
    assert quick.reason == "complete"
    assert slow.reason == "unsure+slow_speaker"


def test_the_voice_can_hold_the_turn_and_never_ends_it() -> None:
    words = POLICY.wait("I like the one.", 0.8)
    held = POLICY.wait("I like the one.", 0.8, voice=0.01)
    assert held.ms > words.ms
    assert held.reason == "voice"
    assert POLICY.wait("I like the one.", 0.8, voice=0.99).ms == words.ms
    assert POLICY.wait("I like the one.", 0.8, voice=math.nan) == words


def test_the_voice_alone_decides_where_there_are_no_words_yet() -> None:
    assert POLICY.wait(voice=0.99).ms < POLICY.wait().ms < POLICY.wait(voice=0.01).ms
    assert POLICY.wait(voice=0.5).reason == "voice"


def test_no_words_at_all_hold_the_turn_for_the_second_one() -> None:
    wait = POLICY.wait(hints=Hints(Said.NOTHING))
    assert (wait.ms, wait.reason) == (1700, "nothing")


def test_a_fixed_wait_overrides_everything() -> None:
    policy = EndpointPolicy(fixed_ms=700, eagerness="low")
    wait = policy.wait("set a timer for", 0.0, hints=Hints(Said.MISSING, 0.5), voice=0.0, habits=Habits(1500))
    assert (wait.ms, wait.reason) == (700, "fixed")
    assert EndpointPolicy(fixed_ms=0).wait().ms == 0


def test_only_auto_regards_the_callers_habits() -> None:
    hasty, halting = Habits(250.0), Habits(1500.0)
    auto = EndpointPolicy(eagerness="auto")
    assert auto.wait("Stop.", 0.9, habits=hasty).ms < auto.wait("Stop.", 0.9, habits=halting).ms
    assert auto.wait("Stop.", 0.9, habits=halting).reason == "complete+pace"
    assert POLICY.wait("Stop.", 0.9, habits=hasty) == POLICY.wait("Stop.", 0.9, habits=halting)


EAGERNESS = st.sampled_from(["low", "medium", "high", "auto"])
TEXTS = st.sampled_from(
    ["", "Stop.", "set a timer for", "No.", "um", "555 12", "A latte", "A latte,", "What day is", "What day it is?"]
) | st.text(max_size=20)
HINTS = st.builds(Hints, st.sampled_from(Said), st.none() | st.floats(0, 20))
PROBABILITY = st.none() | st.floats(0, 1)
HABITS = st.builds(Habits, st.floats(250, 1500))


@given(TEXTS, PROBABILITY, HINTS, PROBABILITY, HABITS, EAGERNESS)
def test_every_wait_is_bounded_and_explained(
    text: str, complete: float | None, said: Hints, voice: float | None, habits: Habits, eagerness: Eagerness
) -> None:
    policy = EndpointPolicy(eagerness=eagerness)
    wait = policy.wait(text, complete, hints=said, voice=voice, habits=habits)
    assert 96 <= wait.ms <= policy.max_ms
    assert wait.reasons
    assert wait.reason == "+".join(wait.reasons)


@given(TEXTS, st.floats(0, 1), st.floats(0, 1), HINTS, PROBABILITY, HABITS, EAGERNESS)
def test_the_surer_the_shorter(
    text: str, a: float, b: float, said: Hints, voice: float | None, habits: Habits, eagerness: Eagerness
) -> None:
    less, more = sorted((a, b))
    policy = EndpointPolicy(eagerness=eagerness)
    sure = policy.wait(text, more, hints=said, voice=voice, habits=habits)
    assert sure.ms <= policy.wait(text, less, hints=said, voice=voice, habits=habits).ms


@given(TEXTS, st.floats(0, 1), HINTS, st.floats(0, 1), st.floats(0, 1))
def test_the_more_final_the_voice_the_shorter(text: str, complete: float, said: Hints, a: float, b: float) -> None:
    less, more = sorted((a, b))
    final = POLICY.wait(text, complete, hints=said, voice=more)
    assert final.ms <= POLICY.wait(text, complete, hints=said, voice=less).ms


@given(TEXTS, PROBABILITY, HINTS, PROBABILITY)
def test_the_more_eager_the_shorter(text: str, complete: float | None, said: Hints, voice: float | None) -> None:
    levels: list[Eagerness] = ["high", "medium", "low"]
    high, medium, low = (
        EndpointPolicy(eagerness=level).wait(text, complete, hints=said, voice=voice).ms for level in levels
    )
    assert high < medium
    assert medium < low or low == EndpointPolicy().max_ms
    auto = EndpointPolicy(eagerness="auto").wait(text, complete, hints=said, voice=voice).ms
    assert auto == medium, "nothing is known of this caller"


@given(TEXTS, st.floats(0, 1), st.floats(1, 10), st.floats(1, 10))
def test_the_slower_the_longer(text: str, complete: float, a: float, b: float) -> None:
    slow, quick = sorted((a, b))
    assume(slow < quick)
    longer = POLICY.wait(text, complete, hints=Hints(Said.REQUEST, slow)).ms
    assert longer >= POLICY.wait(text, complete, hints=Hints(Said.REQUEST, quick)).ms


def understanding(text: str = "a large latte", **changes: object) -> Understanding:
    fields: dict[str, object] = {
        "text": text, "intent": "coffee.order", "slots": {}, "confidence": 0.9, "in_scope": True, "complete": 0.9,
    }  # fmt: skip
    return Understanding(**(fields | changes))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, Said.REQUEST),
        ({"addable": ("milk",)}, Said.EXTENDABLE),
        ({"missing": ("drink",), "addable": ("milk",)}, Said.MISSING),
        ({"answers": True, "addable": ("milk",)}, Said.ANSWER),
        ({"missing": ("drink",), "answers": True}, Said.MISSING),
        ({"amends": True}, Said.AMENDMENT),
        ({"in_scope": False}, Said.OTHER),
        ({"in_scope": False, "answers": True}, Said.ANSWER),
    ],
)
def test_hints_say_what_the_words_are_to_the_skills(changes: dict[str, object], said: Said) -> None:
    assert hints(understanding(**changes), 1.0).said is said


def test_the_speaking_rate_needs_some_words_and_some_time() -> None:
    assert hints(understanding("a large latte"), 1.9).words_per_s == pytest.approx(2.0)
    assert hints(understanding("stop"), 1.9).words_per_s is None
    assert hints(understanding("a large latte"), 0.1).words_per_s is None
