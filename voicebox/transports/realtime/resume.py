"""A conversation outlives its connection for a while: who comes back by its id goes on where it broke off."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from starlette.websockets import WebSocket

__all__ = ["Arrival", "Resumable", "Resumption"]


@dataclass(frozen=True, slots=True)
class Arrival:
    """A new connection for a session; `last_event` is the id of the last event that its client got.

    Whoever accepted the connection waits for `left`: the session has no more use for it.
    """

    websocket: WebSocket
    last_event: str | None
    left: asyncio.Event = field(default_factory=asyncio.Event)


class Resumable:
    """One session that may be resumed, by its own key alone."""

    def __init__(self, key: str) -> None:
        self.key = key
        self._arrivals: asyncio.Queue[Arrival] = asyncio.Queue()

    def come(self, arrival: Arrival) -> None:
        """A connection for it is there."""
        self._arrivals.put_nowait(arrival)

    async def arrival(self) -> Arrival:
        """Wait for a connection: the newest, if there are several."""
        newest = await self._arrivals.get()
        while not self._arrivals.empty():
            newest.left.set()
            newest = self._arrivals.get_nowait()
        return newest

    def close(self) -> None:
        """Nobody is taken any more."""
        while not self._arrivals.empty():
            self._arrivals.get_nowait().left.set()


class Resumption:
    """All sessions that may be resumed."""

    def __init__(self) -> None:
        self._sessions: dict[str, Resumable] = {}

    @contextmanager
    def session(self, id: str, key: str) -> Iterator[Resumable]:
        """Hold a session open for whoever resumes it with the same key."""
        resumable = self._sessions[id] = Resumable(key)
        try:
            yield resumable
        finally:
            del self._sessions[id]
            resumable.close()

    def find(self, id: str, key: str) -> Resumable | None:
        """The session of this id, if the key is its own."""
        found = self._sessions.get(id)
        return found if found is not None and found.key == key else None
