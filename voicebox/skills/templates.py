"""Example sentences of an intent: expanding them, and filling them with values.

The syntax is described in `skills/syntax.py`.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from voicebox.skills.syntax import Choice, Node, SlotRef, TemplateError, Words, parse
from voicebox.skills.types import Intent
from voicebox.skills.values import ValueSampler, agree

__all__ = ["Choice", "Node", "Sentence", "SlotRef", "Span", "TemplateError", "Words", "expand", "parse", "sample"]


@dataclass(frozen=True, slots=True)
class Span:
    """Where a slot's words are in a sentence: `text[start:end]`."""

    slot: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence of an intent with the places of its slots; unfilled ones read `{slot}`."""

    text: str
    spans: tuple[Span, ...] = ()

    def words_of(self, slot: str) -> str | None:
        """The words of a slot (the last ones, if it is said twice), or None if the sentence does not have it."""
        for span in reversed(self.spans):
            if span.slot == slot:
                return self.text[span.start : span.end]
        return None


def expand(template: str) -> Iterator[Sentence]:
    """All sentences of a template, lazily, in order, with `{slot}` left in the places of values."""
    for parts in _expand(parse(template)):
        yield _join([("{" + part.name + "}", part.name) if isinstance(part, SlotRef) else (part, "") for part in parts])


def _expand(nodes: tuple[Node, ...]) -> Iterator[tuple[str | SlotRef, ...]]:
    if not nodes:
        yield ()
        return
    head, rest = nodes[0], nodes[1:]
    heads: Iterator[tuple[str | SlotRef, ...]]
    if isinstance(head, Choice):
        heads = (parts for option in head.options for parts in _expand(option))
    else:
        part: str | SlotRef = head.text if isinstance(head, Words) else head
        heads = iter([(part,)])
    for parts in heads:
        for tail in _expand(rest):
            yield (*parts, *tail)


def sample(intent: Intent, rng: random.Random, *, example: str | None = None) -> Sentence:
    """A random sentence of an intent, with values as people say them and as recognisers write them.

    Args:
        intent: whose examples to take.
        rng: the only source of chance.
        example: this template instead of a random one of the intent.

    Raises:
        KeyError: a template names a slot that the intent does not declare.
    """
    template = rng.choice(intent.examples) if example is None else example
    slots = {slot.name: slot for slot in intent.slots}
    values = ValueSampler(rng)
    picked = list(_pick(parse(template), rng))
    parts: list[tuple[str, str]] = []
    for part, following in zip(picked, [*picked[1:], ""], strict=True):
        if isinstance(part, SlotRef):
            noun_follows = isinstance(following, str) and following.startswith("timer")
            words = values.sample(slots[part.name], attributive=noun_follows)
            if parts and not parts[-1][1]:
                parts[-1] = (agree(parts[-1][0], words), "")
            parts.append((words, part.name))
        else:
            parts.append((part, ""))
    return _join([part for part in parts if part[0]])


def _pick(nodes: tuple[Node, ...], rng: random.Random) -> Iterator[str | SlotRef]:
    for node in nodes:
        if isinstance(node, Choice):
            yield from _pick(rng.choice(node.options), rng)
        else:
            yield node.text if isinstance(node, Words) else node


def _join(parts: Sequence[tuple[str, str]]) -> Sentence:
    text = ""
    spans: list[Span] = []
    for words, slot in parts:
        if text and not words.startswith("'"):
            text += " "
        start = len(text)
        text += words
        if slot:
            spans.append(Span(slot, start, len(text)))
    return Sentence(text, tuple(spans))
