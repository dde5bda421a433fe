from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicebox.audio.formats import PCM16_16K, PCM16_24K, PCMA_8K, PCMU_8K, AudioFormat
from voicebox.errors import VoiceboxError


@given(st.binary(max_size=64))
def test_pcm16_survives_the_round_trip_bit_for_bit(data: bytes) -> None:
    even = data[: len(data) // 2 * 2]
    assert PCM16_24K.encode(PCM16_24K.decode(even)) == even


@given(st.lists(st.floats(width=32, allow_nan=True, allow_infinity=True), max_size=32))
@pytest.mark.parametrize("form", [PCM16_16K, PCMU_8K, PCMA_8K])
def test_any_float_encodes_and_comes_back_in_range(form: AudioFormat, values: list[float]) -> None:
    audio = np.array(values, np.float32)
    back = form.decode(form.encode(audio))
    assert back.dtype == np.float32
    assert back.shape == audio.shape
    assert np.all(np.abs(back) <= 1.0)
    loud = np.nan_to_num(np.abs(audio)) >= 1
    assert np.all(np.sign(back[loud]) == np.sign(audio[loud]))


def test_clipping_is_at_full_scale_and_nan_is_silence() -> None:
    data = PCM16_16K.encode(np.array([1.0, 5.0, -1.0, -np.inf, np.nan], np.float32))
    assert np.frombuffer(data, "<i2").tolist() == [32767, 32767, -32768, -32768, 0]


def test_pcm16_is_little_endian() -> None:
    assert PCM16_16K.decode(b"\x00\x40").tolist() == [0.5]


def test_half_a_sample_is_refused() -> None:
    with pytest.raises(VoiceboxError, match=r"3 bytes.*half a sample"):
        PCM16_16K.decode(b"abc")


def test_g711_takes_odd_numbers_of_bytes() -> None:
    assert len(PCMU_8K.decode(b"abc")) == 3


@pytest.mark.parametrize(
    ("encoding", "rate"), [("pcmu", 16_000), ("pcma", 24_000), ("pcm16", 0), ("pcm16", 1_000_000), ("opus", 48_000)]
)
def test_formats_that_do_not_exist_are_refused(encoding: str, rate: int) -> None:
    with pytest.raises(VoiceboxError, match=rf"{rate}|{encoding}"):
        AudioFormat(encoding, rate)  # type: ignore[arg-type]


def test_sizes() -> None:
    assert (PCM16_24K.sample_bytes, PCM16_24K.bytes_per_second) == (2, 48_000)
    assert (PCMU_8K.sample_bytes, PCMU_8K.bytes_per_second) == (1, 8_000)
