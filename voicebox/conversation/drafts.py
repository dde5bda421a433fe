"""The answer in the making: begun on a guess while the caller may still go on, kept if the guess was right."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any

from voicebox.conversation import facts as f
from voicebox.conversation.speculation import SpeculationAccount
from voicebox.errors import VoiceboxError
from voicebox.stt.stream import normalize

if TYPE_CHECKING:
    from voicebox.routing.answer import Answer
    from voicebox.routing.answerer import Answerer
    from voicebox.routing.prompting import Context
    from voicebox.skills.types import Understanding

__all__ = ["Drafts"]

_READ_AHEAD = 0.9
"""How sure it must be that no skill takes a text before the instruct model reads it ahead: the beginning of many a
command looks like nothing yet, and reading takes the processor from the decode that is waited for."""


class Drafts:
    """One session's answer in the making; at most one at a time.

    `tell` gives the turn machine a fact, `spawn` runs a coroutine as a task of the session.
    """

    def __init__(
        self,
        answerer: Answerer,
        tell: Callable[[f.Fact], None],
        spawn: Callable[[Coroutine[Any, Any, None]], None],
    ) -> None:
        self.account = SpeculationAccount()
        self.answer: Answer | None = None
        self._answerer = answerer
        self._tell = tell
        self._spawn = spawn
        self._preparing: str | None = None

    def speculate(self, turn: str, understanding: Understanding, context: Context, *, aloud: bool) -> None:
        """Prepare an answer to words that may not be the last; with `aloud` up to its first audio."""
        if self.account.begin(turn, _basis(understanding.text, context), aloud=aloud):
            self._cancel()
            self.answer = self._answerer.draft(understanding, context)
        if self.answer is None or self.answer.started:
            return
        if aloud and self.answer.early:
            self._answerer.start(self.answer, context, guess=True)
        elif self.answer.decision.tier == "small" and understanding.confidence >= _READ_AHEAD:
            self._spawn(self._answerer.prefill(understanding.text, context))

    def prepare(self, turn: str, text: str, context: Context) -> None:
        """The turn's words are final: finish the guess from the same words and context, or answer afresh; ends in a
        fact."""
        hit = self.account.settle(turn, _basis(text, context))
        if hit and self.answer is not None:
            self.answer.guessed = self.answer.started
            self._answerer.start(self.answer, context)
            if self.answer.first.done():
                self._tell(_first_fact(turn, self.answer))
            else:
                self._spawn(self._settle(turn, self.answer))
            return
        self._cancel()
        self._preparing = turn
        self._spawn(self._afresh(turn, text, context))

    def void(self) -> None:
        """What is being made is not wanted any more."""
        self.account.waste()
        self._preparing = None
        self._cancel()

    def take(self) -> Answer | None:
        """The answer goes over to whoever speaks it."""
        answer, self.answer = self.answer, None
        return answer

    def _cancel(self) -> None:
        if self.answer is not None:
            self.answer.cancel()
            self.account.wasted_tokens += self.answer.tokens
            self.account.wasted_voice_ms += self.answer.voice_ms
            self.answer = None

    async def _afresh(self, turn: str, text: str, context: Context) -> None:
        try:
            understanding = await self._answerer.understand(text, context)
        except VoiceboxError as error:
            self._tell(f.ReplyFailed(turn, error.message))
            return
        if self._preparing == turn:  # else the caller went on meanwhile
            self._preparing = None
            self.answer = self._answerer.draft(understanding, context)
            self._answerer.start(self.answer, context)
            await self._settle(turn, self.answer)

    async def _settle(self, turn: str, answer: Answer) -> None:
        await answer.settled()
        if answer is self.answer:
            self._tell(_first_fact(turn, answer))


def _basis(text: str, context: Context) -> tuple[object, ...]:
    """All that an answer is made from, but the time."""
    dialog, voice = context.dialog, (context.speak, context.manner)
    told = (context.skills, context.instructions, context.tools, context.max_tokens)
    return normalize(text), dialog, context.history, context.exchange, told, voice


def _first_fact(turn: str, answer: Answer) -> f.Fact:
    """What an answer whose first piece is settled means for the machine."""
    if answer.first.cancelled():
        return f.ReplyFailed(turn, "the answer was cancelled")
    if (error := answer.first.exception()) is not None:
        return f.ReplyFailed(turn, str(error))
    if answer.first.result() is not None:
        return f.ReplyReady(turn)
    return f.NothingToSay(turn) if answer.call is None else f.ToolChosen(turn)
