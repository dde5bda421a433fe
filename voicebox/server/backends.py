"""What the HTTP endpoints use of the engines."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable, Coroutine, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol, TypeVar

from starlette.requests import Request

from voicebox.llm.jobs import Generation
from voicebox.llm.plain import Cleaner
from voicebox.llm.sampling import Sampling
from voicebox.llm.types import Message
from voicebox.routing.reflex import Reflex
from voicebox.server.admission import RefusedError
from voicebox.server.http_errors import HttpError
from voicebox.server.http_tiers import TierReplies
from voicebox.stt.types import Transcriber
from voicebox.tts.types import Speaker
from voicebox.vad.types import VadStream

__all__ = ["Backends", "Completer", "Places", "while_connected"]

_T = TypeVar("_T")


class Completer(Protocol):
    """An instruct model that goes on with messages (`llm/chat.py`)."""

    @property
    def name(self) -> str:
        """The model's name."""

    def stream(
        self,
        messages: Sequence[Message],
        *,
        session: str,
        max_tokens: int = 96,
        on_done: Callable[[Generation], None] | None = None,
        plain: Cleaner | None = None,
        sampling: Sampling | None = None,
        examples: bool = True,
    ) -> AsyncGenerator[str, None]:
        """Stream the reply's text; closing the generator stops."""

    def release(self, session: str) -> None:
        """Forget what is kept for a session."""


@dataclass(frozen=True)
class Backends:
    """The engines of all calls, shared with requests.

    Args:
        transcriber: the recogniser.
        vad: gives a fresh voice detector.
        speaker: the voices.
        find_voice: the voice that speaks for one that is asked for; raises ConfigError that lists those there are.
        chat: the instruct model once it is there.
        chat_state: why it is not: off, missing, pulling, loading, or failed with the reason.
        reflex: understands what skills answer.
        system: the instruct model's system message, from further instructions.
        now: local time.
        waiting_s: for how long the oldest decode of a call has been waiting.
        language: what the recogniser is set to, "auto" if it finds out.
        context_tokens: tokens that a prompt and its reply may have.
        vad_threshold: speech probability that counts as voice.
        tiers: the models above the small one.
    """

    transcriber: Transcriber
    vad: Callable[[], VadStream]
    speaker: Speaker
    find_voice: Callable[[str], str]
    chat: Callable[[], Completer | None]
    chat_state: Callable[[], str]
    reflex: Reflex
    system: Callable[[str], str]
    now: Callable[[], datetime]
    waiting_s: Callable[[], float] = lambda: 0.0
    language: str = "en"
    context_tokens: int = 4096
    vad_threshold: float = 0.5
    tiers: TierReplies | None = None


class Places:
    """Bounds the requests that are at the models at the same time, so that calls keep their share.

    Args:
        limit: requests at once; more are turned away.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.taken = 0

    @contextlib.contextmanager
    def place(self) -> Iterator[None]:
        """Hold one place.

        Raises:
            RefusedError: all are taken.
        """
        if self.taken >= self.limit:
            raise RefusedError("server_busy", f"All {self.limit} places for requests are taken, try again later")
        self.taken += 1
        try:
            yield
        finally:
            self.taken -= 1

    async def held(self, pieces: AsyncGenerator[_T, None]) -> AsyncGenerator[_T, None]:
        """Hold a place for as long as something is streamed.

        Raises:
            RefusedError: with the first piece, if all are taken.
        """
        with self.place():
            async with contextlib.aclosing(pieces):
                async for piece in pieces:
                    yield piece


async def while_connected(request: Request, work: Coroutine[Any, Any, _T]) -> _T:
    """The result of some work, which is cancelled when the client leaves. The body must have been read.

    Raises:
        HttpError: the client left (nobody will read it).
    """
    task = asyncio.create_task(work)
    gone = asyncio.create_task(_disconnected(request))
    try:
        await asyncio.wait((task, gone), return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            return task.result()
        raise HttpError(499, "The client left", "client_closed_request")
    finally:
        for each in (task, gone):
            each.cancel()
        await asyncio.gather(task, gone, return_exceptions=True)


async def _disconnected(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
