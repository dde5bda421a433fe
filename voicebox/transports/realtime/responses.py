"""The assistant's side of the protocol: replies and calls of tools, as responses in the order that clients accept.

One response at a time belongs to the conversation; others may be in progress outside of it.
"""

from __future__ import annotations

import asyncio
import base64
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from voicebox.audio.formats import AudioFormat
from voicebox.audio.resample import Resampler
from voicebox.conversation.events import Interrupted, ReplyAudio, ReplyDone, ReplyStarted, ReplyText, ToolCalled
from voicebox.transports.realtime.items import Entry, Items
from voicebox.transports.realtime.outbox import Outbox
from voicebox.transports.realtime.protocol import new_id, server_event
from voicebox.transports.realtime.session_config import SessionConfig
from voicebox.transports.realtime.shapes import content_part, status_details, usage
from voicebox.transports.realtime.sink import AudioSink

__all__ = ["Responses", "Wished"]

_DELTA_S = 0.5
"""Longest audio in one event: a data channel's message ends at 256 KiB."""
_REMEMBERED = 2
"""Responses of the conversation whose ids are kept: a turn's record may come after its reply ended, never after the
next one ended."""


@dataclass(frozen=True, slots=True)
class Wished:
    """What a client asked of one response: the tag of its wish. None: as the session has it."""

    metadata: dict[str, str] | None = None
    output_type: str | None = None
    voice: str | None = None
    speed: float | None = None
    max_tokens: int | None = None


@dataclass
class _Reply:
    """A reply in progress."""

    entry: Entry
    response: dict[str, Any]
    format: AudioFormat
    speaks: bool
    aside: bool
    text: str = ""
    resampler: Resampler | None = None
    rate: int = 0

    @property
    def where(self) -> dict[str, Any]:
        """What every event of its content carries."""
        return {
            "response_id": self.response["id"],
            "item_id": self.entry.item["id"],
            "output_index": 0,
            "content_index": 0,
        }


@dataclass
class Responses:
    """One connection's. `heard_s` is the length of the input that is answered, for the usage.

    `idle` is set while no reply of the conversation is in progress.
    """

    config: SessionConfig
    items: Items
    outbox: Outbox
    sink: AudioSink | None = None
    heard_s: float = 0.0
    idle: asyncio.Event = field(default_factory=asyncio.Event)
    _replies: dict[str, _Reply] = field(default_factory=dict)
    _ids: dict[str, str] = field(default_factory=dict)
    """Responses of the conversation by the session's names of their replies, the newest last."""

    def __post_init__(self) -> None:
        self.idle.set()

    @property
    def _active(self) -> _Reply | None:
        return next((reply for reply in self._replies.values() if not reply.aside), None)

    @property
    def active_response(self) -> str | None:
        """Id of the conversation's response in progress."""
        return self._active.response["id"] if self._active else None

    @property
    def active_reply(self) -> str | None:
        """The session's name of the conversation's reply in progress."""
        return self._active.entry.reply if self._active else None

    @property
    def heard_reply(self) -> str | None:
        """The session's name of the conversation's newest reply, which may still be heard."""
        return next(reversed(self._ids), None)

    def aside_of(self, response_id: str) -> str | None:
        """The session's name of a reply in progress outside of the conversation, by its response."""
        return next((n for n, r in self._replies.items() if r.aside and r.response["id"] == response_id), None)

    def id_of(self, reply: str) -> str | None:
        """Id of a reply's response, while it is remembered."""
        return self._ids.get(reply)

    def started(self, event: ReplyStarted) -> None:
        """A reply begins."""
        wished = event.tag if isinstance(event.tag, Wished) else Wished()
        item = {
            "id": new_id("item"),
            "object": "realtime.item",
            "type": "message",
            "status": "in_progress",
            "role": "assistant",
            "content": [],
        }
        response = self._response(wished, speaks=event.speaks, aside=event.aside)
        wire = self.config.format_of(wished.output_type)
        reply = _Reply(Entry(item, reply=event.reply), response, wire, event.speaks, event.aside)
        self._replies[event.reply] = reply
        if not event.aside:
            self.idle.clear()
            self._remember(event.reply, response["id"])
        self._put("response.created", response=dict(response))
        self._item_added(reply.entry, response["id"], aside=event.aside)
        self._put("response.content_part.added", **reply.where, part=content_part(event.speaks, ""))

    def _response(self, wished: Wished, *, speaks: bool, aside: bool) -> dict[str, Any]:
        limit = self.config.max_tokens if wished.max_tokens is None else wished.max_tokens
        output = self.config.output(kind=wished.output_type, voice=wished.voice, speed=wished.speed)
        return {
            "object": "realtime.response",
            "id": new_id("resp"),
            "status": "in_progress",
            "status_details": None,
            "output": [],
            "conversation_id": None if aside else self.config.id.replace("sess", "conv"),
            "output_modalities": ["audio" if speaks else "text"],
            "max_output_tokens": "inf" if limit is None else limit,
            "audio": {"output": output},
            "usage": None,
            "metadata": wished.metadata,
        }

    def _remember(self, reply: str, response_id: str) -> None:
        self._ids[reply] = response_id
        while len(self._ids) > _REMEMBERED:
            del self._ids[next(iter(self._ids))]

    def _item_added(self, entry: Entry, response_id: str, *, aside: bool) -> None:
        self._put("response.output_item.added", response_id=response_id, output_index=0, item=dict(entry.item))
        if not aside:
            previous = self.items.add(entry)
            self._put("conversation.item.added", previous_item_id=previous, item=dict(entry.item))

    def _item_done(self, entry: Entry, response_id: str, *, aside: bool) -> None:
        if not aside:
            self._put("conversation.item.done", item=dict(entry.item))
        self._put("response.output_item.done", response_id=response_id, output_index=0, item=dict(entry.item))

    def text(self, event: ReplyText) -> None:
        """The next words of a reply."""
        reply = self._replies.get(event.reply)
        if reply is None or not event.text:
            return
        delta = event.text
        if reply.text and not reply.text[-1].isspace() and (delta[0].isalnum() or delta[0] in "\"'("):
            delta = " " + delta
        reply.text += delta
        kind = "output_audio_transcript" if reply.speaks else "output_text"
        self._put(f"response.{kind}.delta", **reply.where, delta=delta)

    def audio(self, event: ReplyAudio) -> None:
        """The next audio of a reply."""
        reply = self._replies.get(event.reply)
        if reply is None or not reply.speaks:
            return
        if self.sink is not None:
            reply.entry.sent_ms += 1000 * len(event.audio) / event.rate
            self.sink.add(event.reply, event.audio, event.rate)
            return
        if reply.resampler is None or reply.rate != event.rate:
            # A voice of another rate may take over within a reply.
            if reply.resampler is not None:
                self._send_audio(reply, reply.resampler.flush())
            reply.resampler, reply.rate = Resampler(event.rate, reply.format.rate), event.rate
        self._send_audio(reply, reply.resampler.process(event.audio))

    def _send_audio(self, reply: _Reply, audio: NDArray[np.float32]) -> None:
        step = int(_DELTA_S * reply.format.rate)
        for start in range(0, len(audio), step):
            piece = audio[start : start + step]
            reply.entry.sent_ms += 1000 * len(piece) / reply.format.rate
            delta = base64.b64encode(reply.format.encode(piece)).decode("ascii")
            assert reply.entry.reply is not None
            self.outbox.put_audio(
                server_event("response.output_audio.delta", **reply.where, delta=delta), reply.entry.reply
            )

    def interrupted(self, event: Interrupted) -> None:
        """A reply is to be silent."""
        self.outbox.purge(event.reply)
        if self.sink is not None and self.sink.clear(event.reply):
            self.audio_buffer("cleared", event.reply)
        if (reply := self._replies.get(event.reply)) is not None:
            reply.resampler = None
        self._put(
            "voicebox.interrupted",
            response_id=self._ids.get(event.reply),
            heard_ms=event.heard_ms,
            heard_text=event.heard_text,
        )

    def done(self, event: ReplyDone) -> None:
        """Nothing more comes for a reply."""
        reply = self._replies.pop(event.reply, None)
        if reply is None:
            return
        if self._active is None:
            self.idle.set()
        whole = event.status in ("completed", "incomplete")
        if self.sink is not None and reply.speaks and event.status != "cancelled":
            self.sink.end(event.reply)
        if whole and reply.resampler is not None:
            self._send_audio(reply, reply.resampler.flush())
        text = event.text if event.text or not whole else reply.text
        where, item, response = reply.where, reply.entry.item, reply.response
        if reply.speaks:
            self._put("response.output_audio.done", **where)
            self._put("response.output_audio_transcript.done", **where, transcript=text)
            item["content"] = [{"type": "output_audio", "transcript": text}]
        else:
            self._put("response.output_text.done", **where, text=text)
            item["content"] = [{"type": "output_text", "text": text}]
        item["status"] = "completed" if event.status == "completed" else "incomplete"
        self._put("response.content_part.done", **where, part=content_part(reply.speaks, text))
        self._item_done(reply.entry, response["id"], aside=reply.aside)
        heard_s = 0.0 if reply.aside else self.heard_s
        self._end(
            response,
            item,
            status=event.status,
            status_details=status_details(event),
            usage=usage(heard_s, reply.entry.sent_ms / 1000, event.usage),
        )

    def called(self, event: ToolCalled) -> None:
        """The client is to call a tool: a response of its own, in the conversation unless an aside asked for it."""
        begun = self._replies.pop(event.reply, None)
        aside = event.turn is None
        wished = event.tag if isinstance(event.tag, Wished) else Wished()
        if begun is None:
            response = self._response(wished, speaks=self.config.modality == "audio", aside=aside)
            self._put("response.created", response=dict(response))
        else:
            response = begun.response
        if not aside:
            self._remember(event.reply, response["id"])
        call = event.call
        item = {
            "id": new_id("item"),
            "object": "realtime.item",
            "type": "function_call",
            "status": "in_progress",
            "call_id": call.id,
            "name": call.name,
            "arguments": "",
        }
        entry = Entry(item, call=call.id)
        self._item_added(entry, response["id"], aside=aside)
        where = {"response_id": response["id"], "item_id": item["id"], "output_index": 0, "call_id": call.id}
        self._put("response.function_call_arguments.delta", **where, delta=call.arguments)
        self._put("response.function_call_arguments.done", **where, name=call.name, arguments=call.arguments)
        item |= {"status": "completed", "arguments": call.arguments}
        self._item_done(entry, response["id"], aside=aside)
        heard_s = 0.0 if aside else self.heard_s
        self._end(response, item, status="completed", status_details=None, usage=usage(heard_s, 0.0, event.usage))

    def _end(self, response: dict[str, Any], item: dict[str, Any], **result: Any) -> None:
        self._put("response.done", response=response | result | {"output": [dict(item)]})
        self._put("rate_limits.updated", rate_limits=[])

    def audio_buffer(self, what: Literal["started", "stopped", "cleared"], reply: str) -> None:
        """Something happened to what the client hears of a reply."""
        if (response_id := self._ids.get(reply)) is not None:
            self._put(f"output_audio_buffer.{what}", response_id=response_id)

    def _put(self, kind: str, **fields: Any) -> None:
        self.outbox.put(server_event(kind, **fields))
