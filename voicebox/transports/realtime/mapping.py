"""From what happens in a session to the server events of the protocol, in the order that the stock clients accept."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from voicebox.audio.formats import AudioFormat
from voicebox.audio.resample import Resampler
from voicebox.conversation.events import (
    Ducked,
    IdleTimeout,
    Interrupted,
    PartialTranscript,
    ReplyAudio,
    ReplyDone,
    ReplyStarted,
    ReplyText,
    SessionError,
    SessionEvent,
    SpeechStarted,
    Transcript,
    TurnCommitted,
    TurnDropped,
    TurnRecord,
)
from voicebox.telemetry.plain import plain
from voicebox.transports.realtime.items import Entry, Items
from voicebox.transports.realtime.outbox import Outbox
from voicebox.transports.realtime.protocol import ProtocolError, error_event, new_id, server_event
from voicebox.transports.realtime.session_config import SessionConfig
from voicebox.transports.realtime.shapes import content_part, status_details, usage
from voicebox.transports.realtime.sink import AudioSink

__all__ = ["EventMapper"]

_DELTA_S = 0.5
"""Longest audio in one event: a data channel's message ends at 256 KiB."""


@dataclass
class _Reply:
    """A reply in progress."""

    entry: Entry
    response: dict[str, Any]
    format: AudioFormat
    speaks: bool
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


class EventMapper:
    """One connection's mapping. It writes to the outbox and keeps the items; it never touches the session.

    Args:
        config: the configuration in effect, changed by others.
        items: the conversation's items.
        outbox: where events go.
        heard_ms: how much input audio has come in so far, in ms.
        sink: takes the replies' audio; None: it goes out as events.
    """

    def __init__(
        self,
        config: SessionConfig,
        items: Items,
        outbox: Outbox,
        heard_ms: Callable[[], int],
        sink: AudioSink | None = None,
    ) -> None:
        self._config = config
        self._items = items
        self._outbox = outbox
        self._heard_ms = heard_ms
        self._sink = sink
        self._turn_items: dict[str, str] = {}
        self._typed: set[str] = set()
        self._speaking: str | None = None
        """The turn whose beginning the client was told of, and not yet its end."""
        self._reply: _Reply | None = None
        self._input_s = 0.0
        self._metadata: dict[str, str] | None = None
        self._responses: dict[str, str] = {}
        self.idle = asyncio.Event()
        """Set while no reply is in progress."""
        self.idle.set()
        self.typing = False
        """Set while a typed turn is handed over: its events are not those of speech."""

    @property
    def active_response(self) -> str | None:
        """Id of the response in progress."""
        return self._reply.response["id"] if self._reply else None

    @property
    def active_reply(self) -> str | None:
        """The session's id of the reply in progress."""
        return self._reply.entry.reply if self._reply else None

    @property
    def heard_reply(self) -> str | None:
        """The session's id of the newest reply, which may still be heard."""
        return next(reversed(self._responses), None)

    def expect_response(self, metadata: dict[str, str] | None) -> None:
        """A client asked for a reply: its metadata go with the next response."""
        self._metadata = metadata

    def typed(self, turn: str, item_id: str) -> None:
        """A turn was typed and has its item already."""
        self._typed.add(turn)
        self._turn_items[turn] = item_id

    def handle(self, event: SessionEvent) -> None:
        """Send what the client is to know of an event."""
        match event:
            case SpeechStarted():
                self._speech_started(event)
            case PartialTranscript(turn, text, stable):
                self._put("voicebox.partial", item_id=self._item_of(turn), text=text, stable=stable)
            case TurnDropped():
                self._turn_dropped(event)
            case TurnCommitted():
                self._turn_committed(event)
            case Transcript():
                self._transcript(event)
            case IdleTimeout():
                self._idle_timeout(event)
            case ReplyStarted():
                self._reply_started(event)
            case ReplyText():
                self._reply_text(event)
            case ReplyAudio():
                self._reply_audio(event)
            case Ducked(on=on):
                self._put("voicebox.ducked", response_id=self._responses.get(event.reply), on=on)
            case Interrupted():
                self._interrupted(event)
            case ReplyDone():
                self._reply_done(event)
            case TurnRecord():
                self._put("voicebox.turn", **self._turn_record(event))
            case SessionError(code, message):
                self._outbox.put(error_event(code, message, kind="server_error"))

    # The caller's turn

    def _item_of(self, turn: str) -> str:
        return self._turn_items.setdefault(turn, new_id("item"))

    def _speech_started(self, event: SpeechStarted) -> None:
        if self._config.turn_detection is not None:
            self._speaking = event.turn
            self._put(
                "input_audio_buffer.speech_started", audio_start_ms=event.audio_ms, item_id=self._item_of(event.turn)
            )

    def _turn_dropped(self, event: TurnDropped) -> None:
        item_id, told = self._turn_items.pop(event.turn, None), self._speaking == event.turn
        if told:
            self._speaking = None
        if event.reason != "cleared" and item_id is not None and told:
            self._put("input_audio_buffer.speech_stopped", audio_end_ms=self._heard_ms(), item_id=item_id)
            self._put("input_audio_buffer.cleared")

    def _turn_committed(self, event: TurnCommitted) -> None:
        if self.typing or event.turn in self._typed:
            return
        item_id = self._item_of(event.turn)
        if self._config.turn_detection is not None:
            self._speaking = None
            self._put("input_audio_buffer.speech_stopped", audio_end_ms=event.audio_ms, item_id=item_id)
        self._audio_committed(item_id, event.turn, None)

    def _audio_committed(self, item_id: str, turn: str | None, transcript: str | None) -> None:
        item = {
            "id": item_id,
            "object": "realtime.item",
            "type": "message",
            "status": "completed",
            "role": "user",
            # Null and not absent: a stock client refuses an audio part without the key.
            "content": [{"type": "input_audio", "transcript": transcript}],
        }
        previous = self._items.add(Entry(item, turn=turn))
        self._put("input_audio_buffer.committed", previous_item_id=previous, item_id=item_id)
        for kind in ("added", "done"):
            self._put(f"conversation.item.{kind}", previous_item_id=previous, item=self._items.copy(item_id))

    def _idle_timeout(self, event: IdleTimeout) -> None:
        """As the protocol has it, the silence becomes an item of the caller, without words."""
        item_id = new_id("item")
        span = {"audio_start_ms": event.audio_start_ms, "audio_end_ms": event.audio_end_ms}
        self._put("input_audio_buffer.timeout_triggered", **span, item_id=item_id)
        self._audio_committed(item_id, None, "")

    def _transcript(self, event: Transcript) -> None:
        item_id = self._turn_items.pop(event.turn, None)
        self._input_s = event.audio_s
        if self.typing or event.turn in self._typed or item_id is None:
            self._typed.discard(event.turn)
            return
        try:
            self._items.get(item_id).item["content"][0]["transcript"] = event.text
        except ProtocolError:  # Deleted by the client meanwhile.
            return
        if self._config.transcription is None:
            return
        prefix = "conversation.item.input_audio_transcription"
        self._put(f"{prefix}.delta", item_id=item_id, content_index=0, delta=event.text)
        self._put(
            f"{prefix}.completed",
            item_id=item_id,
            content_index=0,
            transcript=event.text,
            usage={"type": "duration", "seconds": round(event.audio_s, 3)},
        )

    # The assistant's turn

    def _reply_started(self, event: ReplyStarted) -> None:
        config = self._config
        item = {
            "id": new_id("item"),
            "object": "realtime.item",
            "type": "message",
            "status": "in_progress",
            "role": "assistant",
            "content": [],
        }
        speaks = config.modality == "audio"
        response_id = new_id("resp")
        response = {
            "object": "realtime.response",
            "id": response_id,
            "status": "in_progress",
            "status_details": None,
            "output": [],
            "conversation_id": config.id.replace("sess", "conv"),
            "output_modalities": [config.modality],
            "max_output_tokens": "inf",
            "audio": {"output": config.resource()["audio"]["output"]},
            "usage": None,
            "metadata": self._metadata,
        }
        self._metadata = None
        reply = _Reply(Entry(item, reply=event.reply), response, config.output_format, speaks)
        self._reply = reply
        self.idle.clear()
        # A turn's record may come after its reply ended, never after the next one ended.
        self._responses = dict(list(self._responses.items())[-1:])
        self._responses[event.reply] = response_id
        self._put("response.created", response=dict(response))
        ids = {"response_id": response["id"], "output_index": 0}
        self._put("response.output_item.added", **ids, item=dict(item))
        previous = self._items.add(reply.entry)
        self._put("conversation.item.added", previous_item_id=previous, item=dict(item))
        self._put("response.content_part.added", **reply.where, part=content_part(speaks, ""))

    def _current(self, reply_id: str) -> _Reply | None:
        reply = self._reply
        return reply if reply is not None and reply.entry.reply == reply_id else None

    def _reply_text(self, event: ReplyText) -> None:
        reply = self._current(event.reply)
        if reply is None or not event.text:
            return
        delta = event.text
        if reply.text and not reply.text[-1].isspace() and (delta[0].isalnum() or delta[0] in "\"'("):
            delta = " " + delta
        reply.text += delta
        kind = "output_audio_transcript" if reply.speaks else "output_text"
        self._put(f"response.{kind}.delta", **reply.where, delta=delta)

    def _reply_audio(self, event: ReplyAudio) -> None:
        reply = self._current(event.reply)
        if reply is None or not reply.speaks:
            return
        if self._sink is not None:
            reply.entry.sent_ms += 1000 * len(event.audio) / event.rate
            self._sink.add(event.reply, event.audio, event.rate)
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
            self._outbox.put_audio(
                server_event("response.output_audio.delta", **reply.where, delta=delta), reply.entry.reply
            )

    def _interrupted(self, event: Interrupted) -> None:
        self._outbox.purge(event.reply)
        if self._sink is not None and self._sink.clear(event.reply):
            self.audio_buffer("cleared", event.reply)
        reply = self._current(event.reply)
        if reply is not None:
            reply.resampler = None
        self._put(
            "voicebox.interrupted",
            response_id=self._responses.get(event.reply),
            heard_ms=event.heard_ms,
            heard_text=event.heard_text,
        )

    def _reply_done(self, event: ReplyDone) -> None:
        reply = self._current(event.reply)
        if reply is None:
            return
        self._reply = None
        self.idle.set()
        completed = event.status == "completed"
        if self._sink is not None and reply.speaks and event.status != "cancelled":
            self._sink.end(event.reply)
        if completed and reply.resampler is not None:
            self._send_audio(reply, reply.resampler.flush())
        text = event.text if event.text or not completed else reply.text
        where, item, response = reply.where, reply.entry.item, reply.response
        if reply.speaks:
            self._put("response.output_audio.done", **where)
            self._put("response.output_audio_transcript.done", **where, transcript=text)
            item["content"] = [{"type": "output_audio", "transcript": text}]
        else:
            self._put("response.output_text.done", **where, text=text)
            item["content"] = [{"type": "output_text", "text": text}]
        item["status"] = "completed" if completed else "incomplete"
        self._put("response.content_part.done", **where, part=content_part(reply.speaks, text))
        self._put("conversation.item.done", item=dict(item))
        ids = {"response_id": response["id"], "output_index": 0}
        self._put("response.output_item.done", **ids, item=dict(item))
        response |= {
            "status": event.status,
            "status_details": status_details(event),
            "output": [dict(item)],
            "usage": usage(self._input_s, reply.entry.sent_ms / 1000),
        }
        self._put("response.done", response=response)
        self._put("rate_limits.updated", rate_limits=[])

    def audio_buffer(self, what: Literal["started", "stopped", "cleared"], reply: str) -> None:
        """Something happened to what the client hears of a reply."""
        if (response_id := self._responses.get(reply)) is not None:
            self._put(f"output_audio_buffer.{what}", response_id=response_id)

    def _turn_record(self, record: TurnRecord) -> dict[str, Any]:
        fields: dict[str, Any] = plain(record)
        return fields | {"response_id": self._responses.get(record.reply)}

    def _put(self, kind: str, **fields: Any) -> None:
        self._outbox.put(server_event(kind, **fields))
