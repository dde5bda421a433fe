"""One client's connection without its socket: client events in, calls of the session and server events out."""

from __future__ import annotations

import asyncio
import base64
import binascii
import logging

import numpy as np
from numpy.typing import NDArray

from voicebox.audio.formats import PCM16_16K
from voicebox.audio.resample import Resampler
from voicebox.conversation.events import SessionEvent
from voicebox.conversation.ports import ReplyWish, SessionPort
from voicebox.errors import EngineError, VoiceboxError
from voicebox.transports.realtime.item_input import NewItem, read_input, read_item
from voicebox.transports.realtime.items import Entry, Items
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
    server_event,
)
from voicebox.transports.realtime.responses import Wished
from voicebox.transports.realtime.session_config import SessionConfig
from voicebox.transports.realtime.session_patch import ResponsePatch
from voicebox.transports.realtime.sink import AudioSink
from voicebox.transports.realtime.tools_config import read_tools

__all__ = ["RealtimeConnection"]

_log = logging.getLogger(__name__)

_NOTICE_S = 60.0


class RealtimeConnection:
    """The protocol's side of one session.

    The owner makes the session with `emit` as its way out, gives it to `attach`, and feeds client events to `handle`.
    Everything that goes to the client is in `outbox`.

    Args:
        config: what is in effect at the start.
        max_queue_bytes: bound of the outbox.
        kept_bytes: what it keeps of what was sent, for a connection that breaks.
        sink: takes the replies' audio; None: it goes out as events.
    """

    def __init__(
        self, config: SessionConfig, *, max_queue_bytes: int, kept_bytes: int = 0, sink: AudioSink | None = None
    ) -> None:
        self.config = config
        self.outbox = Outbox(max_queue_bytes, on_drop=self._audio_dropped, kept_bytes=kept_bytes)
        self._items = Items()
        self._sink = sink
        self._mapper = EventMapper(config, self._items, self.outbox, self._heard_ms, sink)
        self._session: SessionPort | None = None
        self._resampler = Resampler(config.input_format.rate, PCM16_16K.rate)
        self._heard_s = 0.0

    async def reply_over(self) -> None:
        """Until no reply is in progress."""
        await self._mapper.responses.idle.wait()

    def open(self) -> None:
        """Greet the client: before the session exists, so that nothing of the session comes first."""
        self.outbox.put(server_event("session.created", session=self.config.resource()))
        conversation = {"id": self.config.id.replace("sess", "conv"), "object": "realtime.conversation"}
        self.outbox.put(server_event("conversation.created", conversation=conversation))

    def resume(self, last_event: str | None) -> None:
        """The client is back on another connection, and has got all up to the event of this id."""
        created = server_event("session.created", session=self.config.resource())
        complete = self.outbox.knows(last_event)
        resumed = server_event("voicebox.session.resumed", session_id=self.config.id, complete=complete)
        self.outbox.resume((created, resumed), last_event)

    async def expire(self, max_s: float) -> None:
        """Warn the client a minute before the session is `max_s` old, and return when it is; 0 never does."""
        if not max_s:
            await asyncio.get_running_loop().create_future()
        notice_s = min(max_s, _NOTICE_S)
        await asyncio.sleep(max_s - notice_s)
        self.outbox.put(server_event("voicebox.session.expiring", seconds_left=notice_s))
        await asyncio.sleep(notice_s)
        message = f"Your session hit the maximum duration of {max_s / 60:g} minutes."
        self.outbox.put(error_event("session_expired", message))

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
                session.forget(entry.line or entry.call or "")
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
        self._mapper.responses.audio_buffer("started", reply)

    def audio_stopped(self, reply: str) -> None:
        """The last sample of a reply has left as media."""
        self._mapper.responses.audio_buffer("stopped", reply)

    def _clear_output(self, session: SessionPort) -> None:
        reply = self._mapper.responses.active_reply
        if self._sink is not None:
            heard = self._mapper.responses.heard_reply
            if heard is not None:
                session.truncate(heard, self._sink.played_ms(heard))
                if self._sink.clear(heard):
                    self._mapper.responses.audio_buffer("cleared", heard)
        elif reply is not None:
            self.outbox.purge(reply)
            self._mapper.responses.audio_buffer("cleared", reply)

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
        new = read_item(event.item)
        entry = Entry(new.resource, call=new.call.id if new.call else None)
        previous = self._items.add(entry, after=event.previous_item_id)
        try:
            self._tell(session, new, entry)
        except VoiceboxError:
            self._items.delete(new.id)
            raise
        for kind in ("added", "done"):
            self.outbox.put(
                server_event(f"conversation.item.{kind}", previous_item_id=previous, item=self._items.copy(new.id))
            )

    def _tell(self, session: SessionPort, new: NewItem, entry: Entry) -> None:
        """The session is to know of an item of the client."""
        if new.call is not None:
            session.add_tool_call(new.call)
        elif new.result_of is not None:
            session.add_tool_result(new.result_of, new.text)
        elif new.role is not None:
            last = self._items.last_id == new.id
            line = session.add_text(new.role, new.text, after=None if last else self._items.line_before(new.id))
            if new.role == "assistant":
                entry.reply = line
            else:
                entry.turn = line
                self._mapper.typed(line, new.id)

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
        aside = wish.conversation == "none"
        active = self._mapper.responses.active_response
        if active is not None and not aside:
            raise ProtocolError("conversation_already_has_active_response", f"Response {active} is still in progress.")
        if wish.input is not None and not aside:
            raise ProtocolError(
                "unsupported_parameter",
                "A response's own input is for replies outside of the conversation (conversation 'none').",
                param="response.input",
            )
        wished = self._wish(wish)
        session.reply_aside(wished) if aside else session.request_reply(wished)

    def _wish(self, patch: ResponsePatch) -> ReplyWish:
        output = patch.audio.output if patch.audio is not None else None
        given = patch.model_fields_set
        voice = self.config.find(output.voice) if output is not None and output.voice is not None else None
        tools = None
        if patch.tools is not None:
            tools = read_tools(patch.tools, patch.tool_choice, "response")
        elif patch.tool_choice is not None:
            tools = read_tools(self.config.declared, patch.tool_choice, "response")
        limit = patch.max_output_tokens if isinstance(patch.max_output_tokens, int) else None
        wished = Wished(
            patch.metadata,
            output.format.type if output is not None and output.format is not None else None,
            voice,
            output.speed if output is not None else None,
            limit,
        )
        return ReplyWish(
            instructions=(patch.instructions or "") if "instructions" in given else None,
            speak=patch.output_modalities[0] == "audio" if patch.output_modalities else None,
            voice=voice,
            speed=wished.speed,
            tools=tools,
            max_tokens=limit,
            messages=None if patch.input is None else read_input(patch.input, self._items),
            tag=wished,
        )

    def _cancel(self, session: SessionPort, response_id: str | None) -> None:
        aside = self._mapper.responses.aside_of(response_id) if response_id is not None else None
        if aside is not None:
            self.outbox.purge(aside)
            session.cancel_aside(aside)
            return
        active = self._mapper.responses.active_response
        if active is None or (response_id is not None and response_id != active):
            raise ProtocolError("response_cancel_not_active", "Cancellation failed: no active response found.")
        reply = self._mapper.responses.active_reply
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
