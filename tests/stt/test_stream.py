from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicebox.stt.stream import PreRoll, normalize
from voicebox.stt.types import Audio


def ramp(samples: int, start: int = 0) -> Audio:
    return np.arange(start, start + samples, dtype=np.float32)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Twenty-five percent, please!", "25% please"),
        ("It's 5:30.", "its five thirty"),
        ("It’s half past", "it's half past"),
        ("Two thousand five hundred people", "2,500 people"),
        ("three point five", "3.5"),
        ("Wake me at 7 a.m. tomorrow", "wake me at seven AM tomorrow"),
        ("$20", "twenty dollars"),
        ("the twenty-first of May", "the 21st of May"),
        ("  Set   a\ttimer ", "set a timer"),
    ],
)
def test_the_same_words_normalize_to_the_same_text(one: str, other: str) -> None:
    assert normalize(one) == normalize(other) != ""


@pytest.mark.parametrize(
    ("one", "other"),
    [("ten minutes", "twenty minutes"), ("turn it on", "turn it off"), ("five thirty", "thirty five"), ("3.5", "35")],
)
def test_other_words_do_not(one: str, other: str) -> None:
    assert normalize(one) != normalize(other)


@pytest.mark.parametrize("text", ["", "...", "?!", "–"])
def test_nothing_said_normalizes_to_nothing(text: str) -> None:
    assert normalize(text) == ""


WORDS = st.sampled_from(
    "a and one two five ten twelve twenty ninety hundred thousand million first third tenth twentieth second 5 40 700 "
    "1,000 3.5 $5 50% pm p.m. minute it's".split()
)


@given(st.one_of(st.text(max_size=40), st.lists(WORDS, max_size=8).map(" ".join)))
def test_normalizing_twice_is_normalizing_once(text: str) -> None:
    assert normalize(normalize(text)) == normalize(text)


def test_pre_roll_keeps_the_last_moments_once() -> None:
    ring = PreRoll(keep_ms=10)
    assert len(ring.take()) == 0
    ring.push(ramp(100))
    assert np.array_equal(ring.take(), ramp(100))
    ring.push(ramp(100))
    ring.push(ramp(130, 100))
    assert np.array_equal(ring.take(), ramp(160, 70))
    ring.push(ramp(1_000))
    assert np.array_equal(ring.take(), ramp(160, 840))
    assert len(ring.take()) == 0


def test_no_pre_roll_is_possible() -> None:
    ring = PreRoll(keep_ms=0)
    ring.push(ramp(10))
    assert len(ring.take()) == 0
