from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from voicebox.tts.loudness import integrated_loudness


def _sine(hz: float, seconds: float, rate: int, level: float = 1.0) -> NDArray[np.float32]:
    return (level * np.sin(2 * np.pi * hz * np.arange(round(seconds * rate)) / rate)).astype(np.float32)


@pytest.mark.parametrize("rate", [16_000, 22_050, 24_000, 44_100, 48_000])
def test_the_standards_own_example(rate: int) -> None:
    """BS.1770-5: a sine of 997 Hz at full scale in one front channel is -3.01 LKFS."""
    assert integrated_loudness(_sine(997, 3, rate), rate) == pytest.approx(-3.01, abs=0.01)


@pytest.mark.parametrize(("hz", "weight_db"), [(50, -3.98), (100, -1.18), (5_000, 4.0), (7_500, 4.0)])
def test_deep_tones_weigh_less_and_high_ones_more(hz: float, weight_db: float) -> None:
    """The curve of the standard: f^2 / (f^2 + 38.1^2) below, a shelf of 4 dB above, which is 0.69 dB at 997 Hz."""
    rate = 22_050
    assert integrated_loudness(_sine(hz, 3, rate), rate) + 3.01 == pytest.approx(weight_db - 0.69, abs=0.1)


@given(st.floats(0.01, 1.0))
def test_half_the_level_is_six_units_less(level: float) -> None:
    audio = _sine(440, 1, 16_000)
    full = integrated_loudness(audio, 16_000)
    assert integrated_loudness((audio * level).astype(np.float32), 16_000) == pytest.approx(
        full + 20 * math.log10(level), abs=0.02
    )


def test_pauses_do_not_count() -> None:
    speech = _sine(440, 2, 16_000, 0.3)
    pause = np.zeros(32_000, np.float32)
    hum = _sine(440, 2, 16_000, 0.3 * 10 ** (-30 / 20))
    alone = integrated_loudness(speech, 16_000)
    # Blocks at the edges are half pause: 0.34 LU. Ungated it would be 1.76.
    for quiet in (pause, hum):
        assert integrated_loudness(np.concatenate([speech, quiet, speech]), 16_000) == pytest.approx(alone, abs=0.4)


def test_short_clips_are_measured_and_silence_is_none() -> None:
    assert integrated_loudness(_sine(997, 0.1, 16_000), 16_000) == pytest.approx(-3.01, abs=0.3)
    assert integrated_loudness(np.zeros(0, np.float32), 16_000) == -math.inf
    assert integrated_loudness(np.zeros(9_000, np.float32), 16_000) == -math.inf
    assert integrated_loudness(_sine(997, 1, 16_000, 1e-5), 16_000) == -math.inf
