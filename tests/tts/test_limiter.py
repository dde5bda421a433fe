from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from voicebox.tts.limiter import CEILING, limit, true_peak

RATE = 22_050


def test_what_is_quiet_is_the_same_array() -> None:
    audio = np.random.default_rng(0).uniform(-0.5, 0.5, 5_000).astype(np.float32)
    assert limit(audio, RATE) is audio
    empty = np.zeros(0, np.float32)
    assert limit(empty, RATE) is empty


def test_peaks_between_samples_are_seen() -> None:
    # A quarter of the rate, 45 degrees off: all samples lie at 0.707 of the wave's peak.
    n = np.arange(4_000)
    audio = np.sin(np.pi / 2 * n + np.pi / 4).astype(np.float32)
    assert np.abs(audio).max() < 0.71
    assert 0.98 < true_peak(audio, RATE)[500:-500].max() < 1.02


@given(st.integers(0, 1_000), st.floats(0.2, 6.0), st.integers(1, 8_000))
@settings(max_examples=40)
def test_no_peak_passes(seed: int, level: float, samples: int) -> None:
    rng = np.random.default_rng(seed)
    audio = (level * np.convolve(rng.normal(0, 1, samples), np.ones(8) / 8, mode="same")).astype(np.float32)
    out = limit(audio, RATE)
    assert out.shape == audio.shape
    assert out.dtype == np.float32
    assert np.abs(out).max() <= CEILING + 1e-6
    # Changing the gain within 4 ms moves what lies between the samples a little.
    assert true_peak(out, RATE).max() <= CEILING * 1.06
    assert (np.abs(out) <= np.abs(audio) + 1e-6).all()


def test_only_the_neighbourhood_of_a_peak_is_quieter() -> None:
    audio = (0.3 * np.sin(2 * np.pi * 200 * np.arange(RATE) / RATE)).astype(np.float32)
    audio[10_000:10_020] += 1.0
    out = limit(audio, RATE)
    changed = np.flatnonzero(out != audio)
    reach = 0.009 * RATE
    assert 10_000 - reach <= changed[0] < 10_000
    assert 10_020 < changed[-1] <= 10_020 + reach
