from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicebox.routing.cues import (
    answers_question,
    ends_dictating,
    ends_hesitating,
    ends_open,
    is_opener,
    stated,
)


@pytest.mark.parametrize(
    "text", ["Set a timer for", "a latte with...", "Turn on the", "five plus", "could you please", "I'd", "What day is"]
)
def test_open_ends(text: str) -> None:
    assert ends_open(text)


@pytest.mark.parametrize(
    "text", ["", "...", "Turn the light on.", "What day it is?", "Are there any alarms set?", "a table for two, please"]
)
def test_other_ends(text: str) -> None:
    assert not ends_open(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("Stop.", True), ("Really?", True), ("Turn the...", False), ("Wait…", False), ("one,", False), ("two", False)],
)
def test_a_sentence_ends_where_the_recogniser_heard_it_end(text: str, expected: bool) -> None:
    assert stated(text) is expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [("a latte, um", True), ("Uh...", True), ("umbrella", False), ("", False), ("um, stop", False)],
)
def test_hesitating(text: str, expected: bool) -> None:
    assert ends_hesitating(text) is expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("my number is 5 5 5", True),
        ("It's 555-12", True),
        ("call 4155", True),
        ("my number is 555 123 4567", False),
        ("call 555-1234.", False),
        ("set it to 20", False),
        ("20 minutes", False),
        ("", False),
    ],
)
def test_dictating(text: str, expected: bool) -> None:
    assert ends_dictating(text) is expected


@pytest.mark.parametrize(("text", "expected"), [("No.", True), ("Okay, yes", True), ("No, ten", False), ("", False)])
def test_openers(text: str, expected: bool) -> None:
    assert is_opener(text) is expected


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        ("Do you want milk?", "yes please"),
        ("Okay. Should I stop it?", "no"),
        ("You said ten minutes, right?", "right"),
        ("For how long?", "10"),
        ("For how long?", "10 minutes"),
        ("At what time?", "half past 7"),
        ("At what time tomorrow?", "noon"),
        ("How many people?", "four"),
    ],
)
def test_short_answers_to_the_question_that_was_asked(reply: str, said: str) -> None:
    assert answers_question(reply, said)


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        ("Do you want milk?", "yes and"),
        ("Do you want milk?", "10"),
        ("Okay, ten minutes.", "yes"),
        ("Shall I? I will.", "yes"),
        ("For how long?", "yes"),
        ("For how long?", "minutes"),
        ("Which name?", "10"),
        ("", "yes"),
        ("For how long?", ""),
    ],
)
def test_what_answers_no_question(reply: str, said: str) -> None:
    assert not answers_question(reply, said)


@given(st.text(max_size=40), st.text(max_size=40))
def test_any_text_has_an_answer(text: str, reply: str) -> None:
    for judge in (ends_open, ends_hesitating, ends_dictating, is_opener, stated):
        assert judge(text) in (True, False)
    assert answers_question(reply, text) in (True, False)
