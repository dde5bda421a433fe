import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicebox.skills.parse import durations
from voicebox.skills.wording import number_words


def values(text, **more):
    return [match.value for match in durations.find(text, **more)]


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("set a timer for ten minutes", 600),
        ("an hour and a half", 5400),
        ("an hour and a quarter", 4500),
        ("90 seconds", 90),
        ("a quarter of an hour", 900),
        ("three quarters of an hour", 2700),
        ("half an hour", 1800),
        ("a half hour", 1800),
        ("two and a half minutes", 150),
        ("a minute and a half", 90),
        ("1 hour 30", 5400),
        ("an hour thirty", 5400),
        ("1h 30m", 5400),
        ("2:30 minutes", 150),
        ("a couple of minutes", 120),
        ("A 10-minute timer.", 600),
        ("twenty second timer", 20),
        ("2 hours, 15 minutes, and 3 seconds", 8103),
        ("an hour and half a minute", 3630),
    ],
)
def test_durations_as_people_say_them(text, seconds):
    assert values(text) == [seconds]


@pytest.mark.parametrize("text", ["fifteen", "half past seven", "0 minutes", "minutes", "a"])
def test_no_duration(text):
    assert values(text) == []


@pytest.mark.parametrize(("like", "seconds"), [(600, 900), (3600, 54000), (30, 15), (5400, 900)])
def test_a_bare_number_takes_the_unit_of_what_it_amends(like, seconds):
    (match,) = durations.find("no make it fifteen", like=like)
    assert match.value == seconds
    assert match.text == "fifteen"
    assert match.confidence < 1


@given(st.integers(0, 23), st.integers(0, 59), st.integers(0, 59), st.booleans(), st.sampled_from(["", "and ", ", "]))
def test_hours_minutes_seconds_come_back(hours, minutes, seconds, in_words, link):
    parts = [
        f"{number_words(count) if in_words else count} {unit}{'' if count == 1 else 's'}"
        for count, unit in ((hours, "hour"), (minutes, "minute"), (seconds, "second"))
        if count
    ]
    total = hours * 3600 + minutes * 60 + seconds
    assert values(f" {link}".join(parts)) == ([total] if total else [])


@given(st.text(alphabet="0123456789 :,aefhimnortuy", max_size=80))
def test_any_text_is_survived(text):
    for match in durations.find(text, like=60):
        assert match.value >= 0
        assert text[match.start : match.end] == match.text
