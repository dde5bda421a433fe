"""One call over WebRTC: media and a data channel on one side, a session behind the Realtime protocol on the other."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from aiortc import (
    RTCConfiguration,
    RTCDataChannel,
    RTCIceServer,
    RTCPeerConnection,
    RTCRtpReceiver,
    RTCSessionDescription,
)
from aiortc.mediastreams import MediaStreamError, MediaStreamTrack
from aiortc.rtcrtpparameters import RTCRtpCodecCapability
from numpy.typing import NDArray

from voicebox.conversation.events import SessionEvent
from voicebox.conversation.ports import SessionPort
from voicebox.errors import VoiceboxError
from voicebox.transports.realtime.connection import RealtimeConnection
from voicebox.transports.realtime.protocol import ProtocolError, new_id, parse, server_event
from voicebox.transports.realtime.session_config import SessionConfig
from voicebox.transports.realtime.websocket import SessionFactory
from voicebox.transports.webrtc.receiver import AudioReceiver, ReceiverStats, receive_with
from voicebox.transports.webrtc.track import ReplyTrack

__all__ = ["CallSettings", "OfferError", "WebrtcCall", "with_fec"]

_log = logging.getLogger(__name__)

_CHANNEL = "oai-events"
_STATS_S = 5.0
"""How often the client is told how its voice comes in."""
_OPUS_MAP = re.compile(r"^a=rtpmap:(\d+) opus/48000[^\r\n]*", re.I | re.M)
_NAMES = ("audio/opus", "audio/PCMU", "audio/PCMA")
"""What can be decoded here, the best first."""


class OfferError(VoiceboxError):
    """An SDP offer that cannot be answered."""


@dataclass(frozen=True, slots=True)
class CallSettings:
    """What every call needs.

    `ice_servers` are STUN and TURN addresses (none: nobody outside is asked). A call that is not connected after
    `connect_s`, of which no audio has come for `silence_s`, or which is `max_s` old (0: at any age) is over.
    """

    ice_servers: Sequence[str] = ()
    ice_username: str | None = None
    ice_credential: str | None = None
    connect_s: float = 15.0
    silence_s: float = 10.0
    max_s: float = 0.0
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
        self._receiver = AudioReceiver(self._heard, asyncio.get_running_loop())
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
            # Before the offer is read: what is offered is matched with what is here.
            audio = self._peer.addTransceiver(self._track)
            audio.setCodecPreferences(_codecs())
            receive_with(audio.receiver, self._receiver.take)
            await self._peer.setRemoteDescription(RTCSessionDescription(offer, "offer"))
            if audio.mid is None:
                raise OfferError("The offer has no audio", cure="Add a microphone track, or an audio transceiver.")
            await self._peer.setLocalDescription(await self._peer.createAnswer())
        except OfferError:
            await self.close()
            raise
        except Exception as error:  # aiortc's parser raises whatever comes to its mind
            await self.close()
            _log.debug("an offer was refused", exc_info=True)
            raise OfferError(f"The SDP offer cannot be used: {type(error).__name__}: {error}"[:300]) from None
        if _OPUS_MAP.search(sdp := self._peer.localDescription.sdp):
            self._track.write_opus()
        return with_fec(sdp)

    async def run(self) -> None:
        """Hold the call until either side ends it, or nothing is heard of the caller any more."""
        self._connection.open()
        try:
            session = self._session = self._sessions(self._emit, self._connection.config.options())
            self._connection.attach(session)
            self._spawn(self._expire())
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

    @property
    def stats(self) -> ReceiverStats:
        """How the caller's voice comes in."""
        return self._receiver.stats

    async def reply_over(self) -> None:
        """Until no reply is in progress."""
        await self._connection.reply_over()

    async def close(self) -> None:
        """Close the connection and end its tasks. Idempotent."""
        self._over.set()
        self._receiver.close()
        self._track.stop()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._close_peer()

    async def _close_peer(self) -> None:
        try:
            await self._peer.close()
        except Exception:  # Of an offer that was half understood, parts have no transport, on which aiortc stumbles.
            _log.debug("a connection did not close by itself", exc_info=True)
            for transceiver in self._peer.getTransceivers():
                transport = transceiver.receiver.transport
                with suppress(Exception):
                    await transport.stop()
                    await transport.transport.stop()

    async def _watch(self) -> None:
        loop = asyncio.get_running_loop()
        with suppress(TimeoutError):
            await asyncio.wait_for(_either(self._connected, self._over), self._settings.connect_s)
        if not self._connected.is_set():
            _log.info("call %s was not connected in time", self.id)
            return
        connected_s = loop.time()
        while not self._over.is_set():
            self._connection.outbox.put(server_event("voicebox.connection", **asdict(self._receiver.stats)))
            left_s = max(self._receiver.last_s, connected_s) + self._settings.silence_s - loop.time()
            if left_s <= 0:
                _log.info("call %s: no audio for %g s, it is over", self.id, self._settings.silence_s)
                return
            with suppress(TimeoutError):
                await asyncio.wait_for(self._over.wait(), min(left_s, _STATS_S))

    async def _expire(self) -> None:
        await self._connection.expire(self._settings.max_s)
        with suppress(TimeoutError):
            await asyncio.wait_for(self._connection.outbox.drained(), 1.0)
        self._over.set()

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
            self._spawn(self._until_the_end(track))

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

    def _heard(self, audio: NDArray[np.float32]) -> None:
        if self._session is not None:
            self._connection.hear(audio)

    async def _until_the_end(self, track: MediaStreamTrack) -> None:
        """The track gives no frames, as its packets go elsewhere; it ends with the far end's goodbye."""
        with suppress(MediaStreamError):
            while True:
                await track.recv()
        self._over.set()

    def _spawn(self, work: Any) -> None:
        task = asyncio.create_task(work, name=f"{self.id}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _codecs() -> list[RTCRtpCodecCapability]:
    known = RTCRtpReceiver.getCapabilities("audio")
    assert known is not None
    return [codec for name in _NAMES for codec in known.codecs if codec.mimeType == name]


def with_fec(sdp: str) -> str:
    """An answer that asks the far end to put redundancy into its Opus (RFC 7587); aiortc's says nothing of it."""
    return _OPUS_MAP.sub(lambda found: f"{found[0]}\r\na=fmtp:{found[1]} minptime=10;useinbandfec=1", sdp)


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
