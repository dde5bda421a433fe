"""From what happens in a session to the server events of the protocol, in the order that the stock clients accept."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

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
    TierAsked,
    ToolCalled,
    ToolUsed,
    Transcript,
    TurnCommitted,
    TurnDropped,
    TurnRecord,
)
from voicebox.telemetry.plain import plain
from voicebox.transports.realtime.items import Entry, Items
from voicebox.transports.realtime.outbox import Outbox
from voicebox.transports.realtime.protocol import ProtocolError, error_event, new_id, server_event
from voicebox.transports.realtime.responses import Responses
from voicebox.transports.realtime.session_config import SessionConfig
from voicebox.transports.realtime.sink import AudioSink

__all__ = ["EventMapper"]


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
        self._turn_items: dict[str, str] = {}
        self._typed: set[str] = set()
        self._speaking: str | None = None
        """The turn whose beginning the client was told of, and not yet its end."""
        self.responses = Responses(config, items, outbox, sink)

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
                self.responses.started(event)
            case ReplyText():
                self.responses.text(event)
            case ReplyAudio():
                self.responses.audio(event)
            case Ducked(on=on):
                self._put("voicebox.ducked", response_id=self.responses.id_of(event.reply), on=on)
            case Interrupted():
                self.responses.interrupted(event)
            case ReplyDone():
                self.responses.done(event)
            case ToolCalled():
                self.responses.called(event)
            case TurnRecord():
                self._put("voicebox.turn", **self._turn_record(event))
            case ToolUsed():
                self._put("voicebox.tool", **plain(event))
            case TierAsked():
                self._put("voicebox.tier", **plain(event))
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
        if event.turn in self._typed:
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
        self.responses.heard_s = event.audio_s
        if event.turn in self._typed or item_id is None:
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

    def _turn_record(self, record: TurnRecord) -> dict[str, Any]:
        fields: dict[str, Any] = plain(record)
        return fields | {"response_id": self.responses.id_of(record.reply)}

    def _put(self, kind: str, **fields: Any) -> None:
        self._outbox.put(server_event(kind, **fields))
