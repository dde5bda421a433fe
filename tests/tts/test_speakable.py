from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicebox.audio.phonemes import phonemize
from voicebox.tts.speakable import speakable


def _sounds(text: str) -> list[str]:
    """Phonemes by sentence, without stress and word breaks, which digits and words have differently."""
    return ["".join(p for p in sentence if p not in " ˈˌ") for sentence in phonemize(text)]


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("**Note:** use `pip` *now*", "Note: use pip now"),
        ("# Title", "Title"),
        ("- milk\n- eggs", "milk eggs"),
        ("see [the docs](http://x.y/z) now", "see the docs now"),
        ("hello 😀 there 👍🏽", "hello there"),
        ("```python", ""),
        ("snake_case and 2 * x", "snake_case and 2 * x"),
        ("👩‍👩‍👧", ""),
        ("", ""),
    ],
)
def test_markup_is_not_read(written: str, said: str) -> None:
    assert speakable(written) == said


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("$5", "five dollars"),
        ("$1.01", "one dollar and one cent"),
        ("$0.50", "fifty cents"),
        ("£3.20", "three pounds and twenty pence"),
        ("$1,250", "one thousand two hundred fifty dollars"),
        ("$2.5 million", "two point five million dollars"),
        ("10:30 a.m. tomorrow", "ten thirty AM tomorrow"),
        ("at 7:05 pm", "at seven oh five PM"),
        ("7:00", "seven o'clock"),
        ("in 1999", "in nineteen ninety nine"),
        ("March 5, 2024", "March five, twenty twenty four"),
        ("2024-12-25", "December twenty fifth, twenty twenty four"),
        ("5 km/h", "five kilometers per hour"),
        ("1 kg", "one kilogram"),
        ("a 5-kg bag", "a five kilogram bag"),
        ("72°F", "seventy two degrees Fahrenheit"),
        ("1 1/2 cups", "one and a half cups"),
        ("1½", "one and a half"),
        ("3 × 4 = 12", "three times four equals twelve"),
        ("3*4", "three times four"),
        ("7 - 3", "seven minus three"),
        ("8 / 2", "eight divided by two"),
        ("x^2", "x squared"),
        ("10-20 minutes", "ten to twenty minutes"),
        ("555-1234", "five five five, one two three four"),
        ("#1", "number one"),
        ("No. 5", "number five"),
        ("~5", "about five"),
        ("Dr. Smith", "Doctor Smith"),
        ("St. Louis", "Saint Louis"),
        ("Jan. 5", "January five"),
        ("milk, e.g. oat milk", "milk, for example, oat milk"),
        ("https://www.example.com/a/b?x=1", "example dot com"),
        ("and/or", "and or"),
        ("C#", "C sharp"),
        ("5'10\"", "five foot ten"),
    ],
)
def test_it_sounds_as_a_person_reads_it(written: str, said: str) -> None:
    assert _sounds(speakable(written)) == _sounds(said)


@pytest.mark.parametrize(
    "text",
    [
        "It's okay.",
        "the 5 o'clock tea",
        "10s",
        "99:99",
        "a minus -5",
        "version 1.2.3",
        "1,234,567",
        "Why?",
    ],
)
def test_what_is_read_right_is_left_alone(text: str) -> None:
    assert speakable(text) == text


def test_the_end_of_the_sentence_is_kept() -> None:
    assert speakable("It rings at 5 p.m.") == "It rings at 5 PM."


def test_other_languages_lose_markup_only() -> None:
    assert speakable("**Das** kostet 5 km/h 🙂", language="de") == "Das kostet 5 km/h"


@pytest.mark.parametrize("text", ["é", "हिन्दी", "العَرَبِيَّة", "日本語", "한국어"])
def test_letters_of_any_script_stay(text: str) -> None:
    assert speakable(text) == text


@given(st.text(max_size=200))
def test_any_text_gives_one_clean_line(text: str) -> None:
    said = speakable(text)
    assert said == " ".join(said.split())


@given(st.from_regex(r"([A-Za-z]{1,9}[,.]? ){0,12}[a-z]{3,9}[.?!]", fullmatch=True))
def test_plain_words_pass(text: str) -> None:
    words = {"no", "vs", "etc", "st", "dr", "mr", "mrs", "ms", "ie", "eg", "prof", "approx"}
    if words.isdisjoint(w.strip(".,?!").lower() for w in text.split()):
        assert speakable(text) == text
