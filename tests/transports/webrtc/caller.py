"""aiortc as a client: speaks a recording, keeps what it hears and what is told."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from fractions import Fraction
from random import Random
from typing import Any

import httpx
import numpy as np
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import MediaStreamError, MediaStreamTrack
from av import AudioFrame
from numpy.typing import NDArray

RATE = 48_000
FRAME = 960


class Microphone(MediaStreamTrack):
    """A recording at 48 kHz in real time, then silence."""

    kind = "audio"

    def __init__(self, audio: NDArray[np.float32]) -> None:
        super().__init__()
        self._audio = np.pad(audio, (0, -len(audio) % FRAME))
        self._at = 0
        self.began: float | None = None

    async def recv(self) -> AudioFrame:
        if self.readyState != "live":
            raise MediaStreamError
        loop = asyncio.get_running_loop()
        self.began = self.began or loop.time()
        # A frame can leave when its last sample was spoken.
        await asyncio.sleep(max(0.0, self.began + (self._at + 1) * 0.02 - loop.time()))
        piece = self._audio[self._at * FRAME : (self._at + 1) * FRAME]
        samples = piece if len(piece) else np.zeros(FRAME, np.float32)
        frame = AudioFrame.from_ndarray((samples * 32767).astype(np.int16)[np.newaxis], format="s16", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = RATE, self._at * FRAME, Fraction(1, RATE)
        self._at += 1
        return frame


@dataclass
class Network:
    """What happens to the caller's packets: a share is lost, each takes up to `jitter_s` longer; `cut` loses all."""

    lost: float = 0.0
    jitter_s: float = 0.0
    cut: bool = False
    seed: int = 1

    def disturb(self, transport: Any) -> None:
        send, chance, loop = transport._send_rtp, Random(self.seed), asyncio.get_running_loop()
        under_way: set[asyncio.Task[None]] = set()

        def now(data: bytes) -> None:
            task = loop.create_task(send(data))
            under_way.add(task)
            task.add_done_callback(under_way.discard)
            task.add_done_callback(lambda done: done.cancelled() or done.exception())

        async def later(data: bytes) -> None:
            if not self.cut and chance.random() >= self.lost:
                loop.call_later(chance.uniform(0.0, self.jitter_s), now, data)

        transport._send_rtp = later


class RtcCaller:
    """One call."""

    def __init__(self, audio: NDArray[np.float32], network: Network | None = None) -> None:
        self.network = network
        self.peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self.events: list[dict[str, Any]] = []
        self.heard: list[NDArray[np.float32]] = []
        self.location = ""
        self._came = asyncio.Event()
        self.channel = self.peer.createDataChannel("oai-events")
        self.channel.on("message", self._message)
        self.microphone = Microphone(audio)
        self.peer.addTrack(self.microphone)
        self.peer.on("track", self._track)
        self._tasks: list[asyncio.Task[None]] = []

    async def dial(self, url: str, **request: Any) -> httpx.Response:
        await self.peer.setLocalDescription(await self.peer.createOffer())
        async with httpx.AsyncClient(trust_env=False) as client:
            response = await client.post(
                f"{url}/v1/realtime/calls",
                content=self.peer.localDescription.sdp,
                headers={"content-type": "application/sdp", **request},
            )
        if response.status_code == 201:
            self.location = f"{url}{response.headers['location']}"
            await self.peer.setRemoteDescription(RTCSessionDescription(response.text, "answer"))
            if self.network is not None:
                self.network.disturb(self.peer.getSenders()[0].transport)
        return response

    def send(self, kind: str, **fields: Any) -> None:
        self.channel.send(json.dumps({"type": kind, **fields}))

    async def until(self, kind: str, *, within_s: float = 20.0) -> dict[str, Any]:
        """Wait for an event; those before it are kept too."""
        seen = 0
        async with asyncio.timeout(within_s):
            while True:
                for event in self.events[seen:]:
                    seen += 1
                    if event["type"] == kind:
                        return event
                self._came.clear()
                await self._came.wait()

    @property
    def sound(self) -> NDArray[np.float32]:
        return np.concatenate(self.heard) if self.heard else np.zeros(0, np.float32)

    async def hang_up(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.peer.close()

    def _message(self, message: str) -> None:
        self.events.append(json.loads(message))
        self._came.set()

    def _track(self, track: MediaStreamTrack) -> None:
        self._tasks.append(asyncio.create_task(self._listen(track)))

    async def _listen(self, track: MediaStreamTrack) -> None:
        while True:
            try:
                frame: Any = await track.recv()
            except MediaStreamError:
                return
            samples = frame.to_ndarray().reshape(-1, len(frame.layout.channels)).mean(axis=1)
            self.heard.append((samples / 32768).astype(np.float32))
