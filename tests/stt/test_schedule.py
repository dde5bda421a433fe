from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicebox.stt.schedule import PartialSchedule, partial_interval_ms


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


def test_long_speech_is_decoded_less_often() -> None:
    intervals = [partial_interval_ms(0.0, audio_s=s) for s in (0.5, 2.0, 5.0, 10.0, 24.0)]
    assert intervals[:2] == [240, 240]
    assert intervals == sorted(intervals)
    assert intervals[-1] == pytest.approx(12 * intervals[0])
    assert partial_interval_ms(1.0, audio_s=24.0) == intervals[-1], "load does not shorten it"


def test_partials_keep_to_their_share_of_the_time() -> None:
    schedule = PartialSchedule()
    assert schedule.poll(0.5, audio_s=0.5, load=0.0)
    schedule.took(300)
    assert not schedule.poll(1.4, audio_s=1.4, load=0.0)
    assert schedule.poll(1.5, audio_s=1.5, load=0.0)
    schedule.took(10)
    assert schedule.poll(1.74, audio_s=1.74, load=0.0)


DECODES = st.tuples(st.floats(0, 1), st.floats(0, 3_000))


@given(st.lists(DECODES, min_size=1, max_size=40))
def test_whatever_decodes_take_their_share_is_bounded(decodes: list[tuple[float, float]]) -> None:
    """Each decode is paid for by the time until the next: no more than 30 % of it, and never twice within 240 ms."""
    schedule, now, last = PartialSchedule(), 0.0, None
    for load, took_ms in decodes:
        while not schedule.poll(now, audio_s=1.0, load=load):
            now += 0.032
        if last is not None:
            at, cost_ms = last
            assert (now - at) * 1000 >= max(240.0, cost_ms / 0.3) - 1.0
            assert (now - at) * 1000 <= max(1_500.0, cost_ms / 0.3) + 64.0
        schedule.took(took_ms)
        last = now, took_ms
