"""A connection with a scripted session, seen from the client."""

import base64
import json
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tests.scripted import ScriptedSession, tone
from voicebox.transports.realtime.connection import RealtimeConnection
from voicebox.transports.realtime.protocol import ProtocolError, parse


@dataclass
class Wire:
    """Both ends of it."""

    connection: RealtimeConnection
    session: ScriptedSession
    seen: list[dict[str, Any]] = field(default_factory=list)

    def send(self, kind: str, **fields: Any) -> list[dict[str, Any]]:
        self.connection.handle(parse(json.dumps({"type": kind, **fields})))
        return self.new()

    def try_send(self, kind: str, **fields: Any) -> list[dict[str, Any]]:
        """As `send`; an event that is not well-formed is answered as the transport answers it."""
        try:
            return self.send(kind, **fields)
        except ProtocolError as refused:
            self.connection.reject(refused)
            return self.new()

    def update(self, **session: Any) -> dict[str, Any]:
        return self.send("session.update", session={"type": "realtime", **session})[-1]

    def speak(self, seconds: float = 0.5) -> list[dict[str, Any]]:
        wire = self.connection.config.input_format
        audio = np.concatenate((tone(seconds, wire.rate), np.zeros(wire.rate // 2, np.float32)))
        return self.send("input_audio_buffer.append", audio=base64.b64encode(wire.encode(audio)).decode())

    def new(self) -> list[dict[str, Any]]:
        """What was queued since the last look."""
        events = [json.loads(frame.text) for frame in self.connection.outbox._frames]
        self.connection.outbox._frames.clear()
        self.connection.outbox._bytes = 0
        self.seen += events
        return events


def of(events: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    return [event for event in events if event["type"] == kind]


def audio_of(events: list[dict[str, Any]]) -> bytes:
    return b"".join(base64.b64decode(event["delta"]) for event in of(events, "response.output_audio.delta"))
