"""Streamed answers: server-sent events as OpenAI has them, and streams that free what they hold at their end."""

from __future__ import annotations

import contextlib
import json
import logging
from collections.abc import AsyncGenerator, Callable
from typing import Any

from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from voicebox.errors import VoiceboxError
from voicebox.server.http_errors import error_body

__all__ = ["DONE", "Streaming", "broken", "event", "first_then"]

_log = logging.getLogger(__name__)

DONE = b"data: [DONE]\n\n"


def event(body: Any) -> bytes:
    """One event."""
    return b"data: " + json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode() + b"\n\n"


def broken(error: VoiceboxError) -> bytes:
    """The event by which a stream tells that it breaks off: the status line is long sent."""
    return event(error_body(str(error), "engine_failed", kind="server_error"))


async def first_then(
    pieces: AsyncGenerator[bytes, None], on_error: Callable[[VoiceboxError], bytes] | None = None
) -> AsyncGenerator[bytes, None]:
    """A stream of which the first piece is there: what fails before it can still be answered by a status.

    Args:
        pieces: the stream.
        on_error: what is sent in the middle of a stream that fails; None breaks the connection off.

    Raises:
        VoiceboxError: the first piece failed.
    """
    first = await anext(pieces, b"")

    async def whole() -> AsyncGenerator[bytes, None]:
        async with contextlib.aclosing(pieces):
            yield first
            try:
                async for piece in pieces:
                    yield piece
            except VoiceboxError as error:
                if on_error is None:
                    raise
                _log.warning("A streamed answer broke off: %s", error)
                yield on_error(error)

    return whole()


class Streaming(StreamingResponse):
    """A streamed response that closes its stream, whatever ends it."""

    def __init__(self, pieces: AsyncGenerator[bytes, None], media_type: str) -> None:
        super().__init__(pieces, media_type=media_type, headers={"cache-control": "no-store"})
        self._pieces = pieces

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""
        async with contextlib.aclosing(self._pieces):
            await super().__call__(scope, receive, send)
