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
    assert facts[3] is None
    assert facts[4] == VoicePaused(pytest.approx(3 * FRAME_S))


def test_between_the_thresholds_voice_goes_on_but_does_not_begin() -> None:
    assert _hear([0.4] * 5) == [None] * 5
    assert [type(x) for x in _hear([0.9, 0.9, 0.4, 0.4, 0.4]) if x] == [VoiceStarted]


def test_what_is_not_a_number_is_silence() -> None:
    assert _hear([math.nan] * 4) == [None] * 4
    assert isinstance(_hear([0.9, 0.9, math.nan, math.nan])[3], VoicePaused)


def test_after_a_reset_voice_begins_again() -> None:
    segmenter = Segmenter()
    _hear([0.9, 0.9], segmenter)
    assert segmenter.speaking
    segmenter.reset()
    assert not segmenter.speaking
    assert isinstance(_hear([0.9, 0.9], segmenter)[1], VoiceStarted)


@given(st.lists(st.floats(0, 1), max_size=200))
def test_starts_and_pauses_alternate_in_time(probabilities: list[float]) -> None:
    facts = [fact for fact in _hear(probabilities) if fact]
    assert [type(fact) for fact in facts] == ([VoiceStarted, VoicePaused] * len(facts))[: len(facts)]
    times = [fact.at_s if isinstance(fact, VoiceStarted) else fact.last_s for fact in facts]
    assert times == sorted(times)


def test_one_frame_that_is_surely_silent_ends_voice() -> None:
    segmenter = Segmenter()
    for number in range(3):
        segmenter.push(0.9, number * 0.032)
    assert segmenter.push(0.2, 0.096) is None
    assert segmenter.push(0.9, 0.128) is None
    assert segmenter.push(0.01, 0.160) == VoicePaused(0.128)
