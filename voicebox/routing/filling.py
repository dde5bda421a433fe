"""A text's values for the slots of one intent, whichever way each kind of slot is found."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from voicebox.routing.cues import content_words
from voicebox.skills.parse import Match, find, find_text
from voicebox.skills.types import Intent, Slot, SlotKind, SlotValue
from voicebox.skills.wording import number_words
from voicebox.stt.lexicon import Lexicon

__all__ = ["Filling", "fill", "followers"]

_REFERENCE = re.compile(r"\{(\w+)\}")

_MEASURES = (
    SlotKind.DURATION,
    SlotKind.TIME,
    SlotKind.DATE,
    SlotKind.QUANTITY,
    SlotKind.MONEY,
    SlotKind.PERCENT,
    SlotKind.EXPRESSION,
    SlotKind.NUMBER,
)
"""Kinds found by their own grammar, the more specific first: they take their words before values are looked for."""
_NUMBER_WORD = re.compile(r"\b(?:\d+|" + "|".join(number_words(value) for value in range(1, 21)) + r")\b")
_MINUTE = 60
"""What "ten" counts, answering "for how long?"."""


@dataclass(frozen=True, slots=True)
class Filling:
    """The values, the slots that the text says are not wanted ("without sugar"), and how much they explain.

    `coverage` is the share of the words with content that belong to values: 1 if there are no others, 0 without values.
    """

    slots: Mapping[str, SlotValue]
    unwanted: frozenset[str]
    coverage: float

    @property
    def confidence(self) -> float:
        """Mean confidence of the values; 0 without."""
        return sum(slot.confidence for slot in self.slots.values()) / len(self.slots) if self.slots else 0.0


def fill(
    intent: Intent, text: str, now: datetime, lexicon: Lexicon, *, like: Mapping[str, SlotValue] | None = None
) -> Filling:
    """Find values for all slots of an intent in a text.

    Args:
        intent: one that `lexicon` knows.
        text: normalized.
        now: the local time that clock times and days are taken from.
        lexicon: finds the values of CHOICE slots.
        like: the values that the text may complete or change: they say what a bare number means. None: it is a
            request of its own.
    """
    found: dict[str, SlotValue] = {}
    kinds = {slot.kind for slot in intent.slots}
    rest = text
    for kind in _MEASURES:
        # A day is often said with the time of day, which took the words of both.
        where = text if kind is SlotKind.DATE else rest
        seen = _without_values(intent, where) if kind is SlotKind.NUMBER else where
        left = _measures([slot for slot in intent.slots if slot.kind is kind], kind, where, seen, now, like, found)
        rest = rest if kind is SlotKind.DATE and SlotKind.TIME in kinds else left
    unwanted: set[str] = set()
    if any(slot.kind is SlotKind.CHOICE for slot in intent.slots):
        for name, value in lexicon.match(rest, intent.name).items():
            if _is_unwanted(value.text, rest) and not _required(intent, name):
                unwanted.add(name)
            else:
                found[name] = value
    for slot in intent.slots:
        if slot.kind is SlotKind.TEXT and (match := find_text(intent, slot, text)) is not None:
            found[slot.name] = SlotValue(match.value, match.text, match.confidence)
    return Filling(found, frozenset(unwanted), _coverage(text, found))


def followers(intent: Intent) -> dict[str, frozenset[str]]:
    """For each slot those that come after it in one of the intent's examples; under "" all of them."""
    found: dict[str, set[str]] = {"": set()}
    for example in intent.examples:
        names = _REFERENCE.findall(example)
        found[""].update(names)
        for at, name in enumerate(names):
            found.setdefault(name, set()).update(names[at + 1 :])
    return {name: frozenset(after - {name}) for name, after in found.items()}


def _measures(
    slots: Sequence[Slot],
    kind: SlotKind,
    text: str,
    seen: str,
    now: datetime,
    like: Mapping[str, SlotValue] | None,
    found: dict[str, SlotValue],
) -> str:
    """Give the surest matches of one kind to the slots in order; returns the text without the words that were taken.

    Matches are found in `seen`, which is the text with some letters replaced.
    """
    if not slots:
        return text
    known = like[slots[0].name].value if like and slots[0].name in like else None
    if known is None and like is not None and kind is SlotKind.DURATION:
        known = _MINUTE
    possible = [match for match in find(kind, seen, now, like=known) if any(_fits(slot, match) for slot in slots)]
    surest = sorted(possible, key=lambda match: -match.confidence)[: len(slots)]
    matches = sorted(surest, key=lambda match: match.start)
    free = list(slots)
    for match in matches:
        slot = next((slot for slot in free if _fits(slot, match)), None)
        if slot is not None:
            free.remove(slot)
            found[slot.name] = SlotValue(match.value, match.text, match.confidence)
    for match in reversed(matches):
        text = f"{text[: match.start]}, {text[match.end :]}"
    return text


def _without_values(intent: Intent, text: str) -> str:
    """The text, equally long, without the choices that have a number in them ("four cheese")."""
    if not _NUMBER_WORD.search(text):
        return text
    for slot in intent.slots:
        for value, forms in slot.values.items():
            for form in (value, *forms):
                if " " in form and _NUMBER_WORD.search(form):
                    text = re.sub(rf"\b{re.escape(form)}\b", lambda found: "x" * len(found[0]), text)
    return text


def _fits(slot: Slot, match: Match) -> bool:
    """Whether a value may be the slot's: a number within its bounds."""
    if slot.low is None and slot.high is None:
        return True
    low, high = -math.inf if slot.low is None else slot.low, math.inf if slot.high is None else slot.high
    return slot.kind is not SlotKind.NUMBER or low <= match.value <= high


def _required(intent: Intent, name: str) -> bool:
    return any(slot.name == name and slot.required for slot in intent.slots)


def _is_unwanted(words: str, text: str) -> bool:
    return re.search(rf"\b(?:without|hold the|no more)(?: any)? {re.escape(words)}\b", text) is not None


def _coverage(text: str, found: Mapping[str, SlotValue]) -> float:
    words = text.split()
    content = [word for word, counts in zip(words, content_words(words), strict=True) if counts]
    taken = {word for value in found.values() for word in value.text.split()}
    if not found:
        return 0.0
    return sum(word in taken for word in content) / len(content) if content else 1.0
