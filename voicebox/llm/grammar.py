"""Grammars (GBNF) for what an instruct model may write: one of some labels, a JSON object of slots, a tool call.

There is no optional white space anywhere: a model could fill it for ever, and every choice costs time per token.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from voicebox.errors import EngineError

__all__ = ["Field", "json_object", "literal", "one_of", "tool_call"]

_RULES = r"""
text ::= "\"" char{1,120} "\""
char ::= [^"\\\x00-\x1f\x7f]
number ::= "-"? ("0" | [1-9] [0-9]{0,8}) ("." [0-9]{1,6})?
"""


@dataclass(frozen=True, slots=True)
class Field:
    """One value of a JSON object: free text, a number or one of `values`; `null` too unless it is required."""

    kind: Literal["choice", "number", "text"]
    values: tuple[str, ...] = ()
    required: bool = True


def one_of(options: Sequence[str]) -> str:
    """A grammar of exactly these texts.

    Raises:
        EngineError: there are no options, or one is empty.
    """
    return f"root ::= {_choice([literal(option) for option in options])}\n"


def json_object(fields: Mapping[str, Field]) -> str:
    """A grammar of one JSON object with these fields in this order, without white space.

    Raises:
        EngineError: a choice without values.
    """
    return f"root ::= {_object(fields)}\n{_RULES}"


def tool_call(tools: Mapping[str, Mapping[str, Field]]) -> str:
    """A grammar of `{"name":…,"arguments":{…}}` for exactly these tools.

    Raises:
        EngineError: there are no tools, or a choice has no values.
    """
    calls = []
    rules = []
    for number, (name, fields) in enumerate(tools.items()):
        calls.append(f"call-{number}")
        head = literal(f'{{"name":{json.dumps(name, ensure_ascii=False)},"arguments":')
        rules.append(f"call-{number} ::= {head} {_object(fields)} {literal('}')}")
    return "\n".join([f"root ::= {_choice(calls)}", *rules, _RULES])


def _object(fields: Mapping[str, Field]) -> str:
    parts = []
    for number, (name, field) in enumerate(fields.items()):
        parts.append(literal(f"{',' if number else '{'}{json.dumps(name, ensure_ascii=False)}:"))
        parts.append(_value(field))
    return " ".join([*parts, literal("}" if fields else "{}")])


def _value(field: Field) -> str:
    if field.kind == "choice":
        value = _choice([literal(json.dumps(value, ensure_ascii=False)) for value in field.values])
    else:
        value = field.kind
    return value if field.required else f'({value} | "null")'


def _choice(options: Sequence[str]) -> str:
    if not options:
        raise EngineError("A grammar needs something to choose from")
    return f"({' | '.join(options)})"


def literal(text: str) -> str:
    """A text as a GBNF string."""
    if not text:
        raise EngineError("A grammar cannot choose an empty text")
    escaped = "".join(
        {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}.get(char)
        or (char if char.isprintable() else _code(char))
        for char in text
    )
    return f'"{escaped}"'


def _code(char: str) -> str:
    point = ord(char)
    if point == 0 or 0xD800 <= point <= 0xDFFF:
        raise EngineError(f"A grammar cannot hold the character U+{point:04X}")
    if point <= 0xFF:
        return f"\\x{point:02x}"
    return f"\\u{point:04x}" if point <= 0xFFFF else f"\\U{point:08x}"
