from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicebox.conversation.segmenter import Segmenter, VoicePaused, VoiceStarted

FRAME_S = 0.032


def _hear(probabilities: list[float], segmenter: Segmenter | None = None) -> list[VoiceStarted | VoicePaused | None]:
    segmenter = segmenter or Segmenter()
    return [segmenter.push(p, (i + 1) * FRAME_S) for i, p in enumerate(probabilities)]


def test_voice_begins_where_its_first_frame_began() -> None:
    facts = _hear([0.0, 0.9, 0.9, 0.9])
    assert facts[:2] == [None, None]
    assert isinstance(facts[2], VoiceStarted)
    assert facts[2].at_s == pytest.approx(FRAME_S)
    assert facts[3] is None


def test_one_frame_is_not_voice() -> None:
    assert _hear([0.9, 0.0, 0.9, 0.0]) == [None] * 4


def test_a_pause_is_dated_back_to_the_last_voiced_frame() -> None:
    facts = _hear([0.9, 0.9, 0.9, 0.1, 0.1])
    assert isinstance(facts[3], VoicePaused)
    assert facts[3].last_s == pytest.approx(3 * FRAME_S)
    assert facts[4] is None


def test_between_the_thresholds_voice_goes_on_but_does_not_begin() -> None:
    assert _hear([0.4] * 5) == [None] * 5
    assert [type(x) for x in _hear([0.9, 0.9, 0.4, 0.4, 0.4]) if x] == [VoiceStarted]


def test_what_is_not_a_number_is_silence() -> None:
    assert _hear([math.nan] * 4) == [None] * 4
    assert isinstance(_hear([0.9, 0.9, math.nan])[2], VoicePaused)


def test_after_a_reset_voice_begins_again() -> None:
    segmenter = Segmenter()
    _hear([0.9, 0.9], segmenter)
    segmenter.reset()
    assert not segmenter.speaking
    assert isinstance(_hear([0.9, 0.9], segmenter)[1], VoiceStarted)


@given(st.lists(st.floats(0, 1), max_size=200))
def test_starts_and_pauses_alternate_in_time(probabilities: list[float]) -> None:
    facts = [fact for fact in _hear(probabilities) if fact]
    assert [type(fact) for fact in facts] == ([VoiceStarted, VoicePaused] * len(facts))[: len(facts)]
    times = [fact.at_s if isinstance(fact, VoiceStarted) else fact.last_s for fact in facts]
    assert times == sorted(times)


def test_one_frame_of_a_consonant_is_undone_by_the_next_that_is_voiced() -> None:
    facts = _hear([0.9, 0.9, 0.1, 0.4, 0.4])
    assert isinstance(facts[2], VoicePaused)
    assert isinstance(facts[3], VoiceStarted)
    assert facts[3].at_s == pytest.approx(3 * FRAME_S)
    assert facts[4] is None


def test_after_two_silent_frames_voice_begins_as_it_did_at_first() -> None:
    facts = _hear([0.9, 0.9, 0.1, 0.1, 0.4, 0.4, 0.9, 0.9])
    assert [type(fact) for fact in facts if fact] == [VoiceStarted, VoicePaused, VoiceStarted]
    assert isinstance(facts[7], VoiceStarted)


@given(st.lists(st.floats(0, 1), max_size=200))
def test_voice_is_never_on_over_a_silent_frame_nor_off_over_two_loud_ones(probabilities: list[float]) -> None:
    segmenter = Segmenter()
    for at, probability in enumerate(probabilities):
        segmenter.push(probability, (at + 1) * FRAME_S)
        if probability < 0.35:
            assert not segmenter.speaking
        if at and min(probabilities[at - 1 : at + 1]) >= 0.5:
            assert segmenter.speaking
