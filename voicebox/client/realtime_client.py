"""Plays a recording to a Realtime server in real time, as a caller would, and takes down what comes back."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import numpy as np
from numpy.typing import NDArray
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidURI

from voicebox.audio.formats import PCM16_24K
from voicebox.audio.resample import resample
from voicebox.client.caller import Caller
from voicebox.client.result import TalkResult
from voicebox.client.speech import voiced_ends
from voicebox.errors import VoiceboxError

__all__ = ["play", "realtime_url"]

_FRAME_S = 0.02
_MAX_MESSAGE = 2**24
_READY_S = 10.0


def realtime_url(url: str) -> str:
    """The WebSocket address for a server's address; one that has a path already is kept as it is.

    Raises:
        VoiceboxError: it is no address of a server.
    """
    parts = urlsplit(url if "://" in url else f"http://{url}")
    scheme = {"http": "ws", "https": "wss"}.get(parts.scheme, parts.scheme)
    if scheme not in ("ws", "wss") or not parts.netloc:
        raise VoiceboxError(f"{url} is not the address of a server", cure="Write it like http://127.0.0.1:8000.")
    if parts.path in ("", "/"):
        return urlunsplit((scheme, parts.netloc, "/v1/realtime", "model=voicebox", ""))
    return urlunsplit((scheme, parts.netloc, parts.path, parts.query, ""))


async def play(
    url: str,
    audio: NDArray[np.float32],
    rate: int,
    *,
    voiced: NDArray[np.float64] | None = None,
    api_key: str | None = None,
    session: Mapping[str, Any] | None = None,
    patience_s: float = 8.0,
    on_event: Callable[[dict[str, Any]], None] | None = None,
) -> TalkResult:
    """Play a recording and then silence, until it is answered.

    Frames of 20 ms leave when their last sample would have left a microphone, on a clock of this call alone. The
    frames are made before the clock starts, so that many callers in one process cost each other little.

    Args:
        url: the server ("http://127.0.0.1:8000") or its full Realtime address.
        audio: mono, shape `(samples,)`, at `rate` Hz; one request or several with pauses.
        voiced: ends of its voiced frames in seconds, from `voiced_ends`; None finds them.
        api_key: sent as Bearer token.
        session: merged into the `session.update` that opens the conversation.
        patience_s: how long to wait for a sign of an answer.
        on_event: sees every event of the server (without its audio) as it comes.

    Raises:
        VoiceboxError: the server cannot be reached or refuses the conversation.
    """
    address = realtime_url(url)
    if voiced is None:
        voiced = await asyncio.to_thread(voiced_ends, audio, rate)
    frames = _frames(resample(audio, rate, PCM16_24K.rate))
    caller = Caller(len(audio) / rate, voiced, patience_s)
    headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
    try:
        async with connect(
            address,
            additional_headers=headers,
            compression=None,
            max_size=_MAX_MESSAGE,
            subprotocols=["realtime"],  # type: ignore[list-item]
            proxy=None,
        ) as socket:
            await _talk(socket, caller, frames, {"type": "realtime", **(session or {})}, on_event)
    except (OSError, InvalidHandshake, InvalidURI, TimeoutError) as error:
        raise VoiceboxError(
            f"No conversation with {url}: {error}", cure="Is the server running? Start it with `voicebox serve`."
        ) from None
    return caller.result


def _frames(audio: NDArray[np.float32]) -> list[str]:
    """The recording as `append` events, the last frame filled up with silence."""
    step = round(_FRAME_S * PCM16_24K.rate)
    padded = np.pad(audio, (0, -len(audio) % step))
    return [_append(PCM16_24K.encode(padded[start : start + step])) for start in range(0, len(padded), step)]


def _append(data: bytes) -> str:
    return json.dumps({"type": "input_audio_buffer.append", "audio": base64.b64encode(data).decode("ascii")})


async def _talk(
    socket: ClientConnection,
    caller: Caller,
    frames: list[str],
    session: dict[str, Any],
    on_event: Callable[[dict[str, Any]], None] | None,
) -> None:
    loop = asyncio.get_running_loop()
    started = loop.time()
    ready = asyncio.Event()

    def now() -> float:
        return loop.time() - started

    async def receive() -> None:
        async for message in socket:
            known = len(caller.result.events)
            answer = caller.receive(message, now())
            if caller.ready:
                ready.set()
            if on_event is not None and len(caller.result.events) > known:
                on_event(caller.result.events[-1])
            if answer is not None:
                await socket.send(json.dumps(answer))

    receiving = asyncio.create_task(receive(), name="caller-receive")
    try:
        await socket.send(json.dumps({"type": "session.update", "event_id": "hello", "session": session}))
        await _either(ready.wait(), receiving, _READY_S)
        if not caller.ready:
            raise _refusal(socket, caller)
        started = loop.time()
        silence = _append(bytes(round(_FRAME_S * PCM16_24K.bytes_per_second)))
        at = 0
        while not receiving.done() and not caller.over(now()):
            at += 1
            await asyncio.sleep(at * _FRAME_S - now())
            caller.result.late_ms = max(caller.result.late_ms, 1000 * (now() - at * _FRAME_S))
            await socket.send(frames[at - 1] if at <= len(frames) else silence)
    except ConnectionClosed:
        if not caller.ready:
            raise _refusal(socket, caller) from None
    finally:
        receiving.cancel()
        outcome = (await asyncio.gather(receiving, return_exceptions=True))[0]
    if isinstance(outcome, ConnectionClosed) or socket.close_code not in (None, 1000):
        caller.result.errors.append({"code": "connection_closed", "message": str(socket.close_reason or outcome)})
    elif isinstance(outcome, Exception):
        raise outcome


async def _either(waited: Any, other: asyncio.Task[None], timeout_s: float) -> None:
    """Wait for the first of two, or the time."""
    task = asyncio.ensure_future(waited)
    await asyncio.wait((task, other), timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
    task.cancel()


def _refusal(socket: ClientConnection, caller: Caller) -> VoiceboxError:
    """Why a conversation did not begin."""
    if caller.result.errors:
        error = caller.result.errors[-1]
        return VoiceboxError(f"The server refuses: {error.get('message')} ({error.get('code')})")
    if socket.close_code is not None:
        return VoiceboxError(f"The server closed the connection: {socket.close_code} {socket.close_reason}")
    return VoiceboxError("The server did not answer the session.update in time")
