"""What the instruct model is given for an answer: the messages, and what it may write."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from voicebox.llm.plain import Cleaner, PlainText
from voicebox.llm.tools import NO_TOOLS, ToolCall, Tools
from voicebox.llm.types import Message
from voicebox.routing import client_tools
from voicebox.skills.types import Dialog
from voicebox.tts.types import Manner

__all__ = ["ChatRequest", "Context", "chat_request", "opening"]

_SPOKEN_TOKENS, _CALL_TOKENS, _ASIDE_TOKENS = 96, 256, 256


@dataclass(frozen=True, slots=True)
class Context:
    """What an answer may refer to.

    `history` ends before the turn that is answered; `exchange` holds the tools' calls in it and what they answered.
    `aside`: the answer is no part of the conversation; `history` is then all that it is made from, and the instruct
    model alone gives it. `max_tokens` is the client's bound on what a model may write, `turn` names the turn
    that is answered.
    """

    session: str
    dialog: Dialog
    history: tuple[Message, ...]
    now: datetime
    skills: tuple[str, ...] | None = None
    instructions: str = ""
    speak: bool = True
    manner: Manner | None = None
    tools: Tools = NO_TOOLS
    exchange: tuple[tuple[ToolCall, str], ...] = ()
    max_tokens: int | None = None
    aside: bool = False
    turn: str = ""


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """One generation: arguments of `ChatModel.stream`.

    Without a `cleaner` the model's own prepares its words for the voice. `cut_counts`: an end at `max_tokens` is by the
    client's wish.
    """

    messages: tuple[Message, ...]
    examples: bool
    grammar: str | None
    cleaner: Cleaner | None
    max_tokens: int
    cut_counts: bool


def opening(context: Context, system: Callable[[str], str]) -> tuple[tuple[Message, ...], bool]:
    """What every prompt of these tools and instructions begins with, and whether the persona's examples follow it.

    `system` makes the persona's system message from further instructions.
    """
    if context.tools:
        return (
            Message("system", client_tools.system_prompt(context.tools, context.instructions)),
            *client_tools.EXAMPLES,
        ), False
    if context.aside and context.instructions:
        return (Message("system", context.instructions),), False
    return (Message("system", system(context.instructions)),), not context.aside


def chat_request(text: str, context: Context, system: Callable[[str], str]) -> ChatRequest:
    """What to ask of the instruct model for the caller's text.

    Raises:
        SchemaError: no grammar can be made from the parameters of a tool.
    """
    first, examples = opening(context, system)
    said = (Message("user", text),) if text else ()
    words: Cleaner | None = PlainText() if context.aside and not context.speak else None
    most = _ASIDE_TOKENS if context.aside else _SPOKEN_TOKENS
    grammar = None
    if context.tools:
        grammar, words, most = client_tools.grammar(context.tools), client_tools.CallOrWords(words), _CALL_TOKENS
    messages = (*first, *context.history, *said, *client_tools.tool_messages(context.exchange))
    limit = context.max_tokens
    return ChatRequest(messages, examples, grammar, words, limit or most, cut_counts=limit is not None)
