"""One client's connection without its socket: client events in, calls of the session and server events out."""

from __future__ import annotations

import base64
import binascii
import logging

import numpy as np
from numpy.typing import NDArray

from voicebox.audio.formats import PCM16_16K
from voicebox.audio.resample import Resampler
from voicebox.conversation.events import SessionEvent
from voicebox.conversation.ports import SessionPort
from voicebox.errors import EngineError, VoiceboxError
from voicebox.transports.realtime.items import Entry, Items, user_text
from voicebox.transports.realtime.mapping import EventMapper
from voicebox.transports.realtime.outbox import Outbox
from voicebox.transports.realtime.protocol import (
    BufferAppend,
    BufferClear,
    BufferCommit,
    ClientEvent,
    ItemCreate,
    ItemDelete,
    ItemRetrieve,
    ItemTruncate,
    OutputClear,
    ProtocolError,
    ResponseCancel,
    ResponseCreate,
    SessionUpdate,
    error_event,
    new_id,
    server_event,
)
from voicebox.transports.realtime.session_config import SessionConfig
from voicebox.transports.realtime.session_patch import ResponsePatch
from voicebox.transports.realtime.sink import AudioSink

__all__ = ["RealtimeConnection"]

_log = logging.getLogger(__name__)


class RealtimeConnection:
    """The protocol's side of one session.

    The owner makes the session with `emit` as its way out, gives it to `attach`, and feeds client events to `handle`.
    Everything that goes to the client is in `outbox`.

    Args:
        config: what is in effect at the start.
        max_queue_bytes: bound of the outbox.
        sink: takes the replies' audio; None: it goes out as events.
    """

    def __init__(self, config: SessionConfig, *, max_queue_bytes: int, sink: AudioSink | None = None) -> None:
        self.config = config
        self.outbox = Outbox(max_queue_bytes, on_drop=self._audio_dropped)
        self._items = Items()
        self._sink = sink
        self._mapper = EventMapper(config, self._items, self.outbox, self._heard_ms, sink)
        self._session: SessionPort | None = None
        self._resampler = Resampler(config.input_format.rate, PCM16_16K.rate)
        self._heard_s = 0.0

    async def reply_over(self) -> None:
        """Until no reply is in progress."""
        await self._mapper.idle.wait()

    def open(self) -> None:
        """Greet the client: before the session exists, so that nothing of the session comes first."""
        self.outbox.put(server_event("session.created", session=self.config.resource()))
        conversation = {"id": self.config.id.replace("sess", "conv"), "object": "realtime.conversation"}
        self.outbox.put(server_event("conversation.created", conversation=conversation))

    def attach(self, session: SessionPort) -> None:
        """The session that client events are for."""
        self._session = session

    def emit(self, event: SessionEvent) -> None:
        """The session's way to the client."""
        try:
            self._mapper.handle(event)
        except Exception:
            # A fault of the mapping must not end the session's own task, which called us.
            _log.exception("A %s event could not be sent", type(event).__name__)
            self.outbox.put(error_event("internal_error", "An event could not be sent.", kind="server_error"))

    def handle(self, event: ClientEvent) -> None:
        """Carry out a client event; what cannot be done becomes an `error` event with the client's event id."""
        try:
            self._dispatch(event)
        except ProtocolError as error:
            error.event_id = event.event_id
            self.reject(error)
        except EngineError as error:
            self._error("overloaded", str(error), event)
        except VoiceboxError as error:
            self._error("invalid_request", str(error), event)

    def reject(self, error: ProtocolError) -> None:
        """Answer with an `error` event."""
        self.outbox.put(error_event(error.code, error.message, param=error.param, client_event_id=error.event_id))

    def _error(self, code: str, message: str, event: ClientEvent) -> None:
        self.outbox.put(error_event(code, message, client_event_id=event.event_id))

    def _dispatch(self, event: ClientEvent) -> None:
        session = self._session
        if session is None:
            raise ProtocolError("session_not_ready", "The session is not ready yet.")
        match event:
            case BufferAppend(audio=audio):
                self._append(session, audio)
            case BufferCommit():
                session.commit_audio()
            case BufferClear():
                session.clear_audio()
                self.outbox.put(server_event("input_audio_buffer.cleared"))
            case SessionUpdate():
                self._update(session, event)
            case ItemCreate():
                self._create_item(session, event)
            case ItemRetrieve(item_id=item_id):
                self.outbox.put(server_event("conversation.item.retrieved", item=self._items.copy(item_id)))
            case ItemDelete(item_id=item_id):
                entry = self._items.delete(item_id)
                session.forget(entry.turn or entry.reply or "")
                self.outbox.put(server_event("conversation.item.deleted", item_id=item_id))
            case ItemTruncate():
                self._truncate(session, event)
            case ResponseCreate():
                self._create_response(session, event.response or ResponsePatch())
            case ResponseCancel(response_id=response_id):
                self._cancel(session, response_id)
            case OutputClear():
                self._clear_output(session)

    def hear(self, audio: NDArray[np.float32]) -> None:
        """Input audio that came as media: float32 mono at 16 kHz."""
        if self._session is None:
            return
        self._heard_s += len(audio) / PCM16_16K.rate
        try:
            self._session.feed(audio)
        except EngineError as error:
            self.outbox.put(error_event("input_audio_buffer_overflow", str(error)))

    def audio_started(self, reply: str) -> None:
        """The first sample of a reply has left as media."""
        self._mapper.audio_buffer("started", reply)

    def audio_stopped(self, reply: str) -> None:
        """The last sample of a reply has left as media."""
        self._mapper.audio_buffer("stopped", reply)

    def _clear_output(self, session: SessionPort) -> None:
        reply = self._mapper.active_reply
        if self._sink is not None:
            heard = self._mapper.heard_reply
            if heard is not None:
                session.truncate(heard, self._sink.played_ms(heard))
                if self._sink.clear(heard):
                    self._mapper.audio_buffer("cleared", heard)
        elif reply is not None:
            self.outbox.purge(reply)
            self.outbox.put(server_event("output_audio_buffer.cleared", response_id=self._mapper.active_response))

    def _append(self, session: SessionPort, encoded: str) -> None:
        try:
            data = base64.b64decode(encoded, validate=True)
        except (binascii.Error, ValueError):
            raise ProtocolError("invalid_value", "The audio is not valid base64.", param="audio") from None
        wire = self.config.input_format
        try:
            audio = wire.decode(data)
        except VoiceboxError as error:
            raise ProtocolError("invalid_value", str(error), param="audio") from None
        self._heard_s += len(audio) / wire.rate
        self._feed(session, self._resampler.process(audio))

    def _feed(self, session: SessionPort, audio: NDArray[np.float32]) -> None:
        try:
            session.feed(audio)
        except EngineError as error:
            raise ProtocolError("input_audio_buffer_overflow", str(error), param="audio") from None

    def _update(self, session: SessionPort, event: SessionUpdate) -> None:
        before = self.config.input_format
        self.config.apply(event.session)
        if self.config.input_format != before:
            self._resampler = Resampler(self.config.input_format.rate, PCM16_16K.rate)
        session.configure(self.config.options())
        self.outbox.put(server_event("session.updated", session=self.config.resource()))

    def _create_item(self, session: SessionPort, event: ItemCreate) -> None:
        text = user_text(event.item)
        if event.previous_item_id not in (None, self._items.last_id):
            raise ProtocolError(
                "invalid_value", "Items can only be added at the end of the conversation.", param="previous_item_id"
            )
        item_id = event.item.get("id") or new_id("item")
        if not isinstance(item_id, str) or len(item_id) > 100:
            raise ProtocolError("invalid_type", "An item's id is a string of up to 100 characters.", param="item.id")
        item = {
            "id": item_id,
            "object": "realtime.item",
            "type": "message",
            "status": "completed",
            "role": "user",
            "content": [{"type": "input_text", "text": text}],
        }
        entry = Entry(item)
        previous = self._items.add(entry)
        for kind in ("added", "done"):
            self.outbox.put(
                server_event(f"conversation.item.{kind}", previous_item_id=previous, item=self._items.copy(item_id))
            )
        self._mapper.typing = True
        try:
            entry.turn = session.add_user_text(text)
            self._mapper.typed(entry.turn, item_id)
        except VoiceboxError:
            self._items.delete(item_id)
            raise
        finally:
            self._mapper.typing = False

    def _truncate(self, session: SessionPort, event: ItemTruncate) -> None:
        entry = self._items.get(event.item_id)
        if entry.reply is None:
            raise ProtocolError("invalid_value", "Only replies can be truncated.", param="item_id")
        if event.content_index != 0:
            raise ProtocolError("invalid_value", "A reply has one content part.", param="content_index")
        if event.audio_end_ms > entry.sent_ms + 1:
            raise ProtocolError(
                "invalid_value",
                f"The audio ends at {round(entry.sent_ms)} ms, before {event.audio_end_ms} ms.",
                param="audio_end_ms",
            )
        heard = session.truncate(entry.reply, event.audio_end_ms)
        self.outbox.purge(entry.reply)
        for part in entry.item["content"]:
            part["transcript"] = heard
        self.outbox.put(
            server_event(
                "conversation.item.truncated", item_id=event.item_id, content_index=0, audio_end_ms=event.audio_end_ms
            )
        )

    def _create_response(self, session: SessionPort, wish: ResponsePatch) -> None:
        if self.config.kind == "transcription":
            raise ProtocolError("invalid_value", "A transcription session gives no responses.", param="type")
        active = self._mapper.active_response
        if active is not None:
            raise ProtocolError("conversation_already_has_active_response", f"Response {active} is still in progress.")
        if wish.conversation not in (None, "auto"):
            raise ProtocolError(
                "unsupported_parameter",
                "Replies outside the conversation are not supported.",
                param="response.conversation",
            )
        for name in ("input", "tools"):
            if getattr(wish, name):
                raise ProtocolError(
                    "unsupported_parameter", f"A response's own {name} is not supported.", param=f"response.{name}"
                )
        if wish.output_modalities and wish.output_modalities[0] != self.config.modality:
            raise ProtocolError(
                "unsupported_parameter",
                "A response's own modality is not supported; change the session's.",
                param="response.output_modalities",
            )
        self._mapper.expect_response(wish.metadata)
        session.request_reply(wish.instructions or "")

    def _cancel(self, session: SessionPort, response_id: str | None) -> None:
        active = self._mapper.active_response
        if active is None or (response_id is not None and response_id != active):
            raise ProtocolError("response_cancel_not_active", "Cancellation failed: no active response found.")
        reply = self._mapper.active_reply
        if reply is not None:
            self.outbox.purge(reply)
        if not session.cancel_reply():
            raise ProtocolError("response_cancel_not_active", "Cancellation failed: no active response found.")

    def end(self) -> None:
        """The socket is gone: nothing reaches the session any more."""
        self._session = None

    def _heard_ms(self) -> int:
        return round(1000 * self._heard_s)

    def _audio_dropped(self, reply: str) -> None:
        _log.warning("A client reads too slowly: audio of a reply was dropped")
        self.outbox.put(
            error_event(
                "audio_dropped", "The client reads too slowly: the rest of the reply was dropped.", kind="server_error"
            )
        )
