"""The bounded queue between a session and a client's socket."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from voicebox.transports.realtime.protocol import ServerEvent

__all__ = ["Outbox"]


@dataclass(frozen=True, slots=True)
class _Frame:
    text: str
    reply: str | None
    event: str


class Outbox:
    """Server events on their way out, in order.

    A client that reads too slowly loses audio, reply by reply: what waits of the reply that overflows is thrown away
    with the rest of that reply, so that nobody hears a reply with holes. Other events are never dropped; where they
    alone pass the bound, the client does not read at all, and `overflowed` tells the owner to end the connection.

    Args:
        max_bytes: most that may wait, as JSON text.
        on_drop: called once per reply that loses audio.
        kept_bytes: most that is kept of what was sent, for a client whose connection broke: it may not have come.
    """

    def __init__(self, max_bytes: int, on_drop: Callable[[str], None] = lambda _: None, *, kept_bytes: int = 0) -> None:
        self._max_bytes = max_bytes
        self._kept_bytes = kept_bytes
        self._sent: deque[_Frame] = deque()
        self._sent_bytes = 0
        self._on_drop = on_drop
        self._frames: deque[_Frame] = deque()
        self._bytes = 0
        self._muted: str | None = None
        self._ready = asyncio.Event()
        self._empty = asyncio.Event()
        self.overflowed = False

    def __len__(self) -> int:
        return len(self._frames)

    @property
    def bytes(self) -> int:
        """What waits, in bytes."""
        return self._bytes

    def put(self, event: ServerEvent) -> None:
        """Queue an event that must arrive."""
        self._append(_frame(event, None))
        if self._bytes > self._max_bytes:
            self._drop(*dict.fromkeys(frame.reply for frame in self._frames if frame.reply is not None))
        if self._bytes > self._max_bytes:
            self.overflowed = True
            self._ready.set()

    def put_audio(self, event: ServerEvent, reply: str) -> None:
        """Queue audio of a reply, or drop it with the rest of the reply where there is no room."""
        if reply == self._muted:
            return
        frame = _frame(event, reply)
        if self._bytes + len(frame.text) > self._max_bytes:
            self._drop(reply)
            return
        self._append(frame)

    def purge(self, reply: str) -> int:
        """Throw away the audio of a reply that still waits; returns how many events that were."""
        kept = deque(frame for frame in self._frames if frame.reply != reply)
        self._sent = deque(frame for frame in self._sent if frame.reply != reply)
        self._sent_bytes = sum(len(frame.text) for frame in self._sent)
        dropped = len(self._frames) - len(kept)
        self._frames = kept
        self._bytes = sum(len(frame.text) for frame in kept)
        return dropped

    async def get(self) -> str | None:
        """The next event as JSON text; None once `overflowed`."""
        while not self._frames and not self.overflowed:
            # Only here is the last event surely handed to the socket.
            self._empty.set()
            self._ready.clear()
            await self._ready.wait()
        if self.overflowed:
            return None
        frame = self._frames.popleft()
        self._bytes -= len(frame.text)
        self._keep(frame)
        return frame.text

    def _keep(self, frame: _Frame) -> None:
        self._sent.append(frame)
        self._sent_bytes += len(frame.text)
        while self._sent_bytes > self._kept_bytes:
            self._sent_bytes -= len(self._sent.popleft().text)

    def knows(self, event: str | None) -> bool:
        """Whether an event of this id was sent and is kept."""
        return any(frame.event == event for frame in self._sent)

    def resume(self, first: Sequence[ServerEvent], last_event: str | None) -> None:
        """Begin anew on another connection: with `first`, then what was sent after the event of the id `last_event`
        if that is known, then what waits."""
        again: list[_Frame] = []
        known = self.knows(last_event)
        while known and self._sent[-1].event != last_event:
            again.append(self._sent.pop())
        self._sent.clear()
        self._sent_bytes = 0
        frames = [*(_frame(event, None) for event in first), *reversed(again)]
        self._frames.extendleft(reversed(frames))
        self._bytes += sum(len(frame.text) for frame in frames)
        self._empty.clear()
        self._ready.set()

    async def drained(self) -> None:
        """Until all that waits was taken and `get` is asked for more."""
        await self._empty.wait()

    def _drop(self, *replies: str) -> None:
        for reply in replies:
            self._muted = reply
            self.purge(reply)
        # Only now: the owner may queue something about it.
        for reply in replies:
            self._on_drop(reply)

    def _append(self, frame: _Frame) -> None:
        self._frames.append(frame)
        self._bytes += len(frame.text)
        self._empty.clear()
        self._ready.set()


def _frame(event: ServerEvent, reply: str | None) -> _Frame:
    return _Frame(_dump(event), reply, str(event.get("event_id", "")))


def _dump(event: ServerEvent) -> str:
    """ASCII, so that characters are bytes."""
    return json.dumps(event, separators=(",", ":"), allow_nan=False)
