"""One answer in the making: its pieces come one by one, and can be stopped."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from voicebox.errors import VoiceboxError
from voicebox.llm.jobs import Generation
from voicebox.llm.tools import ToolCall
from voicebox.routing.router import Decision
from voicebox.skills.types import Plan, Understanding
from voicebox.tts.types import SpokenPhrase

__all__ = ["Answer", "Piece"]

_MAX_AHEAD = 4
"""Phrases made ahead of the one that is being taken."""


@dataclass(frozen=True, slots=True)
class Piece:
    """The next phrase of an answer: its text, and its audio unless the session is silent."""

    text: str
    spoken: SpokenPhrase | None


class Answer:
    """One answer in the making. `pieces()` is consumed once; `cancel()` stops whatever is under way.

    `first` resolves to the first piece, or to None if there is nothing to say, or raises what went wrong.
    Times are seconds on the monotonic clock, None until they are reached.
    """

    def __init__(
        self, understanding: Understanding, plan: Plan | None, decision: Decision, *, decided_s: float
    ) -> None:
        self.understanding = understanding
        self.plan = plan
        self.decision = decision
        self.decided_s = decided_s
        self.guessed = False
        """Whether it was begun before the end of the turn, on words that proved to be the last."""
        self.taken = asyncio.Event()
        """Set once the turn is committed: what is spoken from then on is no guess, and what is done is wanted."""
        self.tokens = 0
        """Pieces of text that the instruct model has made: a token each, or nearly."""
        self.generation: Generation | None = None
        """What the instruct model counted, once it is done."""
        self.speak = True
        """Whether it is spoken."""
        self.cut = False
        """Whether the client's bound on tokens ended it."""
        self.call: ToolCall | None = None
        """The tool of the client that is to be called, once all pieces are there."""
        self.wanted = asyncio.Event()
        """Set once the turn is over: until then it is a guess that nobody waits for."""
        self.on_plan: Callable[[], None] | None = None
        """Called once a skill that works knows what to do, if the turn was committed before."""
        self.looking_up = False
        """Whether a tool of the server is being called."""
        self.fillers: tuple[str, ...] = ()
        """What was said while a larger model was thinking; it is part of the pieces."""
        self.answered_by = decision.tier
        """The tier whose words these are: another than the decision's where that failed."""
        self.voice_ms = 0.0
        """Processor time of the voice so far."""
        self.first_text_s: float | None = None
        self.filler_s: float | None = None
        self.ready_s: float | None = None
        self.first: asyncio.Future[Piece | None] = asyncio.get_running_loop().create_future()
        self._queue: asyncio.Queue[Piece | None] = asyncio.Queue()
        self._room = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._error: VoiceboxError | None = None

    @property
    def committed(self) -> bool:
        """Whether the turn is committed."""
        return self.taken.is_set()

    @committed.setter
    def committed(self, done: bool) -> None:
        if done:
            self.taken.set()

    def run(self, producer: Coroutine[Any, Any, None]) -> None:
        """Start the task that offers the pieces."""
        self._task = asyncio.create_task(producer)

    @property
    def early(self) -> bool:
        """Whether it may be begun on a guess: what costs money, or is somebody else's code, is not."""
        if self.plan is None or self.decision.tier != "reflex":
            return self.decision.early
        return self.plan.work is None or self.plan.early

    @property
    def started(self) -> bool:
        """Whether phrases are being made."""
        return self._task is not None

    def planned(self, plan: Plan) -> None:
        """A skill that works knows what to do."""
        self.plan = plan
        if self.on_plan is not None:
            self.on_plan()

    def offer(self, piece: Piece | None) -> None:
        """The next piece is there; None after the last."""
        if not self.first.done():
            self.ready_s = time.monotonic()
            self.first.set_result(piece)
        self._queue.put_nowait(piece)

    async def settled(self) -> None:
        """Wait until `first` is: a piece, nothing, a failure or a cancellation."""
        await asyncio.wait((self.first,))

    async def room(self) -> None:
        """Wait until few enough pieces are ahead of the listener."""
        while self._queue.qsize() >= _MAX_AHEAD:
            self._room.clear()
            await self._room.wait()

    def fail(self, error: VoiceboxError) -> None:
        """The answer breaks off."""
        self._error = error
        if not self.first.done():
            self.first.set_exception(error)
            self.first.exception()  # a guess that nobody takes may fail in silence
        self._queue.put_nowait(None)

    async def pieces(self) -> AsyncIterator[Piece]:
        """All pieces in order, as they are ready. Raises VoiceboxError when the answer breaks off."""
        while (piece := await self._queue.get()) is not None:
            self._room.set()
            yield piece
        if self._error is not None:
            raise self._error

    def cancel(self) -> None:
        """Stop; pieces that were made are thrown away. Idempotent."""
        if self._task is not None:
            self._task.cancel()
        if not self.first.done():
            self.first.cancel()
        self._queue.put_nowait(None)  # who waits for the next piece waits for nothing
