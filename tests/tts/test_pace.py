from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicebox.tts.pace import length_factor

RNG = np.random.default_rng(3)
EXACT = RNG.gamma(2.0, 1.0, 4_000) + 0.05
"""Lengths in frames before they are rounded up, spread as those of a voice are."""


@pytest.mark.parametrize("speed", [0.25, 0.5, 0.75, 0.9, 1.1, 1.25, 1.5, 1.75, 2.0])
def test_the_text_is_as_much_faster_as_asked(speed: float) -> None:
    normal = np.ceil(EXACT)
    factor = length_factor(normal, speed)
    assert normal.sum() / np.ceil(factor * EXACT).sum() == pytest.approx(speed, rel=0.05)


def test_the_own_rate_is_left_alone() -> None:
    assert length_factor(np.ceil(EXACT), 1.0) == 1.0


def test_without_lengths_the_scale_is_the_inverse() -> None:
    assert length_factor(np.zeros(0), 2.0) == 0.5


@given(st.lists(st.integers(1, 30), min_size=1, max_size=30), st.floats(0.25, 1.9), st.floats(0.01, 0.1))
def test_faster_never_takes_longer(frames: list[int], speed: float, more: float) -> None:
    lengths = np.array(frames, np.float64)
    assert 0.1 <= length_factor(lengths, speed + more) <= length_factor(lengths, speed) * 1.001 <= 8.01
