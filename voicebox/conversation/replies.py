"""From an answer to the caller's ear: an answer is taken piece by piece, sent, and told to the machine."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from voicebox.conversation import events as e
from voicebox.conversation import facts as f
from voicebox.conversation.mouth import Mouth
from voicebox.conversation.ports import Emit
from voicebox.conversation.waterfall import Marks, turn_record
from voicebox.errors import VoiceboxError

if TYPE_CHECKING:
    from voicebox.conversation.contexts import Contexts
    from voicebox.conversation.tools import ToolLoop
    from voicebox.routing.answer import Answer

__all__ = ["InTime", "Replies"]

T = TypeVar("T")


class InTime(Protocol):
    """Waits for what an engine owes; raises EngineError if it does not come."""

    def __call__(self, awaitable: Awaitable[T], what: str) -> Coroutine[Any, Any, T]:
        """`what` is its name for people."""


class Replies:
    """One session's.

    Args:
        mouth: sends.
        contexts: the wishes for replies, and the dialog.
        tools: the calls of the client's tools.
        now: session time.
        emit: tells the transport.
        tell: gives the turn machine a fact.
        spawn: runs a coroutine as a task of the session.
        in_time: waits for the next piece.
    """

    def __init__(
        self,
        mouth: Mouth,
        contexts: Contexts,
        tools: ToolLoop,
        *,
        now: Callable[[], float],
        emit: Emit,
        tell: Callable[[f.Fact], None],
        spawn: Callable[[Coroutine[Any, Any, None]], None],
        in_time: InTime,
    ) -> None:
        self.marks = Marks(0.0, 0.0)
        """Those of the turn that was committed last."""
        self._mouth = mouth
        self._contexts = contexts
        self._tools = tools
        self._now = now
        self._emit = emit
        self._tell = tell
        self._spawn = spawn
        self._in_time = in_time
        self._spoken: Answer | None = None
        """The answer that is being spoken."""

    def start(self, reply: str, turn: str | None, answer: Answer) -> None:
        """Speak an answer; `turn` is what it answers."""
        self._spoken = answer
        answer.committed = True
        tag = self._taken_up(turn) if turn else None
        self._mouth.begin(reply, turn, answer.decision.tier, speaks=answer.speak, tag=tag)
        self._spawn(self._speak(reply, turn, answer))

    def call_tool(self, turn: str, answer: Answer) -> None:
        """Tell the client to call the tool that answers a turn."""
        call, tag = answer.call, self._taken_up(turn)
        assert call is not None, "the machine calls only what was chosen"
        reply = f"reply_{call.id}"
        self._tools.called(turn, answer.understanding.text, call)
        self._emit(e.ToolCalled(reply, turn, call, e.tokens_of(answer.generation), tag))
        self._report(turn, reply, "", answer, self.marks)

    def resume(self, next_reply: str) -> None:
        """Say the rest of the reply that was held."""
        ends_s, text = self._mouth.resume(next_reply, self._now())
        for end_s in ends_s:
            self._queued(end_s)
        self._said(text)

    def stop(self, reply: str, reason: str) -> None:
        """Be silent."""
        self.cancel()
        heard = self._mouth.stop(reply, reason, self._now())
        dialog = self._contexts.dialog
        self._contexts.dialog = replace(dialog, last_reply=heard or dialog.last_reply)

    def cancel(self) -> None:
        """Nothing more is made of the reply."""
        if self._spoken is not None:
            self._spoken.cancel()
            self._spoken = None

    def _taken_up(self, turn: str) -> object:
        """The wishes for a turn's reply are fulfilled; returns what the transport wants back with it."""
        self._tools.taken_up(turn)
        wish = self._contexts.fulfilled(turn)
        return None if wish is None else wish.tag

    async def _speak(self, reply: str, turn: str | None, answer: Answer) -> None:
        error, marks, first = None, replace(self.marks) if turn is not None else None, True
        try:
            pieces = answer.pieces()
            while (piece := await self._in_time(anext(pieces, None), "the rest of the answer")) is not None:
                if self._spoken is not answer:
                    return
                ends_s = self._mouth.send(piece, self._now())
                self._queued(ends_s)
                if first and ends_s is not None and turn is not None and marks is not None:
                    heard_s = ends_s - (piece.spoken.duration_s if piece.spoken else 0.0)
                    self._report(turn, reply, piece.text, answer, replace(marks, heard_s=heard_s))
                first = False
        except VoiceboxError as failure:
            error = failure
            answer.cancel()
            self._emit(e.SessionError("reply_broke_off", str(failure)))
        if self._spoken is answer:
            self._said(self._mouth.end(error, usage=e.tokens_of(answer.generation), cut=answer.cut))

    def _queued(self, ends_s: float | None) -> None:
        if ends_s is not None and self._mouth.reply is not None:
            self._tell(f.Queued(self._mouth.reply, ends_s))

    def _said(self, text: str | None) -> None:
        """All of the reply was sent, if there is a text."""
        if text is not None and self._mouth.reply is not None:
            self._contexts.dialog = replace(self._contexts.dialog, last_reply=text)
            self._tell(f.Said(self._mouth.reply))

    def _report(self, turn: str, reply: str, text: str, answer: Answer, marks: Marks) -> None:
        now, mono = self._now(), time.monotonic()
        text = answer.plan.reply if answer.plan is not None else text
        marks = replace(marks, sent_s=now)
        self._emit(turn_record(turn, reply, text, answer, marks, lambda moment: now - (mono - moment)))
