from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from voicebox.audio import g711

Encode = Callable[[NDArray[np.int16]], bytes]
Decode = Callable[[bytes], NDArray[np.int16]]
LAWS = [
    pytest.param(g711.ulaw_encode, g711.ulaw_decode, id="ulaw"),
    pytest.param(g711.alaw_encode, g711.alaw_decode, id="alaw"),
]
EVERY_CODE = bytes(range(256))


@pytest.mark.parametrize(("encode", "decode"), LAWS)
def test_every_code_means_a_sample_that_encodes_to_it(encode: Encode, decode: Decode) -> None:
    samples = decode(EVERY_CODE)
    assert np.array_equal(decode(encode(samples)), samples)


@pytest.mark.parametrize(("encode", "decode"), LAWS)
def test_every_sample_comes_back_within_half_a_step(encode: Encode, decode: Decode) -> None:
    samples = np.arange(-32_768, 32_768, dtype=np.int32).astype(np.int16)
    error = np.abs(decode(encode(samples)).astype(np.int32) - samples)
    # Sixteen steps per octave: half a step is a 32nd of the sample, and 8 near zero.
    assert np.all(error <= np.maximum(8, (np.abs(samples.astype(np.int32)) + 132) / 32))


def test_known_codes() -> None:
    # ITU-T G.711: digital silence and full scale.
    assert g711.ulaw_encode(np.zeros(1, np.int16)) == b"\xff"
    assert g711.alaw_encode(np.zeros(1, np.int16)) == b"\xd5"
    assert g711.ulaw_decode(b"\x00\x80").tolist() == [-32_124, 32_124]
    assert g711.alaw_decode(b"\x2a\xaa").tolist() == [-32_256, 32_256]


@pytest.mark.parametrize(("encode", "decode"), LAWS)
def test_codes_grow_with_the_sample(encode: Encode, decode: Decode) -> None:
    samples = np.arange(-32_768, 32_768, dtype=np.int32).astype(np.int16)
    assert np.all(np.diff(decode(encode(samples)).astype(np.int32)) >= 0)
