"""One call over WebRTC: media and a data channel on one side, a session behind the Realtime protocol on the other."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np
from aiortc import (
    RTCConfiguration,
    RTCDataChannel,
    RTCIceServer,
    RTCPeerConnection,
    RTCSessionDescription,
)
from aiortc.mediastreams import MediaStreamError, MediaStreamTrack
from numpy.typing import NDArray

from voicebox.audio.resample import Resampler
from voicebox.conversation.events import SessionEvent
from voicebox.conversation.ports import SessionPort
from voicebox.errors import VoiceboxError
from voicebox.transports.realtime.connection import RealtimeConnection
from voicebox.transports.realtime.protocol import ProtocolError, new_id, parse
from voicebox.transports.realtime.session_config import SessionConfig
from voicebox.transports.realtime.websocket import SessionFactory
from voicebox.transports.webrtc.track import ReplyTrack

__all__ = ["CallSettings", "OfferError", "WebrtcCall"]

_log = logging.getLogger(__name__)

_CHANNEL = "oai-events"
_HEARD_RATE = 16_000


class OfferError(VoiceboxError):
    """An SDP offer that cannot be answered."""


@dataclass(frozen=True, slots=True)
class CallSettings:
    """What every call needs.

    `ice_servers` are STUN and TURN addresses (none: nobody outside is asked). A call that is not connected after
    `connect_s`, or of which no audio has come for `silence_s`, is over.
    """

    ice_servers: Sequence[str] = ()
    ice_username: str | None = None
    ice_credential: str | None = None
    connect_s: float = 15.0
    silence_s: float = 10.0
    max_queue_bytes: int = 8 * 2**20


class WebrtcCall:
    """A call from its offer to its end. Made on the event loop.

    Args:
        config: what is in effect at the start.
        settings: what every call needs.
        sessions: makes the session.
        observe: sees every session event.
        ended: sees the session after its end.
    """

    def __init__(
        self,
        config: SessionConfig,
        settings: CallSettings,
        sessions: SessionFactory,
        observe: Callable[[SessionEvent], None],
        ended: Callable[[SessionPort], None],
    ) -> None:
        self.id = new_id("rtc")
        self._settings = settings
        self._sessions = sessions
        self._observe = observe
        self._ended = ended
        # An empty list: with None aiortc asks a public STUN server.
        self._peer = RTCPeerConnection(RTCConfiguration(iceServers=_ice(settings)))
        self._track = ReplyTrack(self._started, self._played, self._stopped)
        self._connection = RealtimeConnection(config, max_queue_bytes=settings.max_queue_bytes, sink=self._track)
        self._session: SessionPort | None = None
        self._over = asyncio.Event()
        self._connected = asyncio.Event()
        self._heard_s = 0.0
        self._tasks: set[asyncio.Task[None]] = set()
        self._peer.on("connectionstatechange", self._state_changed)
        self._peer.on("track", self._track_came)
        self._peer.on("datachannel", self._channel_came)

    async def answer(self, offer: str) -> str:
        """The SDP answer to an offer.

        Raises:
            OfferError: it is no offer with audio.
        """
        try:
            await self._peer.setRemoteDescription(RTCSessionDescription(offer, "offer"))
            if not any(each.kind == "audio" for each in self._peer.getTransceivers()):
                raise OfferError("The offer has no audio", cure="Add a microphone track, or an audio transceiver.")
            self._peer.addTrack(self._track)
            await self._peer.setLocalDescription(await self._peer.createAnswer())
        except OfferError:
            await self._peer.close()
            raise
        except Exception as error:  # aiortc's parser raises whatever comes to its mind
            await self._peer.close()
            _log.debug("an offer was refused", exc_info=True)
            raise OfferError(f"The SDP offer cannot be used: {type(error).__name__}: {error}"[:300]) from None
        return str(self._peer.localDescription.sdp)

    async def run(self) -> None:
        """Hold the call until either side ends it, or nothing is heard of the caller any more."""
        self._connection.open()
        try:
            session = self._session = self._sessions(self._emit, self._connection.config.options())
            self._connection.attach(session)
            await self._watch()
        finally:
            self._connection.end()
            await self.close()
            if self._session is not None:
                await self._session.close()
                self._ended(self._session)

    def hang_up(self) -> None:
        """End the call soon. Idempotent."""
        self._over.set()

    async def reply_over(self) -> None:
        """Until no reply is in progress."""
        await self._connection.reply_over()

    async def close(self) -> None:
        """Close the connection and end its tasks. Idempotent."""
        self._over.set()
        self._track.stop()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._peer.close()

    async def _watch(self) -> None:
        loop = asyncio.get_running_loop()
        with suppress(TimeoutError):
            await asyncio.wait_for(_either(self._connected, self._over), self._settings.connect_s)
        if not self._connected.is_set():
            _log.info("call %s was not connected in time", self.id)
            return
        self._heard_s = loop.time()
        while not self._over.is_set():
            left_s = self._heard_s + self._settings.silence_s - loop.time()
            if left_s <= 0:
                _log.info("call %s: no audio for %g s, it is over", self.id, self._settings.silence_s)
                return
            with suppress(TimeoutError):
                await asyncio.wait_for(self._over.wait(), left_s)

    # The session's side

    def _emit(self, event: SessionEvent) -> None:
        self._observe(event)
        self._connection.emit(event)

    def _started(self, reply: str) -> None:
        self._connection.audio_started(reply)

    def _played(self, reply: str, ms: int) -> None:
        if self._session is not None:
            self._session.played(reply, ms)

    def _stopped(self, reply: str) -> None:
        self._connection.audio_stopped(reply)

    # The peer's side

    def _state_changed(self) -> None:
        state = self._peer.connectionState
        if state == "connected":
            self._connected.set()
        elif state in ("failed", "closed"):
            self._over.set()

    def _track_came(self, track: MediaStreamTrack) -> None:
        if track.kind == "audio":
            self._spawn(self._hear(track))

    def _channel_came(self, channel: RTCDataChannel) -> None:
        if channel.label == _CHANNEL:
            channel.on("message", self._message_came)
            self._spawn(self._send(channel))

    def _message_came(self, message: str | bytes) -> None:
        try:
            if not isinstance(message, str):
                raise ProtocolError("invalid_message", "Messages are JSON text, not binary.")
            self._connection.handle(parse(message))
        except ProtocolError as error:
            self._connection.reject(error)
            if error.fatal:
                self._over.set()

    async def _send(self, channel: RTCDataChannel) -> None:
        while (text := await self._connection.outbox.get()) is not None:
            if channel.readyState != "open":
                return
            channel.send(text)
        self._over.set()

    async def _hear(self, track: MediaStreamTrack) -> None:
        loop, resampler, rate = asyncio.get_running_loop(), None, 0
        with suppress(MediaStreamError):
            while True:
                frame: Any = await track.recv()
                self._heard_s = loop.time()
                if resampler is None or rate != frame.sample_rate:
                    rate = frame.sample_rate
                    resampler = Resampler(rate, _HEARD_RATE)
                if self._session is not None:
                    self._connection.hear(resampler.process(_mono(frame)))
        self._over.set()

    def _spawn(self, work: Any) -> None:
        task = asyncio.create_task(work, name=f"{self.id}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _mono(frame: Any) -> NDArray[np.float32]:
    """A decoded frame (packed 16-bit) as float32 mono."""
    channels = len(frame.layout.channels)
    samples = frame.to_ndarray().reshape(-1, channels).astype(np.float32)
    return np.asarray(samples.mean(axis=1) / np.float32(32768), np.float32)


def _ice(settings: CallSettings) -> list[RTCIceServer]:
    return [
        RTCIceServer(urls=url, username=settings.ice_username, credential=settings.ice_credential)
        for url in settings.ice_servers
    ]


async def _either(first: asyncio.Event, second: asyncio.Event) -> None:
    tasks = [asyncio.create_task(event.wait()) for event in (first, second)]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
