from __future__ import annotations

import numpy as np
import pytest

from voicebox.stt.pieces import split_quietly
from voicebox.stt.types import SAMPLE_RATE


def test_a_short_recording_is_one_piece() -> None:
    audio = np.ones(5 * SAMPLE_RATE, np.float32)
    (piece,) = split_quietly(audio, 5.0)
    assert piece is audio
    assert [len(p) for p in split_quietly(audio[:0], 5.0)] == [0]


def test_cuts_are_where_it_is_quiet() -> None:
    audio = np.random.default_rng(0).standard_normal(30 * SAMPLE_RATE).astype(np.float32)
    for second in (7, 15, 23):
        audio[second * SAMPLE_RATE : int((second + 0.4) * SAMPLE_RATE)] *= 0.01
    pieces = split_quietly(audio, 10.0)
    cuts = np.cumsum([len(piece) for piece in pieces])[:-1] / SAMPLE_RATE
    assert cuts == pytest.approx([7.2, 15.2, 23.2], abs=0.1)


@pytest.mark.parametrize("seconds", [10.01, 19.9, 61.0])
def test_pieces_are_the_whole_and_none_is_too_long(seconds: float) -> None:
    audio = np.random.default_rng(1).standard_normal(int(seconds * SAMPLE_RATE)).astype(np.float32)
    pieces = split_quietly(audio, 10.0)
    assert np.array_equal(np.concatenate(pieces), audio)
    assert all(0 < len(piece) <= 10 * SAMPLE_RATE for piece in pieces)


def test_even_a_tiny_limit_makes_progress() -> None:
    audio = np.zeros(SAMPLE_RATE, np.float32)
    pieces = split_quietly(audio, 0.1)
    assert np.array_equal(np.concatenate(pieces), audio)
