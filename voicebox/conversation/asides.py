"""Replies outside of the conversation: made from what the client gives, for the client alone.

They may run beside the conversation, are in nobody's history, and carry nothing out.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any

from voicebox.conversation import events as e
from voicebox.conversation.ports import Emit, ReplyWish
from voicebox.errors import EngineError, VoiceboxError

if TYPE_CHECKING:
    from voicebox.conversation.contexts import Contexts
    from voicebox.routing.answer import Answer
    from voicebox.routing.answerer import Answerer

__all__ = ["Asides"]

_MAX_ASIDES = 4


class Asides:
    """One session's.

    Args:
        session: its id.
        answerer: makes the replies.
        contexts: what they are made from.
        emit: tells the transport.
        spawn: runs a coroutine as a task of the session.
    """

    def __init__(
        self,
        session: str,
        answerer: Answerer,
        contexts: Contexts,
        emit: Emit,
        spawn: Callable[[Coroutine[Any, Any, None]], None],
    ) -> None:
        self._session = session
        self._answerer = answerer
        self._contexts = contexts
        self._emit = emit
        self._spawn = spawn
        self._made = 0
        self._answers: dict[str, Answer] = {}

    def begin(self, wish: ReplyWish) -> None:
        """Make a reply.

        Raises:
            EngineError: too many are being made, or there is no model that could.
        """
        if len(self._answers) >= _MAX_ASIDES:
            raise EngineError(
                f"{_MAX_ASIDES} replies outside of the conversation are in progress",
                cure="Wait until one of them is done",
            )
        self._made += 1
        reply = f"aside_{self._made}"
        session = f"{self._session}/{reply}"
        answer = self._answerer.aside(self._contexts.aside(wish, session))
        self._answers[reply] = answer
        self._emit(e.ReplyStarted(reply, None, answer.decision.tier, answer.speak, wish.tag, aside=True))
        self._spawn(self._say(reply, session, answer, wish))

    def cancel(self, reply: str) -> bool:
        """Stop a reply; False if there is none of that name."""
        answer = self._answers.pop(reply, None)
        if answer is None:
            return False
        answer.cancel()
        self._emit(e.ReplyDone(reply, "cancelled", "", "cancelled"))
        return True

    def close(self) -> None:
        """Stop all."""
        for answer in self._answers.values():
            answer.cancel()
        self._answers.clear()

    async def _say(self, reply: str, session: str, answer: Answer, wish: ReplyWish) -> None:
        said: list[str] = []
        error: VoiceboxError | None = None
        try:
            async for piece in answer.pieces():
                if reply not in self._answers:
                    return
                said.append(piece.text)
                self._emit(e.ReplyText(reply, piece.text))
                if piece.spoken is not None:
                    self._emit(e.ReplyAudio(reply, piece.spoken.audio, piece.spoken.rate))
        except VoiceboxError as failure:
            error = failure
        finally:
            self._answerer.release_chat(session)
        if self._answers.pop(reply, None) is None:
            return
        if answer.call is not None:
            self._emit(e.ToolCalled(reply, None, answer.call, e.tokens_of(answer.generation), wish.tag))
        elif error is not None:
            self._emit(e.ReplyDone(reply, "failed", " ".join(said), error.message))
        else:
            usage = e.tokens_of(answer.generation)
            self._emit(e.ReplyDone(reply, "incomplete" if answer.cut else "completed", " ".join(said), usage=usage))
