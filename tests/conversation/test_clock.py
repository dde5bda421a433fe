from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicebox.conversation.clock import SessionClock


def test_in_real_time_session_time_is_audio_time() -> None:
    clock = SessionClock(100.0)
    for i in range(1, 11):
        assert clock.advance(100.0 + 0.1 * i, 0.1) == pytest.approx(0.1 * i)
    assert clock.now(101.0) == pytest.approx(1.0)
    assert clock.audio_s == pytest.approx(1.0)


def test_audio_that_comes_faster_pushes_time_forward() -> None:
    clock = SessionClock(0.0)
    assert clock.advance(0.01, 5.0) == 5.0
    assert clock.now(0.02) == pytest.approx(5.01)


def test_jitter_is_no_gap_and_silence_on_the_wire_is() -> None:
    clock = SessionClock(0.0)
    clock.advance(0.1, 0.1)
    assert clock.advance(0.35, 0.1) == pytest.approx(0.2)
    assert clock.advance(3.0, 0.1) == pytest.approx(2.85)


def test_audio_in_blocks_does_not_hold_time_back() -> None:
    clock = SessionClock(0.0)
    # Frames of 32 ms out of blocks of 20 ms: each is complete up to 16 ms late.
    arrivals = (0.04, 0.08, 0.1, 0.14, 0.16, 0.2, 0.24, 0.26, 0.3, 0.32)
    for frame, wall in enumerate(arrivals, start=1):
        # The session is 8 ms old when its audio begins.
        assert clock.advance(wall, 0.032) == pytest.approx(0.032 * frame + 0.008)
        if frame >= 5:
            assert clock.now(wall) == pytest.approx(wall + 0.008)


def test_a_delay_that_stays_is_followed_after_a_second() -> None:
    clock = SessionClock(0.0)
    for frame in range(1, 61):
        clock.advance(0.1 * frame + (0.15 if frame > 20 else 0.0), 0.1)
    assert clock.now(6.15) == pytest.approx(6.0)


def test_what_passes_before_the_first_audio_is_a_gap() -> None:
    clock = SessionClock(0.0)
    assert clock.now(0.1) == pytest.approx(0.1)
    assert clock.advance(0.15, 0.032) == pytest.approx(0.15)
    assert clock.now(0.15) == pytest.approx(0.15)
    assert clock.audio_ms_at(0.15) == 32


def test_when_audio_stops_the_wall_clock_goes_on() -> None:
    clock = SessionClock(0.0)
    clock.advance(1.0, 1.0)
    assert clock.now(4.0) == pytest.approx(4.0)


def test_positions_in_the_audio_leave_gaps_out() -> None:
    clock = SessionClock(0.0)
    clock.advance(1.0, 1.0)
    end_s = clock.advance(11.0, 1.0)
    assert clock.audio_ms_at(end_s) == 2000
    assert clock.audio_ms_at(0.0) == 0


@given(st.lists(st.tuples(st.floats(-1, 3), st.floats(0, 1), st.booleans()), max_size=40))
def test_session_time_never_runs_backwards(events: list[tuple[float, float, bool]]) -> None:
    clock, wall, last = SessionClock(0.0), 0.0, 0.0
    for passed, seconds, arrives in events:
        wall += passed
        if arrives:
            clock.advance(wall, seconds)
        now = clock.now(wall)
        assert now >= last
        assert now >= clock.audio_s - 1e-9
        last = now
