"""How many sessions there are, and when no more may come."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from voicebox.errors import VoiceboxError

__all__ = ["Admission", "RefusedError"]


class RefusedError(VoiceboxError):
    """No session now; `code` says why: "server_busy" or "server_stopping"."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class Admission:
    """Counts sessions against a limit and tells them when the server stops.

    Args:
        limit: sessions at once.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.active = 0
        self._stopping = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()

    @contextmanager
    def session(self) -> Iterator[None]:
        """Hold one session's place.

        Raises:
            RefusedError: the server is full or stopping.
        """
        if self._stopping.is_set():
            raise RefusedError("server_stopping", "The server is stopping")
        if self.active >= self.limit:
            raise RefusedError("server_busy", f"All {self.limit} sessions are taken, try again later")
        self.active += 1
        self._idle.clear()
        try:
            yield
        finally:
            self.active -= 1
            if not self.active:
                self._idle.set()

    @property
    def stopping(self) -> bool:
        """Whether the server is on its way down."""
        return self._stopping.is_set()

    def stop(self) -> None:
        """Let nobody in any more, and tell the sessions."""
        self._stopping.set()

    async def wait_stopping(self) -> None:
        """Until `stop` is called."""
        await self._stopping.wait()

    async def wait_idle(self) -> None:
        """Until no session is left."""
        await self._idle.wait()
