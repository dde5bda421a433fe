"""A caller who speaks, or not, while the assistant does: what becomes of the reply, as the caller hears it."""

from __future__ import annotations

import asyncio
import base64
import json
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake

from voicebox.audio.formats import PCM16_24K
from voicebox.client.realtime_client import realtime_url
from voicebox.client.room import Loudspeaker, Room
from voicebox.errors import VoiceboxError

__all__ = ["Outcome", "talk_over"]

_RATE = PCM16_24K.rate
_FRAME = round(0.02 * _RATE)
_LONGEST_S = 40.0


@dataclass
class Outcome:
    """Times are seconds on the caller's clock; None for what did not happen.

    `silent_s` is when the reply was first broken off, `resumed_s` when the rest of it began, `over` that it was given
    up for good; `audible_s` is when the reply began.
    """

    audible_s: float | None = None
    spoke_s: float | None = None
    ducked_s: float | None = None
    silent_s: float | None = None
    resumed_s: float | None = None
    over: bool = False
    breaks: int = 0
    text: str = ""
    said: str = ""
    late_ms: float = 0.0
    turns: list[str] = field(default_factory=list)


async def talk_over(
    url: str,
    question: str,
    *,
    speech: NDArray[np.float32] | None = None,
    after_s: float = 1.0,
    room: Room | None = None,
    api_key: str | None = None,
) -> Outcome:
    """Ask a question in writing, and speak `after_s` after the reply begins to be heard, in real time.

    Args:
        url: the server.
        question: typed; its reply should last for some seconds.
        speech: what the caller says then, at 24 kHz; None says nothing.
        after_s: seconds from the reply's first audible sample.
        room: how the loudspeaker is heard by the microphone; None is headphones.
        api_key: sent as Bearer token.

    Raises:
        VoiceboxError: the server cannot be reached, or there is no reply to speak over.
    """
    headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
    try:
        async with connect(
            realtime_url(url), additional_headers=headers, compression=None, max_size=2**24, proxy=None
        ) as socket:
            return await _Caller(socket, speech, after_s, room).run(question)
    except (OSError, InvalidHandshake, ConnectionClosed) as error:
        raise VoiceboxError(f"No conversation with {url}: {error}") from None


class _Caller:
    def __init__(
        self, socket: ClientConnection, speech: NDArray[np.float32] | None, after_s: float, room: Room | None
    ) -> None:
        self._socket = socket
        self._speech = speech
        self._after_s = after_s
        self._room = room
        self._loudspeaker = Loudspeaker(_RATE, _LONGEST_S)
        self._outcome = Outcome()
        self._item = ""
        self._active = 0
        self._began = asyncio.get_running_loop().time()

    async def run(self, question: str) -> Outcome:
        item = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": question}]}
        receiving = asyncio.create_task(self._receive(), name="caller-receive")
        try:
            await self._send(type="conversation.item.create", item=item)
            await self._send(type="response.create")
            await self._speak(receiving)
        finally:
            receiving.cancel()
            (end,) = await asyncio.gather(receiving, return_exceptions=True)
        if isinstance(end, Exception):
            raise end
        return self._outcome

    async def _speak(self, receiving: asyncio.Task[None]) -> None:
        out, at = self._outcome, 0
        while not receiving.done() and not self._over():
            at += 1
            await asyncio.sleep(max(0.0, at * _FRAME / _RATE - self._now()))
            out.late_ms = max(out.late_ms, 1000 * (self._now() - at * _FRAME / _RATE))
            frame = np.zeros(_FRAME, np.float32)
            if self._room is not None:
                frame += self._room.echo(self._loudspeaker, (at - 1) * _FRAME / _RATE, _FRAME)
            frame += self._words((at - 1) * _FRAME)
            audio = base64.b64encode(PCM16_24K.encode(np.clip(frame, -1.0, 1.0))).decode("ascii")
            await self._send(type="input_audio_buffer.append", audio=audio)

    def _words(self, start: int) -> NDArray[np.float32]:
        """What the caller says in the frame that starts at this sample."""
        out = self._outcome
        if self._speech is None or out.audible_s is None:
            return np.zeros(_FRAME, np.float32)
        if out.spoke_s is None:
            out.spoke_s = max(start / _RATE, out.audible_s + self._after_s)
        offset = start - round(out.spoke_s * _RATE)
        if not 0 <= offset < len(self._speech):
            return np.zeros(_FRAME, np.float32)
        said = self._speech[offset : offset + _FRAME]
        return np.pad(said, (0, _FRAME - len(said)))

    def _over(self) -> bool:
        """The reply was heard, or given up, and what the caller said has been dealt with."""
        now, out = self._now(), self._outcome
        if now > _LONGEST_S - 5.0:
            return True
        if out.audible_s is None or self._active:
            return False
        spoken_s = 0.0 if out.spoke_s is None or self._speech is None else out.spoke_s + len(self._speech) / _RATE
        return now > max(self._loudspeaker.ends_s + 1.5, spoken_s + (1.5 if out.over else 4.0))

    async def _receive(self) -> None:
        out = self._outcome
        async for message in self._socket:
            event: dict[str, Any] = json.loads(message)
            kind, now = event["type"], self._now()
            if kind == "response.created":
                self._active += 1
            elif kind == "response.done":
                self._active -= 1
            elif kind == "response.output_audio.delta":
                self._play(event, now)
            elif kind == "response.output_audio_transcript.delta":
                out.text += event["delta"]
            elif kind == "voicebox.ducked":
                self._loudspeaker.duck(event["on"], now)
                if event["on"] and out.ducked_s is None:
                    out.ducked_s = now
            elif kind == "input_audio_buffer.speech_started":
                await self._break_off(now)
            elif kind == "input_audio_buffer.committed":
                out.over = True
            elif kind == "conversation.item.input_audio_transcription.completed":
                out.said += event["transcript"]
            elif kind == "error":
                raise VoiceboxError(f"The server says: {event['error']['message']}")

    def _play(self, event: dict[str, Any], now: float) -> None:
        out = self._outcome
        if event["item_id"] != self._item:
            if out.silent_s is not None and out.resumed_s is None and not out.over:
                out.resumed_s = now
            self._item = event["item_id"]
        self._loudspeaker.add(self._item, PCM16_24K.decode(base64.b64decode(event["delta"])), now)
        if out.audible_s is None:
            out.audible_s = self._loudspeaker.first_audible_s

    async def _break_off(self, now: float) -> None:
        played_ms = self._loudspeaker.stop(self._item, now)
        self._loudspeaker.duck(False, now)
        if played_ms is None:
            return
        out = self._outcome
        out.breaks += 1
        if out.silent_s is None:
            out.silent_s = now
        await self._send(type="conversation.item.truncate", item_id=self._item, content_index=0, audio_end_ms=played_ms)

    async def _send(self, **event: Any) -> None:
        await self._socket.send(json.dumps(event))

    def _now(self) -> float:
        return asyncio.get_running_loop().time() - self._began
