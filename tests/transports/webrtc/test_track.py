from __future__ import annotations

import numpy as np
import pytest
from aiortc.mediastreams import MediaStreamError
from av import AudioFrame, Packet
from numpy.typing import NDArray

from voicebox.transports.webrtc.opus import OpusDecoder
from voicebox.transports.webrtc.track import ReplyTrack

RATE = 48_000


class Far:
    """What the track tells, and its clock."""

    def __init__(self) -> None:
        self.told: list[tuple[str, str]] = []
        self.ms: dict[str, int] = {}
        self.now = 5.0
        self.track = ReplyTrack(
            lambda reply: self.told.append(("started", reply)),
            self.ms.__setitem__,
            lambda reply: self.told.append(("stopped", reply)),
            clock=lambda: self.now,
            sleep=self.sleep,
        )

    async def sleep(self, seconds: float) -> None:
        self.now += seconds

    async def frames(self, count: int) -> NDArray[np.float32]:
        frames = [await self.track.recv() for _ in range(count)]
        pcm = np.concatenate([frame.to_ndarray()[0] for frame in frames if isinstance(frame, AudioFrame)])
        return (pcm / 32767).astype(np.float32)


def tone(seconds: float) -> NDArray[np.float32]:
    return (0.5 * np.sin(2 * np.pi * 440 * np.arange(round(seconds * RATE)) / RATE)).astype(np.float32)


async def test_every_sample_leaves_once_and_is_accounted_for() -> None:
    far = Far()
    assert not (await far.frames(2)).any()
    far.track.add("r", tone(0.05), RATE)
    far.track.add("r", tone(0.05), RATE)
    far.track.end("r")
    heard = await far.frames(10)
    assert np.abs(heard[:4800] - np.concatenate((tone(0.05), tone(0.05)))).max() < 1e-3
    assert not heard[4800:].any()
    assert far.told == [("started", "r"), ("stopped", "r")]
    assert far.ms["r"] == 100 - 60


async def test_frames_are_due_by_an_absolute_clock() -> None:
    far = Far()
    await far.frames(1)
    assert far.now == 5.0
    await far.frames(1)
    assert far.now == 5.02
    far.now += 0.05  # We were held up: the next frames are late, and those after them are not.
    await far.frames(2)
    assert abs(far.now - 5.07) < 1e-9
    await far.frames(1)
    assert abs(far.now - 5.08) < 1e-9


async def test_what_is_cleared_is_not_heard() -> None:
    far = Far()
    far.track.add("a", tone(0.2), RATE)
    await far.frames(1)
    assert far.track.clear("a")
    assert not far.track.clear("a")
    far.track.add("b", tone(0.02), RATE)
    far.track.end("b")
    heard = await far.frames(3)
    assert np.abs(heard[:960] - tone(0.02)).max() < 1e-3
    assert not heard[960:].any()
    assert far.told == [("started", "a"), ("started", "b"), ("stopped", "b")]


async def test_a_voice_of_another_rate_is_resampled() -> None:
    far = Far()
    far.track.add("r", np.sin(2 * np.pi * 200 * np.arange(2_205) / 22_050).astype(np.float32), 22_050)
    far.track.end("r")
    heard = await far.frames(8)
    assert abs(np.flatnonzero(np.abs(heard) > 0.01)[-1] - 4_800) < 60


async def test_packets_of_opus_instead_of_frames() -> None:
    far = Far()
    far.track.write_opus()
    far.track.add("r", tone(0.2), RATE)
    decoder = OpusDecoder(48_000)
    heard = []
    for number in range(10):
        packet = await far.track.recv()
        assert isinstance(packet, Packet)
        assert packet.pts == number * 960
        heard.append(decoder.decode(bytes(packet)))
    assert 0.2 < float(np.std(np.concatenate(heard)[2_000:])) < 0.5


async def test_a_track_that_was_stopped_gives_nothing() -> None:
    far = Far()
    far.track.stop()
    with pytest.raises(MediaStreamError):
        await far.track.recv()
