from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from voicebox.transports.webrtc.opus import OpusDecoder, OpusEncoder, OpusError

RATE = 48_000


def voice(seconds: float) -> NDArray[np.float32]:
    """Something like a voice: harmonics that rise and fall."""
    t = np.arange(round(seconds * RATE)) / RATE
    pitch = 2 * np.pi * np.cumsum(120 + 20 * np.sin(2 * np.pi * 2 * t)) / RATE
    sound = sum(np.sin(n * pitch) / n for n in range(1, 12)) * (0.6 + 0.4 * np.sin(2 * np.pi * 3 * t))
    return (0.2 * sound).astype(np.float32)


def packets(audio: NDArray[np.float32]) -> list[bytes]:
    encoder = OpusEncoder(RATE)
    return [encoder.encode(audio[start : start + 960]) for start in range(0, len(audio) - 959, 960)]


def error(a: NDArray[np.float32], b: NDArray[np.float32]) -> float:
    return float(np.sqrt(np.mean((a - b) ** 2) / np.mean(b**2)))


def test_a_voice_comes_through_at_another_rate() -> None:
    decoder = OpusDecoder(16_000)
    coded = packets(voice(1.0))
    heard = np.concatenate([decoder.decode(each) for each in coded])
    assert len(heard) == 16_000
    assert decoder.samples(coded[0]) == 320
    assert 0.05 < float(np.std(heard)) < 0.4


def test_a_lost_packet_is_made_again_from_the_next() -> None:
    """FEC gives what was said; concealment gives only something like it."""
    coded = packets(voice(2.0))
    whole = OpusDecoder(16_000)
    expected = [whole.decode(each) for each in coded]
    by_fec: list[float] = []
    by_concealment: list[float] = []
    for lost in range(20, 90, 7):
        for errors, recover in ((by_fec, True), (by_concealment, False)):
            decoder = OpusDecoder(16_000)
            for each in coded[:lost]:
                decoder.decode(each)
            made = decoder.recover(coded[lost + 1], 320) if recover else decoder.conceal(320)
            assert len(made) == 320
            errors.append(error(made, expected[lost]))
    assert np.mean(by_fec) < 0.5 * np.mean(by_concealment)


def test_concealment_fades() -> None:
    decoder = OpusDecoder(16_000)
    for each in packets(voice(0.5)):
        decoder.decode(each)
    made = [decoder.conceal(320) for _ in range(20)]
    assert float(np.std(made[0])) > 0.02
    assert float(np.std(made[-1])) < 0.1 * float(np.std(made[0]))


@pytest.mark.parametrize("junk", [b"\xff\xff\xff", b"\x03", bytes(1)[:0]])
def test_junk_is_refused_and_the_decoder_lives_on(junk: bytes) -> None:
    decoder = OpusDecoder(16_000)
    if junk:
        with pytest.raises(OpusError, match="Opus"):
            decoder.decode(junk)
    assert len(decoder.decode(packets(voice(0.1))[0])) == 320


def test_a_length_that_opus_does_not_have() -> None:
    with pytest.raises(OpusError, match="invalid"):
        OpusEncoder(RATE).encode(np.zeros(100, np.float32))
    with pytest.raises(OpusError):
        OpusDecoder(12_345)
