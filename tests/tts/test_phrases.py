from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicebox.tts.phrases import PhraseStream, split_phrases

_TOKENS = (
    "Sure,|okay.|The|timer|No.|5|p.m.|Then|Dr.|and|because|3.5|10:30|-|\n|“Yes!”|1.|U.S.|well...|你好。|再见，|"
    "**Note:**|e.g.|etc.|(maybe)|?!|" + "x" * 170
).split("|")
_WRITTEN = st.lists(st.sampled_from(_TOKENS), max_size=60).map(" ".join)
_TEXT = st.one_of(_WRITTEN, st.text(max_size=300))


def _cut(text: str, places: list[int]) -> list[str]:
    edges = sorted({0, len(text), *(p % (len(text) + 1) for p in places)})
    return [text[a:b] for a, b in pairwise(edges)]


@given(_TEXT)
def test_no_character_is_lost_or_added(text: str) -> None:
    assert "".join("".join(split_phrases(text)).split()) == "".join(text.split())


@given(_WRITTEN)
def test_words_stay_apart(text: str) -> None:
    ascii_only = "".join(c for c in text if c.isascii() and c != "x")
    assert " ".join(split_phrases(ascii_only)).split() == ascii_only.split()


@given(_TEXT, st.lists(st.integers(0, 10_000), max_size=20))
def test_pieces_do_not_matter(text: str, places: list[int]) -> None:
    stream = PhraseStream()
    phrases = [phrase for piece in _cut(text, places) for phrase in stream.push(piece)]
    assert phrases + stream.flush() == split_phrases(text)


@given(_TEXT)
def test_phrases_are_trimmed_and_bounded(text: str) -> None:
    for phrase in split_phrases(text):
        assert phrase == phrase.strip()
        assert 0 < len(phrase) <= 160


@given(_TEXT, _TEXT)
def test_a_flushed_stream_is_as_new(first: str, second: str) -> None:
    stream = PhraseStream()
    stream.push(first)
    stream.flush()
    assert [*stream.push(second), *stream.flush()] == split_phrases(second)


def test_a_phrase_is_given_before_the_next_word_is_whole() -> None:
    stream = PhraseStream()
    assert stream.push("Sure, ") == ["Sure,"]
    assert stream.push("ten minutes. N") == ["ten minutes."]


@pytest.mark.parametrize(
    ("text", "phrases"),
    [
        ("On March 5, 2024, it rained.", ["On March 5, 2024,", "it rained."]),
        ("On March 5, it rained.", ["On March 5,", "it rained."]),
        ("Sen. Lee lives in Apt. 4 there.", ["Sen. Lee lives in Apt. 4 there."]),
        ("I have 5, 10 is more.", ["I have 5,", "10 is more."]),
    ],
)
def test_dates_and_titles_stay_whole(text: str, phrases: list[str]) -> None:
    assert split_phrases(text) == phrases


def test_the_first_phrase_is_short_and_later_ones_are_not() -> None:
    assert split_phrases("Okay, I have added milk, eggs and bread to the list, and the timer is set.") == [
        "Okay,",
        "I have added milk,",
        "eggs and bread to the list,",
        "and the timer is set.",
    ]


def test_a_first_phrase_without_punctuation_ends_before_a_clause() -> None:
    first, *_ = split_phrases("The kitchen light is on because you asked for it")
    assert first == "The kitchen light is on"


@pytest.mark.parametrize(
    "sentence",
    [
        "It is 3.5 miles away.",
        "At 10:30 it rings.",
        "Ask Dr. Smith.",
        "It costs 1,250 dollars.",
        "Use a list, e.g. milk.",
        "Take bus No. 5 now.",
        "It opens at 5 p.m. tomorrow.",
        "J. Smith called.",
        "Go to example.com now.",
        "1. Boil the water.",
    ],
)
def test_points_that_end_nothing(sentence: str) -> None:
    assert split_phrases("Well.\n" + sentence) == ["Well.", sentence]


@pytest.mark.parametrize(
    ("text", "phrases"),
    [
        ("No. I cannot.", ["No.", "I cannot."]),
        ("It rings at 5 p.m. Then it stops.", ["It rings at 5 p.m.", "Then it stops."]),
        ("He said “stop.” Then he left.", ["He said “stop.”", "Then he left."]),
        ("- milk\n- eggs\n", ["- milk", "- eggs"]),
        ("你好。再见。", ["你好。", "再见。"]),
        ("", []),
        (" \n ", []),
        ("...", ["..."]),
    ],
)
def test_examples(text: str, phrases: list[str]) -> None:
    assert split_phrases(text) == phrases


@pytest.mark.parametrize(
    ("text", "phrases"),
    [
        ("The capital of France is Paris.", ["The capital of France", "is Paris."]),
        ("Canberra is the capital.", ["Canberra is the capital."]),
        ("Water boils at one hundred degrees at sea level.", ["Water boils at one hundred degrees", "at sea level."]),
        ("Yes, it is a very big house in the country.", ["Yes,", "it is a very big house in the country."]),
    ],
)
def test_an_eager_stream_takes_a_breath_in_the_first_phrase_only(text: str, phrases: list[str]) -> None:
    stream = PhraseStream(eager=True)
    assert [phrase for char in text for phrase in stream.push(char)] + stream.flush() == phrases
