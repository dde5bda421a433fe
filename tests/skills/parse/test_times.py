from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicebox.skills.parse import times
from voicebox.skills.wording import number_words

NOW = datetime(2026, 3, 4, 15, 10)  # a Wednesday


def values(text, now=NOW, **more):
    return [match.value for match in times.find(text, now, **more)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("half past seven", "2026-03-04T19:30:00"),
        ("7:30 pm", "2026-03-04T19:30:00"),
        ("7.30 p.m.", "2026-03-04T19:30:00"),
        ("730 am", "2026-03-05T07:30:00"),
        ("seven oh five", "2026-03-04T19:05:00"),
        ("six o'clock", "2026-03-04T18:00:00"),
        ("18:45", "2026-03-04T18:45:00"),
        ("a quarter to eight", "2026-03-04T19:45:00"),
        ("ten past six", "2026-03-04T18:10:00"),
        ("quarter to one", "2026-03-05T00:45:00"),
        ("7 p m", "2026-03-04T19:00:00"),
        ("6 a.m.", "2026-03-05T06:00:00"),
        ("12 am", "2026-03-05T00:00:00"),
        ("12:30 pm", "2026-03-05T12:30:00"),
        ("eight in the evening", "2026-03-04T20:00:00"),
        ("2 at night", "2026-03-05T02:00:00"),
        ("nine tonight", "2026-03-04T21:00:00"),
        ("tonight at nine", "2026-03-04T21:00:00"),
        ("midnight", "2026-03-05T00:00:00"),
        ("noon tomorrow", "2026-03-05T12:00:00"),
        ("a quarter past noon tomorrow", "2026-03-05T12:15:00"),
        ("tomorrow at seven", "2026-03-05T07:00:00"),
        ("tomorrow evening at eight", "2026-03-05T20:00:00"),
        ("seven thirty tomorrow morning", "2026-03-05T07:30:00"),
        ("the day after tomorrow at noon", "2026-03-06T12:00:00"),
        ("next friday at six", "2026-03-06T06:00:00"),
        ("6 am on monday", "2026-03-09T06:00:00"),
        ("in twenty minutes", "2026-03-04T15:30:00"),
        ("an hour from now", "2026-03-04T16:10:00"),
        ("in two weeks at 5 pm", "2026-03-18T17:00:00"),
        ("march 3rd at 5 pm", "2027-03-03T17:00:00"),
        ("Seven forty-five.", "2026-03-04T19:45:00"),
    ],
)
def test_times_as_people_say_them(text, expected):
    assert values(text) == [expected]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("tomorrow", "2026-03-05"),
        ("friday", "2026-03-06"),
        ("this wednesday", "2026-03-04"),
        ("next wednesday", "2026-03-11"),
        ("the weekend", "2026-03-07"),
        ("in three days", "2026-03-07"),
        ("christmas", "2026-12-25"),
        ("new year's eve", "2026-12-31"),
        ("thanksgiving", "2026-11-26"),
        ("july 4", "2026-07-04"),
        ("the third of april", "2026-04-03"),
        ("december 25, 2027", "2027-12-25"),
        ("the 15th", "2026-03-15"),
        ("the second", "2026-04-02"),
        ("february 29", "2028-02-29"),
    ],
)
def test_days_without_a_time_are_dates(text, expected):
    assert values(f"how many days until {text}") == [expected]


@pytest.mark.parametrize(
    "text", ["five minutes", "20 percent", "7 degrees", "february 30", "25:00", "7:99", "seven plus three", "nothing"]
)
def test_no_time(text):
    assert [match for match in times.find(text, NOW) if match.confidence == 1] == []


def test_a_bare_number_is_a_weak_time_and_a_sure_one_after_at():
    assert [match.confidence for match in times.find("alarm seven", NOW)] == [0.5]
    assert [match.confidence for match in times.find("alarm at seven", NOW)] == [1.0]


def test_a_time_completes_the_day_that_was_said_before():
    assert values("at seven", like="2026-03-07") == ["2026-03-07T07:00:00"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("no eight", "2026-03-07T20:00:00"),
        ("actually 8 am", "2026-03-07T08:00:00"),
        ("make it 22:15", "2026-03-07T22:15:00"),
        ("no tomorrow at eight", "2026-03-05T08:00:00"),
    ],
)
def test_a_time_that_amends_another_keeps_its_day_and_half(text, expected):
    assert values(text, like="2026-03-07T19:30:00") == [expected]


def test_the_zone_of_now_is_left_out():
    assert values("noon", NOW.replace(tzinfo=timezone(timedelta(hours=2)))) == ["2026-03-05T12:00:00"]


@given(st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1)), st.integers(1, 12), st.integers(0, 59), st.booleans())
def test_a_time_without_a_day_is_the_next_one(now, hour, minute, in_words):
    if in_words:
        spoken = number_words(minute) if minute > 9 else f"oh {number_words(minute)}" if minute else "o'clock"
        text = f"{number_words(hour)} {spoken}"
    else:
        text = f"{hour}:{minute:02d}"
    (value,) = values(text, now)
    found = datetime.fromisoformat(value)
    assert timedelta(0) < found - now <= timedelta(hours=12)
    assert (found.hour % 12, found.minute) == (hour % 12, minute)


@given(st.integers(0, 23), st.integers(0, 59), st.sampled_from(["am", "pm", "a.m.", "p.m."]))
def test_half_days_are_kept(hour, minute, half):
    hour = hour % 12 or 12
    (value,) = values(f"{hour}:{minute:02d} {half}")
    assert datetime.fromisoformat(value).hour == hour % 12 + (12 if half[0] == "p" else 0)


@given(st.lists(st.sampled_from("next the 15th 3 march at 7 : 30 pm tomorrow in two weeks half past to of".split())))
def test_any_order_of_words_is_survived(words):
    text = " ".join(words)
    for match in times.find(text, NOW):
        assert text[match.start : match.end] == match.text
        datetime.fromisoformat(match.value)
