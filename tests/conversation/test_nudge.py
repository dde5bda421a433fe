from __future__ import annotations

import pytest

from voicebox.conversation.history import Line
from voicebox.conversation.nudge import nudge


def test_a_caller_who_never_spoke_is_greeted() -> None:
    assert nudge([]) == "Hello, how can I help you?"


@pytest.mark.parametrize(
    ("said", "asked"),
    [
        ("For how long?", "Are you still there? For how long?"),
        ("I can set a timer. For how long?", "Are you still there? For how long?"),
        ("Are you still there? For how long?", "Are you still there? For how long?"),
    ],
)
def test_an_open_question_is_asked_again(said: str, asked: str) -> None:
    assert nudge([Line("turn_1", "user", "set a timer"), Line("reply_1", "assistant", said)]) == asked


@pytest.mark.parametrize("said", ["The light is on.", "What? It is ten past nine.", "Your timer"])
def test_where_no_question_is_open_help_is_offered(said: str) -> None:
    lines = [Line("turn_1", "user", "turn on the light"), Line("reply_1", "assistant", said)]
    assert nudge(lines) == "Is there anything else I can do for you?"


def test_a_question_of_the_caller_is_not_asked_back() -> None:
    assert nudge([Line("turn_1", "user", "what time is it?")]) == "Is there anything else I can do for you?"
