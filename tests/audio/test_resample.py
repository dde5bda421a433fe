from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from voicebox.audio.resample import Resampler, resample
from voicebox.errors import VoiceboxError

PAIRS = [(8_000, 16_000), (24_000, 16_000), (48_000, 16_000), (44_100, 16_000), (22_050, 24_000), (22_050, 8_000)]


def tone(hz: float, rate: int, seconds: float = 0.5) -> NDArray[np.float32]:
    return np.sin(2 * np.pi * hz * np.arange(int(rate * seconds)) / rate).astype(np.float32)


def whole(audio: NDArray[np.float32], in_rate: int, out_rate: int) -> NDArray[np.float32]:
    resampler = Resampler(in_rate, out_rate)
    return np.concatenate([resampler.process(audio), resampler.flush()])


@pytest.mark.parametrize(("in_rate", "out_rate"), PAIRS)
def test_a_tone_keeps_its_place_and_its_length(in_rate: int, out_rate: int) -> None:
    out = whole(tone(1_000, in_rate), in_rate, out_rate)
    expected = tone(1_000, out_rate)
    assert out.dtype == np.float32
    assert len(out) == len(expected)
    inner = slice(len(out) // 4, -len(out) // 4)
    assert np.abs(out - expected)[inner].max() < 1e-3


@pytest.mark.parametrize(("in_rate", "out_rate"), [pair for pair in PAIRS if pair[0] > pair[1]])
def test_what_the_lower_rate_cannot_hold_is_gone(in_rate: int, out_rate: int) -> None:
    above = whole(tone(out_rate * 0.6, in_rate), in_rate, out_rate)
    inner = above[len(above) // 4 : -len(above) // 4]
    assert np.sqrt(np.mean(inner**2)) < 0.01


@settings(max_examples=25, deadline=None)
@given(pair=st.sampled_from(PAIRS), sizes=st.lists(st.integers(0, 900), min_size=1, max_size=12))
def test_the_pieces_make_the_whole(pair: tuple[int, int], sizes: list[int]) -> None:
    audio = np.random.default_rng(1).standard_normal(sum(sizes)).astype(np.float32)
    resampler = Resampler(*pair)
    pieces, at = [], 0
    for size in sizes:
        pieces.append(resampler.process(audio[at : at + size]))
        at += size
    pieces.append(resampler.flush())
    np.testing.assert_allclose(np.concatenate(pieces), whole(audio, *pair), atol=1e-4)


@pytest.mark.parametrize(("in_rate", "out_rate"), PAIRS)
def test_no_more_is_held_back_than_said(in_rate: int, out_rate: int) -> None:
    resampler = Resampler(in_rate, out_rate)
    sent = received = 0
    for _ in range(50):
        sent += len(resampler.process(np.zeros(in_rate // 50, np.float32)))
        received += in_rate // 50
        assert received / in_rate - sent / out_rate <= resampler.delay_s + 1e-9


@pytest.mark.parametrize(("in_rate", "out_rate"), [(8_000, 16_000), (24_000, 16_000), (48_000, 16_000)])
def test_live_rates_are_at_most_3_ms_late(in_rate: int, out_rate: int) -> None:
    assert Resampler(in_rate, out_rate).delay_s <= 0.003


def test_equal_rates_pass_through() -> None:
    resampler = Resampler(16_000, 16_000)
    audio = tone(440, 16_000)
    assert resampler.process(audio) is audio
    assert len(resampler.flush()) == 0
    assert resampler.delay_s == 0


def test_a_flush_begins_a_new_stream() -> None:
    resampler = Resampler(24_000, 16_000)
    first = np.concatenate([resampler.process(tone(500, 24_000)), resampler.flush()])
    second = np.concatenate([resampler.process(tone(500, 24_000)), resampler.flush()])
    assert np.array_equal(first, second)


def test_an_endless_stream_keeps_little() -> None:
    resampler = Resampler(24_000, 16_000)
    for _ in range(500):
        resampler.process(np.zeros(480, np.float32))
    assert len(resampler._buffer) < 480


@pytest.mark.parametrize(("in_rate", "out_rate"), [(0, 16_000), (16_000, -1), (16_001, 48_000)])
def test_impossible_rates_are_refused(in_rate: int, out_rate: int) -> None:
    with pytest.raises(VoiceboxError, match="Cannot resample"):
        Resampler(in_rate, out_rate)


def test_a_whole_recording() -> None:
    out = resample(tone(1_000, 48_000), 48_000, 16_000)
    assert len(out) == 8_000
    assert np.abs(out - tone(1_000, 16_000))[2_000:-2_000].max() < 1e-3
    assert resample(out, 16_000, 16_000) is out
