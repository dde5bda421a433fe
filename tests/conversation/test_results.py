from __future__ import annotations

import pytest

from voicebox.conversation.history import History
from voicebox.conversation.results import carry_out, result_text
from voicebox.skills.types import Plan, SlotValue, Understanding

TIMER = Understanding(
    "set a timer", "timer.set", {"duration": SlotValue(600, "ten minutes")}, confidence=1.0, in_scope=True, complete=1.0
)


@pytest.mark.parametrize(
    ("data", "text"),
    [
        ({}, "timer.set, duration 600"),
        ({"intent": "timer.set", "name": ""}, "timer.set, duration 600"),
        ({"duration": 300}, "timer.set, duration 300"),
        (
            {"slots": {"milk": "oat"}, "items": ["tea", 2], "when": object()},
            "timer.set, duration 600, milk oat, items tea and 2",
        ),
    ],
)
def test_a_result_names_the_intent_and_the_plain_values(data: dict[str, object], text: str) -> None:
    assert result_text(TIMER, Plan("Okay.", data=data)) == text


def _history() -> History:
    history = History()
    history.add("turn_1", "user", "set a timer")
    return history


def test_what_is_done_is_noted_once_it_is_done() -> None:
    history, seen = _history(), []
    plan = Plan("Okay.", commit=lambda: seen.append(history.lines[0].results))
    assert carry_out("turn_1", TIMER, plan, history) is None
    assert seen == [()]
    assert history.lines[0].results == ("timer.set, duration 600",)


def test_what_fails_is_noted_as_failed_and_told() -> None:
    def fail() -> None:
        raise RuntimeError("the lamp is out")

    history = _history()
    error = carry_out("turn_1", TIMER, Plan("Okay.", commit=fail), history)
    assert error is not None
    assert error.code == "skill_failed"
    assert "lamp" in error.message
    assert history.lines[0].results == ("timer.set failed",)


def test_a_plan_that_changes_nothing_leaves_no_result() -> None:
    history = _history()
    assert carry_out("turn_1", TIMER, Plan("It's ten.", data={"time": "10:00"}), history) is None
    assert history.lines[0].results == ()
