"""What an answer may refer to, put together from the session's options, its history and what one reply was wished to be
like."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

from voicebox.conversation.ports import ReplyWish, SessionOptions
from voicebox.llm.types import Message
from voicebox.routing.prompting import Context
from voicebox.skills.types import Dialog
from voicebox.tts.types import Manner

if TYPE_CHECKING:
    from voicebox.conversation.history import History
    from voicebox.conversation.tools import ToolLoop

__all__ = ["Contexts"]

_MAX_WISHES = 4


class Contexts:
    """One session's.

    Args:
        session: its id.
        history: what was said and done.
        tools: the calls of the client's tools.
        today: local time.
    """

    def __init__(self, session: str, history: History, tools: ToolLoop, today: Callable[[], datetime]) -> None:
        self.options = SessionOptions()
        self.dialog = Dialog()
        self._session = session
        self._history = history
        self._tools = tools
        self._today = today
        self._wishes: OrderedDict[str, ReplyWish] = OrderedDict()

    def wish(self, turn: str, wish: ReplyWish) -> None:
        """The client wants a reply to a turn, like this."""
        self._wishes[turn] = wish
        while len(self._wishes) > _MAX_WISHES:
            self._wishes.popitem(last=False)

    def wished(self, turn: str) -> ReplyWish | None:
        """What the client wants of the reply to a turn, if it asked for one."""
        return self._wishes.get(turn)

    def fulfilled(self, turn: str) -> ReplyWish | None:
        """The reply to a turn begins: what was wished for it, which is then over."""
        return self._wishes.pop(turn, None)

    def make(self, answering: str = "") -> Context:
        """For an answer to the turn of this id, or to words that have no line in the history yet."""
        lines = self._history.merged(without=answering)
        context = self._context(self._wishes.get(answering), tuple(Message(line.role, line.text) for line in lines))
        context = replace(context, turn=answering)
        exchange = self._tools.exchange(answering)
        if not exchange:
            return context
        tools = context.tools.after_result() if self._tools.may_call(answering) else context.tools.never()
        return replace(context, tools=tools, exchange=exchange)

    def aside(self, wish: ReplyWish, session: str) -> Context:
        """For a reply outside of the conversation, whose KV is kept under the name `session`."""
        lines = wish.messages
        if lines is None:
            lines = tuple(Message(line.role, line.text) for line in self._history.merged())
        return replace(self._context(wish, lines), session=session, aside=True)

    def _context(self, wish: ReplyWish | None, history: tuple[Message, ...]) -> Context:
        options = self.options if wish is None else wish.over(self.options)
        notes = self._history.notes
        return Context(
            session=self._session,
            dialog=self.dialog,
            history=history,
            now=self._today(),
            skills=options.skills,
            instructions="\n".join((options.instructions, *notes)) if notes else options.instructions,
            speak=options.speak,
            manner=Manner(options.voice, options.speed),
            tools=options.tools,
            max_tokens=options.max_tokens,
        )
