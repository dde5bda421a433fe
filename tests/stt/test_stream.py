from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicebox.stt.stream import PartialSchedule, PreRoll, Utterance, normalize, partial_interval_ms
from voicebox.stt.types import SAMPLE_RATE, Audio


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


def test_audio_grows_and_what_was_handed_out_stays() -> None:
    utterance = Utterance(pre_roll=ramp(320))
    early = utterance.audio
    for i in range(100):
        utterance.append(ramp(SAMPLE_RATE // 10, 320 + i * SAMPLE_RATE // 10))
    assert np.array_equal(utterance.audio, ramp(320 + 10 * SAMPLE_RATE))
    assert np.array_equal(early, ramp(320))
    assert utterance.duration_s == pytest.approx(10.02)
    with pytest.raises(ValueError, match="read-only"):
        utterance.audio[0] = 1


def test_two_hypotheses_must_agree() -> None:
    utterance = Utterance()
    assert utterance.agree("Set a") == ("", "Set a")
    assert utterance.agree("Set a timer for two") == ("Set a", "Set a timer for two")
    assert utterance.agree("Set a timer for ten minutes") == ("Set a timer for", "Set a timer for ten minutes")
    assert utterance.agree("set a timer, for 10 minutes!") == ("set a timer, for 10 minutes!",) * 2


def test_a_number_in_the_middle_keeps_its_words() -> None:
    utterance = Utterance()
    utterance.agree("a timer for 25 minutes")
    assert utterance.agree("a timer for twenty five minutes in the") == (
        "a timer for twenty five minutes",
        "a timer for twenty five minutes in the",
    )


def test_a_number_that_grows_is_not_stable() -> None:
    utterance = Utterance()
    utterance.agree("a timer for twenty")
    assert utterance.agree("a timer for twenty five")[0] == "a timer for"


def test_what_was_stable_may_be_revised() -> None:
    utterance = Utterance()
    utterance.agree("four candles")
    assert utterance.agree("four candles please")[0] == "four candles"
    assert utterance.agree("fork handles please")[0] == ""


@given(st.lists(st.lists(WORDS, max_size=6).map(" ".join), max_size=5))
def test_stable_is_always_a_beginning_of_the_text(hypotheses: list[str]) -> None:
    utterance = Utterance()
    last = ""
    for hypothesis in hypotheses:
        stable, text = utterance.agree(hypothesis)
        assert text.startswith(stable)
        assert normalize(last).startswith(normalize(stable))
        last = text


def test_an_empty_hypothesis_agrees_with_nothing() -> None:
    utterance = Utterance()
    utterance.agree("hello")
    assert utterance.agree("") == ("", "")
    assert utterance.agree("hello") == ("", "hello")


def test_partials_thin_out_under_load() -> None:
    intervals = [partial_interval_ms(load / 20) for load in range(21)]
    assert intervals[0] == intervals[10] == 240
    assert intervals == sorted(intervals)
    assert intervals[-1] == 1_500
    assert partial_interval_ms(float("inf")) == 1_500
    assert partial_interval_ms(-1) == 240


def test_a_schedule_asks_once_per_interval_and_not_for_a_syllable() -> None:
    schedule = PartialSchedule(base_ms=200, first_ms=400)
    due = [round(t, 2) for t in np.arange(0, 1.5, 0.02) if schedule.poll(float(t), audio_s=float(t), load=0.0)]
    assert due == [0.4, 0.6, 0.8, 1.0, 1.2, 1.4]
    assert not schedule.poll(1.7, audio_s=1.7, load=0.9)
    assert schedule.poll(1.7, audio_s=1.7, load=0.5)


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
