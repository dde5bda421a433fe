"""The Realtime protocol over a WebSocket: the asyncio shell around `RealtimeConnection`."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Literal

from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from voicebox.conversation.events import SessionEvent
from voicebox.conversation.ports import Emit, SessionOptions, SessionPort
from voicebox.errors import VoiceboxError
from voicebox.transports.realtime.connection import RealtimeConnection
from voicebox.transports.realtime.protocol import (
    ClientEvent,
    ProtocolError,
    beta_error,
    error_event,
    parse,
)
from voicebox.transports.realtime.resume import Arrival, Resumable, Resumption
from voicebox.transports.realtime.session_config import SessionConfig
from voicebox.transports.realtime.session_patch import SessionPatch

__all__ = [
    "CLOSE_BETA",
    "CLOSE_BUSY",
    "CLOSE_GOING_AWAY",
    "CLOSE_TOO_SLOW",
    "RealtimeSocket",
    "SessionFactory",
    "refuse",
    "speaks_beta",
]

_log = logging.getLogger(__name__)

SessionFactory = Callable[[Emit, SessionOptions], SessionPort]

CLOSE_GOING_AWAY, CLOSE_TOO_SLOW, CLOSE_FAILED, CLOSE_BUSY, CLOSE_BETA = 1001, 1008, 1011, 1013, 4000
CLOSE_MOVED, CLOSE_EXPIRED, CLOSE_UNKNOWN = 4001, 4002, 4004


@dataclass(frozen=True, slots=True)
class _Ending:
    """How a connection ended: `code` is None where the client is gone already. `dropped`: without a word."""

    code: int | None
    reason: str = ""
    dropped: bool = False
    arrival: Arrival | None = None


_LEFT_WORDLESS = (1006, 1011)
"""Close codes of a connection that broke: nobody sends them."""

_KEPT_BYTES = 1 << 20

_BIG_MESSAGE = 256 * 1024
"""Characters from which a message is parsed in a thread, so that one client's does not hold up all others."""

_FLUSH_S = 1.0
"""What is queued at the end has this long to leave."""


@dataclass(frozen=True)
class RealtimeSocket:
    """What every connection of this kind needs.

    Args:
        sessions: makes a session.
        config: a fresh configuration for a new connection.
        observe: sees every session event (metrics).
        ended: sees every session after its end.
        stopping: returns once the server is to stop.
        stop_grace_s: how long a reply may still take then.
        max_queue_bytes: bound of what waits for the client.
        max_s: how long a session may last; 0: for ever.
        resume_s: how long a session waits for a client whose connection broke; 0: not at all.
    """

    sessions: SessionFactory
    config: Callable[[], SessionConfig]
    observe: Callable[[SessionEvent], None]
    ended: Callable[[SessionPort], None]
    stopping: Callable[[], Awaitable[None]]
    stop_grace_s: float
    max_queue_bytes: int
    max_s: float = 0.0
    resume_s: float = 0.0
    resumption: Resumption = field(default_factory=Resumption)

    async def resume(self, websocket: WebSocket, key: str) -> bool:
        """Give an open (not yet accepted) WebSocket that names a session to that session, until that needs it no more.

        False if it names none. `key` is the id of the key that it came with.
        """
        name = websocket.query_params.get("session")
        if name is None:
            return False
        session = self.resumption.find(name, key)
        if session is None:
            await refuse(websocket, "session_not_found", "There is no such session to resume.", CLOSE_UNKNOWN)
            return True
        await websocket.accept(subprotocol=_subprotocol(websocket))
        arrival = Arrival(websocket, websocket.query_params.get("last_event_id"))
        session.come(arrival)
        await arrival.left.wait()
        return True

    async def run(self, websocket: WebSocket, preset: Mapping[str, Any] | None = None, *, key: str = "") -> None:
        """Hold one conversation over an open (not yet accepted) WebSocket, until either side ends it.

        `preset` is a session as `session.update` has it, which an ephemeral key was made with; `key` is the id of the
        key that may resume it.
        """
        await websocket.accept(subprotocol=_subprotocol(websocket))
        config = self.config()
        config.kind = _kind(websocket, preset)
        if preset:
            config.apply(SessionPatch.model_validate(dict(preset)))
        config.model = websocket.query_params.get("model") or config.model
        connection = RealtimeConnection(
            config, max_queue_bytes=self.max_queue_bytes, kept_bytes=_KEPT_BYTES if self.resume_s else 0
        )
        connection.open()

        def emit(event: SessionEvent) -> None:
            self.observe(event)
            connection.emit(event)

        try:
            session = self.sessions(emit, config.options())
        except VoiceboxError as error:
            await refuse(websocket, "session_failed", str(error), CLOSE_FAILED)
            return
        connection.attach(session)
        try:
            with self.resumption.session(config.id, key) as resumable:
                await self._hold(websocket, connection, resumable)
        finally:
            connection.end()
            await session.close()
            self.ended(session)

    async def _hold(self, websocket: WebSocket, connection: RealtimeConnection, resumable: Resumable) -> None:
        """Converse over this connection, and over those that take its place when it breaks."""
        expiring = asyncio.create_task(connection.expire(self.max_s), name="realtime-expire")
        arrival: Arrival | None = None
        try:
            while True:
                ending = await self._converse(websocket, connection, resumable, expiring)
                if arrival is not None:
                    arrival.left.set()
                arrival = ending.arrival
                if arrival is None and ending.dropped and self.resume_s:
                    arrival = await self._wait(resumable, expiring)
                if arrival is None:
                    return
                connection.resume(arrival.last_event)
                websocket = arrival.websocket
        finally:
            if arrival is not None:
                arrival.left.set()
            expiring.cancel()
            await asyncio.gather(expiring, return_exceptions=True)

    async def _wait(self, resumable: Resumable, expiring: asyncio.Task[None]) -> Arrival | None:
        """The client's next connection; None if it does not come in time, or the server stops."""
        coming = asyncio.create_task(resumable.arrival(), name="realtime-arrival")
        stopping = asyncio.ensure_future(self.stopping())
        try:
            waited = (coming, stopping, expiring)
            await asyncio.wait(waited, timeout=self.resume_s, return_when=asyncio.FIRST_COMPLETED)
            return coming.result() if coming.done() and not stopping.done() else None
        finally:
            for task in (coming, stopping):
                task.cancel()
            await asyncio.gather(coming, stopping, return_exceptions=True)

    async def _converse(
        self,
        websocket: WebSocket,
        connection: RealtimeConnection,
        resumable: Resumable,
        expiring: asyncio.Task[None],
    ) -> _Ending:
        """Receive and send until one of them ends, the server stops, the session is too old or goes on elsewhere; then
        close with the code that fits."""
        receiving = asyncio.create_task(_receive(websocket, connection), name="realtime-receive")
        sending = asyncio.create_task(_send(websocket, connection), name="realtime-send")
        stopping = asyncio.create_task(self._stop(connection), name="realtime-stop")
        moving = asyncio.create_task(_moved(resumable), name="realtime-move")
        tasks = (receiving, sending, stopping, moving)
        try:
            done, _ = await asyncio.wait((*tasks, expiring), return_when=asyncio.FIRST_COMPLETED)
            first = next((task for task in tasks if task in done), None)
            ending = _Ending(CLOSE_EXPIRED, "session_expired") if first is None else first.result()
            if first is sending and ending.dropped:
                # What cannot be sent does not tell how the client left; what it said last does.
                await asyncio.wait((receiving,), timeout=_FLUSH_S)
                ending = receiving.result() if receiving.done() else ending
            if ending.code is not None and ending.arrival is None and not sending.done():
                with suppress(TimeoutError):
                    await asyncio.wait_for(connection.outbox.drained(), _FLUSH_S)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        if ending.code is not None and websocket.client_state is WebSocketState.CONNECTED:
            await _close(websocket, ending.code, ending.reason)
        return ending

    async def _stop(self, connection: RealtimeConnection) -> _Ending:
        """Wait for the server to stop, then for the reply in progress, within the grace."""
        await self.stopping()
        with suppress(TimeoutError):
            await asyncio.wait_for(connection.reply_over(), self.stop_grace_s)
        return _Ending(CLOSE_GOING_AWAY, "the server stops")


async def _moved(resumable: Resumable) -> _Ending:
    arrival = await resumable.arrival()
    return _Ending(CLOSE_MOVED, "the session goes on over another connection", arrival=arrival)


def _broke(message: Mapping[str, Any]) -> bool:
    """Whether nobody said goodbye. uvicorn gives 1005 for that too, but a reason only where a close frame came."""
    return message.get("code") in _LEFT_WORDLESS or "reason" not in message


async def _receive(websocket: WebSocket, connection: RealtimeConnection) -> _Ending:
    while True:
        message = await websocket.receive()
        if message["type"] == "websocket.disconnect":
            return _Ending(None, dropped=_broke(message))
        text = message.get("text")
        try:
            if text is None:
                raise ProtocolError("invalid_message", "Messages are JSON text, not binary.")
            connection.handle(await _parse(text))
        except ProtocolError as error:
            connection.reject(error)
            if error.fatal:
                return _Ending(CLOSE_BETA, f"invalid_request_error.{error.code}")


async def _parse(text: str) -> ClientEvent:
    return await asyncio.to_thread(parse, text) if len(text) > _BIG_MESSAGE else parse(text)


async def _send(websocket: WebSocket, connection: RealtimeConnection) -> _Ending:
    while True:
        text = await connection.outbox.get()
        if text is None:
            return _Ending(CLOSE_TOO_SLOW, "the client does not read")
        try:
            await websocket.send_text(text)
        except WebSocketDisconnect as gone:
            return _Ending(None, dropped=gone.code in _LEFT_WORDLESS)


async def refuse(websocket: WebSocket, code: str, message: str, close_code: int) -> None:
    """Say why there is no conversation, in the protocol's own words, and close."""
    if websocket.application_state is WebSocketState.CONNECTING:
        await websocket.accept(subprotocol=_subprotocol(websocket))
    kind: Literal["invalid_request_error", "server_error"] = (
        "invalid_request_error" if close_code == CLOSE_BETA else "server_error"
    )
    try:
        await websocket.send_json(error_event(code, message, kind=kind))
    except WebSocketDisconnect:
        return
    await _close(websocket, close_code, f"{kind}.{code}")


async def _close(websocket: WebSocket, code: int, reason: str) -> None:
    try:
        await websocket.close(code, reason)
    except (WebSocketDisconnect, RuntimeError):
        # Gone between our look at it and the close.
        _log.debug("A client vanished before it was told why")


def speaks_beta(websocket: WebSocket) -> ProtocolError | None:
    """The error for a client that asks for the beta of the protocol, None for others."""
    beta = "realtime=v1" in websocket.headers.get("openai-beta", "")
    if beta or any(name.startswith("openai-beta.") for name in websocket.scope.get("subprotocols", [])):
        return beta_error()
    return None


def _kind(websocket: WebSocket, preset: Mapping[str, Any] | None) -> Literal["realtime", "transcription"]:
    """What a connection is for: what its ephemeral key was made for, or what its address says."""
    asked = (preset or {}).get("type") or websocket.query_params.get("intent")
    return "transcription" if asked == "transcription" else "realtime"


def _subprotocol(websocket: WebSocket) -> str | None:
    """Of all that a client offers only the protocol's name is echoed, never a key."""
    return "realtime" if "realtime" in websocket.scope.get("subprotocols", []) else None
