"""Who is told of what happens in sessions, beside their transports: the store of calls, and traces."""

from __future__ import annotations

from voicebox.config import Settings
from voicebox.conversation.events import SessionEvent, TierAsked, TurnRecord
from voicebox.conversation.ports import Emit
from voicebox.store.calls import CallStore
from voicebox.store.redact import redacted
from voicebox.telemetry.plain import plain
from voicebox.telemetry.tracing import TurnTracer

__all__ = ["Observers"]

_SAID = ("transcript", "slots", "reply_text", "data")


class Observers:
    """The observers that the settings name; none of them delays a session.

    Raises:
        ConfigError: the database or the tracing cannot be set up.
    """

    def __init__(self, settings: Settings) -> None:
        store, traces = settings.store, settings.telemetry.traces
        self._texts = store.texts
        self._store = None if store.path is None else CallStore(store.path.expanduser(), keep_days=store.keep_days)
        self._tracer = TurnTracer(traces) if traces else None

    def watching(self, session: str, emit: Emit) -> Emit:
        """A session begins: its `emit`, watched."""
        if self._store is None and self._tracer is None:
            return emit
        if self._store is not None:
            self._store.began(session)

        def watched(event: SessionEvent) -> None:
            emit(event)
            if isinstance(event, TurnRecord):
                self._turn(session, event)
            elif isinstance(event, TierAsked) and self._store is not None:
                self._store.asked(session, plain(event))

        return watched

    def _turn(self, session: str, event: TurnRecord) -> None:
        record = plain(event)
        if self._tracer is not None:
            self._tracer.turn(session, record)
        if self._store is not None:
            if self._texts == "off":
                record = {name: value for name, value in record.items() if name not in _SAID}
            elif self._texts == "redacted":
                record |= {name: redacted(record[name]) for name in _SAID if name in record}
            self._store.turn(session, event.turn, record)

    def ended(self, session: str) -> None:
        """A session is over."""
        if self._store is not None:
            self._store.ended(session)

    def close(self) -> None:
        """Write and send what waits. Idempotent."""
        for observer in (self._store, self._tracer):
            if observer is not None:
                observer.close()
