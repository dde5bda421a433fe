from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from voicebox.audio.offset import OffsetRemover

RATE, BLOCK = 16_000, 512


def _voice(seconds: float, pitch: float = 110.0) -> NDArray[np.float32]:
    at = np.arange(round(seconds * RATE)) / RATE
    wave = sum(np.sin(2 * np.pi * pitch * k * at) / k for k in range(1, 6))
    return (0.2 * wave * (1 + np.sin(2 * np.pi * 3 * at))).astype(np.float32)


def _stream(audio: NDArray[np.float32]) -> NDArray[np.float32]:
    remover = OffsetRemover()
    return np.concatenate([remover.remove(audio[i : i + BLOCK]) for i in range(0, len(audio), BLOCK)])


@pytest.mark.parametrize("offset", [0.02, -0.1, 0.3])
def test_an_offset_is_removed_from_the_first_block_on(offset: float) -> None:
    voice = np.concatenate((np.zeros(RATE // 2, np.float32), _voice(3.0)))
    cleaned = _stream(voice + np.float32(offset))
    assert np.abs(cleaned[: 15 * BLOCK]).max() < 1e-4
    assert float(np.sqrt(np.mean((cleaned - voice) ** 2))) < 0.1 * float(np.sqrt(np.mean(voice**2)))


def test_an_offset_that_begins_later_is_gone_within_two_seconds() -> None:
    audio = np.concatenate((np.zeros(RATE, np.float32), np.full(4 * RATE, 0.2, np.float32)))
    assert np.abs(_stream(audio)[3 * RATE + BLOCK :]).max() < 0.01


@pytest.mark.parametrize("pitch", [70.0, 110.0, 250.0])
def test_a_voice_without_an_offset_is_not_touched(pitch: float) -> None:
    voice = np.concatenate((np.zeros(BLOCK, np.float32), _voice(3.0, pitch)))
    assert np.array_equal(_stream(voice), voice)


@given(st.lists(st.integers(0, 700), max_size=20), st.floats(-1, 1))
def test_blocks_of_any_length_keep_their_shape_and_are_never_changed_in_place(sizes: list[int], offset: float) -> None:
    remover = OffsetRemover()
    for size in sizes:
        block = np.full(size, offset, np.float32)
        out = remover.remove(block)
        assert out.shape == block.shape
        assert out.dtype == np.float32
        assert (block == np.float32(offset)).all()
        assert np.abs(out).max(initial=0.0) <= max(0.005, 1e-4)
