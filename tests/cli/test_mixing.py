from __future__ import annotations

import numpy as np
import pytest

from voicebox.cli.mixing import mix_noise


def noise(seconds: float, level: float, seed: int = 1) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return (level * rng.standard_normal(round(seconds * 16_000))).astype(np.float32)


def power(audio: np.ndarray) -> float:
    return float(np.mean(audio.astype(np.float64) ** 2))


@pytest.mark.parametrize("snr_db", [-6.0, 0.0, 12.0])
def test_the_ratio_is_that_of_the_strongest_frames(snr_db: float) -> None:
    speech = np.zeros(32_768, np.float32)
    speech[8_192:10_240] = 0.3  # one frame of speech in silence: its mean over the clip would be far lower
    mixed = mix_noise(speech, noise(10, 0.01), snr_db, np.random.default_rng(0))
    scale = (mixed[8_192:10_240].mean()) / 0.3
    added = mixed - scale * speech
    strongest = max(power(added[i : i + 2_048]) for i in range(0, len(added), 2_048))
    assert 10 * np.log10(power(scale * speech[8_192:10_240]) / strongest) == pytest.approx(snr_db, abs=0.6)


def test_the_peak_is_normalized() -> None:
    mixed = mix_noise(noise(2, 0.2), noise(5, 0.5, 2), 6, np.random.default_rng(0))
    assert np.abs(mixed).max() == pytest.approx(0.5)
    assert mixed.dtype == np.float32


def test_short_noise_is_repeated_and_begins_anywhere() -> None:
    speech, short = np.zeros(16_000, np.float32), noise(0.1, 0.1)
    speech[:2_048] = 0.5
    one = mix_noise(speech, short, 0, np.random.default_rng(1))
    two = mix_noise(speech, short, 0, np.random.default_rng(2))
    assert power(one[-2_048:]) > 0
    assert not np.array_equal(one, two)
    assert np.array_equal(one, mix_noise(speech, short, 0, np.random.default_rng(1)))


def test_nothing_is_mixed_into_or_from_nothing() -> None:
    empty = np.zeros(0, np.float32)
    speech = noise(1, 0.1)
    assert mix_noise(empty, speech, 6, np.random.default_rng(0)).size == 0
    assert np.array_equal(mix_noise(speech, empty, 6, np.random.default_rng(0)), speech)
    silent = mix_noise(speech, np.zeros(100, np.float32), 6, np.random.default_rng(0))
    assert np.isfinite(silent).all()
