"""The syntax of example sentences.

A template is lower-case words with `{slot}` for a value, `(a|b)` for alternatives, of which one may be empty, and
`[x]` for words that may be left out. Groups nest.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

__all__ = ["Choice", "Node", "SlotRef", "TemplateError", "Words", "parse"]


class TemplateError(ValueError):
    """A template that is not well formed: unbalanced brackets, an empty slot name."""


@dataclass(frozen=True, slots=True)
class Words:
    """Literal words."""

    text: str


@dataclass(frozen=True, slots=True)
class SlotRef:
    """The place of a slot's value."""

    name: str


@dataclass(frozen=True, slots=True)
class Choice:
    """One of several sequences; an optional part has an empty one among them."""

    options: tuple[tuple[Node, ...], ...]


Node = Words | SlotRef | Choice
"""A part of a parsed template."""


_TOKEN = re.compile(r"\{(?P<slot>\w+)\}|(?P<mark>[()|\[\]])|(?P<words>[^(){}|\[\]]+)|(?P<bad>.)")


@lru_cache(maxsize=4096)
def parse(template: str) -> tuple[Node, ...]:
    """Parse a template.

    Raises:
        TemplateError: brackets do not balance, or a slot has no name.
    """
    tokens = list(_TOKEN.finditer(template))
    nodes, position = _alternatives(template, tokens, 0, closer="")
    if position != len(tokens):
        raise TemplateError(f"unbalanced brackets in {template!r}")
    if len(nodes) > 1:
        return (Choice(nodes),)
    return nodes[0]


def _alternatives(
    template: str, tokens: Sequence[re.Match[str]], position: int, closer: str
) -> tuple[tuple[tuple[Node, ...], ...], int]:
    options: list[tuple[Node, ...]] = []
    current: list[Node] = []
    while position < len(tokens):
        token = tokens[position]
        position += 1
        if slot := token["slot"]:
            current.append(SlotRef(slot))
        elif token["words"]:
            if words := " ".join(token["words"].split()):
                current.append(Words(words))
        elif token["bad"]:
            raise TemplateError(f"unexpected {token['bad']!r} in {template!r}")
        elif token["mark"] in "([":
            inner_closer = ")" if token["mark"] == "(" else "]"
            inner, position = _alternatives(template, tokens, position, inner_closer)
            current.append(Choice(inner if inner_closer == ")" else ((), *inner)))
        elif token["mark"] == "|":
            options.append(tuple(current))
            current = []
        elif token["mark"] == closer:
            return (*options, tuple(current)), position
        else:
            raise TemplateError(f"unbalanced {token['mark']!r} in {template!r}")
    if closer:
        raise TemplateError(f"missing {closer!r} in {template!r}")
    return (*options, tuple(current)), position
