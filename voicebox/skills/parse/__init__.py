"""Finding values in what was said: pure functions, one file per kind of value.

Texts come from recognisers: words or digits, with or without punctuation and capitals.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from voicebox.skills.parse import dates, durations, expressions, money, numbers, percent, quantities, text, times
from voicebox.skills.parse.tokens import Match
from voicebox.skills.types import Intent, Slot, SlotKind

__all__ = ["Match", "find", "find_text"]


def find(kind: SlotKind, text: str, now: datetime, *, like: Any = None) -> list[Match]:
    """All values of a kind in a text, left to right, without overlaps.

    Args:
        kind: any but CHOICE (see the lexicon) and TEXT (see `find_text`).
        text: what was said.
        now: the caller's local time.
        like: the value that this one amends or completes, of the same kind; a bare number then counts as a duration
            ("make it fifteen"), and a time of day falls on the day that was said before.

    Raises:
        ValueError: the kind has no parser of its own.
    """
    match kind:
        case SlotKind.DURATION:
            return durations.find(text, like=like if isinstance(like, int) else None)
        case SlotKind.TIME:
            return times.find(text, now, like=like if isinstance(like, str) else None)
        case SlotKind.DATE:
            return dates.find(text, now)
        case SlotKind.MONEY:
            return money.find(text)
        case SlotKind.NUMBER:
            return numbers.find(text)
        case SlotKind.PERCENT:
            return percent.find(text)
        case SlotKind.QUANTITY:
            return quantities.find(text)
        case SlotKind.EXPRESSION:
            return expressions.find(text)
    raise ValueError(f"{kind} values are not found by parsing alone")


def find_text(intent: Intent, slot: Slot, said: str) -> Match | None:
    """The words of a TEXT slot by aligning the intent's example sentences, or None if none fits."""
    return text.find_text(intent, slot, said, find)
