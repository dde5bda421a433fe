"""Tools of the client: how they are shown to an instruct model, and how its call is told from words.

Models differ in how they were taught to call tools, and many were not. So the tools are described in the system
message, a call is a line of JSON, and a grammar allows nothing but a whole call of a tool that exists, with arguments
of its schema, or words. What the first character is decides which of the two it will be.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Sequence

from voicebox.errors import EngineError
from voicebox.llm.grammar import literal
from voicebox.llm.plain import Cleaner
from voicebox.llm.schema_grammar import SchemaGrammar
from voicebox.llm.spoken import SpokenText
from voicebox.llm.tools import Tool, ToolCall, Tools
from voicebox.llm.types import Message

__all__ = ["EXAMPLES", "CallOrWords", "grammar", "read_call", "system_prompt", "tool_messages"]

_WORDS = r"words ::= [^{<\[] [^\x00]*"
"""Words may hold anything, but may not begin like a call."""


def system_prompt(tools: Tools, instructions: str) -> str:
    """The system message of a session with tools: the client's instructions, the tools, and when to call one."""
    role = instructions.strip() or "You are a friendly voice assistant."
    listed = "\n".join(_described(tool) for tool in tools.offered)
    return (
        f"{role}\nEverything you say is spoken aloud: answer in one or two short plain sentences.\n\n"
        f"You have these tools:\n{listed}\n\n"
        "When a tool does what the user wants, reply with nothing but the call, as JSON: "
        '{"name": tool, "arguments": {…}}. '
        "Leave out optional arguments that the user did not say. When no tool does just that, and for greetings, "
        "thanks, feelings and general questions, answer in words. When a result is there, say what it means in words."
    )


EXAMPLES: tuple[Message, ...] = tuple(
    message
    for said, answer in (
        ("When does the next train to Rome leave?", '{"name":"next_train","arguments":{"to":"Rome"}}'),
        ("Good morning!", "Good morning! What can I do for you?"),
        ("Switch the fan on.", '{"name":"switch","arguments":{"device":"fan","on":true}}'),
        ("How many wheels does a car have?", "A car has four wheels."),
        ("I'm a bit tired.", "I'm sorry to hear that. A short rest may help."),
        ("Will my parcel come today?", '{"name":"parcel_status","arguments":{"day":"today"}}'),
    )
    for message in (Message("user", said), Message("assistant", answer))
)
"""Turns after the system message that show both kinds of answers. The tools in them are nobody's: the grammar keeps a
model from calling them, and a tool of the client must not get a voice of its own by standing here."""


def _described(tool: Tool) -> str:
    function = {"name": tool.name, "description": tool.description, "parameters": dict(tool.parameters)}
    return json.dumps({key: value for key, value in function.items() if value}, ensure_ascii=False)


def grammar(tools: Tools) -> str:
    """GBNF of a call of one of the tools, or of words unless a call is a must.

    Raises:
        SchemaError: no grammar can be made from a tool's parameters.
        EngineError: no tool is offered.
    """
    if not tools:
        raise EngineError("There is no tool to call")
    schemas = SchemaGrammar()
    calls = []
    for tool in tools.offered:
        head = literal(f'{{"name":{json.dumps(tool.name)},"arguments":')
        arguments = schemas.expression({"type": "object", **tool.parameters})
        calls.append(f'{head} {arguments} "}}"')
    words = "" if tools.must_call else " | words"
    return "\n".join([f"root ::= call{words}", f"call ::= {' | '.join(calls)}", _WORDS, schemas.rules])


def read_call(text: str) -> ToolCall:
    """The call that a model wrote.

    Raises:
        EngineError: it was cut off, or is no call.
    """
    try:
        call = json.loads(text)
        name, arguments = call["name"], call["arguments"]
    except (ValueError, TypeError, KeyError):
        raise EngineError("the model's call of a tool is not whole: its arguments may be too long") from None
    return ToolCall(f"call_{secrets.token_hex(12)}", str(name), json.dumps(arguments, ensure_ascii=False))


def call_message(call: ToolCall) -> Message:
    """A call as the model's own earlier message."""
    return Message("assistant", f'{{"name":{json.dumps(call.name)},"arguments":{call.arguments}}}')


def result_message(call: ToolCall, output: str) -> Message:
    """What a tool answered, as the model reads it."""
    return Message("user", f"Result of {call.name}: {output}")


class CallOrWords:
    """A `Cleaner` that keeps back a call, whole, in `call`, and hands on words ready to be said.

    Args:
        words: cleans the words.
    """

    def __init__(self, words: Cleaner | None = None) -> None:
        self._words = words or SpokenText()
        self._begun = False
        self.call: str | None = None

    @property
    def done(self) -> bool:
        """Whether it wants no more."""
        return self.call is None and self._words.done

    def feed(self, text: str) -> str:
        """Take the next text and return what can be handed on now."""
        if not self._begun:
            text = text.lstrip()
            if not text:
                return ""
            self._begun = True
            if text.startswith("{"):
                self.call = ""
        if self.call is not None:
            self.call += text
            return ""
        return self._words.feed(text)

    def finish(self) -> str:
        """What is left when the model is done."""
        return "" if self.call is not None else self._words.finish()


def tool_messages(exchange: Sequence[tuple[ToolCall, str]]) -> tuple[Message, ...]:
    """Calls and their results, in order."""
    return tuple(m for call, output in exchange for m in (call_message(call), result_message(call, output)))
