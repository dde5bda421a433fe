"""Values as people say them and as recognisers write them, for sentences that train and test the understanding."""

from __future__ import annotations

import math
import random
import re
from collections.abc import Callable, Mapping

from voicebox.skills.parse.units import UNITS
from voicebox.skills.types import Slot, SlotKind
from voicebox.skills.vocabulary import FREE_TEXT
from voicebox.skills.wording import number_words, ordinal_words

__all__ = ["ValueSampler", "agree"]

_RANGES: Mapping[str, tuple[int, int]] = {"temperature": (14, 78), "amount": (1, 8), "level": (1, 100)}
"""Plausible numbers by slot name; others take a mixture of small and large ones."""

_MINUTES = (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 18, 20, 22, 25, 30, 35, 40, 45, 50, 55, 60, 75, 90)
_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_MONTHS = (
    "january february march april may june july august september october november december".split()
)  # fmt: skip
_DIMENSIONS: tuple[tuple[str, ...], ...] = (
    ("mile", "kilometer", "foot", "meter", "inch", "centimeter", "yard", "millimeter"),
    ("pound", "kilogram", "gram", "ounce", "stone", "metric ton", "milligram"),
    ("cup", "liter", "gallon", "tablespoon", "teaspoon", "pint", "milliliter", "quart", "fluid ounce"),
    ("degree celsius", "degree fahrenheit"),
    ("hour", "minute", "day", "week", "second", "month", "year"),
    ("mile per hour", "kilometer per hour", "knot"),
    ("acre", "hectare", "square meter", "square foot"),
)
"""Units that convert into each other, so that a sentence asks for something that makes sense."""


class ValueSampler:
    """Random words for the slots of one sentence, which go together.

    Words are lower case without punctuation except what recognisers write ("7:30", "10%").
    """

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._units = rng.choice(_DIMENSIONS)

    def sample(self, slot: Slot, *, attributive: bool = False) -> str:
        """Words for a slot's value; `attributive` ones stand before a noun ("ten minute").

        Raises:
            KeyError: a TEXT slot without samples, whose name has no vocabulary in `skills/vocabulary.py`.
        """
        rng = self._rng
        if slot.samples:
            return rng.choice(slot.samples)
        if slot.kind is SlotKind.TEXT:
            return rng.choice(FREE_TEXT[slot.name])
        if slot.kind is SlotKind.CHOICE:
            canonical = rng.choice(self._units if slot.name == "unit" else tuple(slot.values))
            forms = slot.values[canonical]
            return rng.choice((canonical, *forms) if slot.name != "unit" else (*forms, *forms, canonical))
        if slot.kind is SlotKind.QUANTITY:
            return _quantity(rng.choice(self._units), rng)
        if slot.kind is SlotKind.NUMBER:
            return _number(slot, rng)
        if slot.kind is SlotKind.DATE or (slot.kind is SlotKind.TIME and slot.name == "day"):
            return _day(rng)
        words = _BY_KIND[slot.kind](rng)
        if attributive and slot.kind is SlotKind.DURATION and rng.random() < 0.85:
            words = words.replace("minutes", "minute").replace("seconds", "second").replace("hours", "hour")
        return words


_VOWEL = re.compile(r"(?!one\b|once\b|uni)(?:[aeiou]|hour|8|11\b|18\b)")


def agree(before: str, words: str) -> str:
    """The words before a value, fitted to it: "a" or "an", no article before another, no "at in ten minutes"."""
    head, _, last = before.rpartition(" ")
    first = words.split(" ", 1)[0]
    if last in ("a", "an"):
        if first in ("a", "an", "the"):
            return head
        return f"{head} {'an' if _VOWEL.match(words) else 'a'}".strip()
    if last == "the" and first in ("the", "every", "all", "everywhere"):
        return head
    if (last == "at" and first in ("in", "on", "tomorrow", "tonight", "next")) or (
        last in ("for", "to", "by", "past", "on") and first in ("in", "on")
    ):
        return head
    return before


def _n(value: int, rng: random.Random) -> str:
    """A whole number in words (mostly) or digits."""
    return number_words(value) if rng.random() < 0.55 else str(value)


def _number(slot: Slot, rng: random.Random) -> str:
    low, high = _RANGES.get(slot.name, (0, rng.choice((10, 100, 1000))))
    bounded = slot.low is not None or slot.high is not None
    if bounded:
        low = 0 if slot.low is None else math.ceil(slot.low)
        high = max(low, low + 100 if slot.high is None else math.floor(slot.high))
    value = rng.randint(low, high)
    if bounded or slot.name in _RANGES or rng.random() < 0.85:
        return _n(value, rng)
    tenth = rng.randint(1, 9)
    return f"{number_words(value)} point {number_words(tenth)}" if rng.random() < 0.5 else f"{value}.{tenth}"


def _duration(rng: random.Random) -> str:
    roll = rng.random()
    if roll < 0.55:
        count = rng.choice(_MINUTES)
        return f"{_n(count, rng)} {'minute' if count == 1 else 'minutes'}"
    if roll < 0.66:
        return f"{_n(rng.choice((5, 10, 15, 20, 30, 40, 45, 60, 90)), rng)} seconds"
    if roll < 0.76:
        count = rng.randint(1, 12)
        return f"{_n(count, rng)} {'hour' if count == 1 else 'hours'}"
    if roll < 0.86:
        hours, minutes = rng.randint(1, 5), rng.choice(_MINUTES[:-2])
        link = rng.choice(("and ", ""))
        unit = "hour" if hours == 1 else "hours"
        return f"{_n(hours, rng)} {unit} {link}{_n(minutes, rng)} {'minute' if minutes == 1 else 'minutes'}"
    if roll < 0.9:
        minutes = rng.randint(1, 9)
        link = rng.choice(("and ", ""))
        return f"{_n(minutes, rng)} {'minute' if minutes == 1 else 'minutes'} {link}{_n(30, rng)} seconds"
    half = rng.randint(2, 9)
    return rng.choice(
        (
            "an hour and a half", "half an hour", "a quarter of an hour", "an hour", "a minute", "a minute and a half",
            f"{_n(half, rng)} and a half minutes", f"{_n(half, rng)} and a half hours", "half a minute",
            "three quarters of an hour", "one and a half hours", "a couple of minutes", "an hour and a quarter",
            "a half hour", "two days", f"{half} min",
        )
    )  # fmt: skip


def _clock(rng: random.Random) -> str:
    hour = rng.randint(1, 12)
    minute = rng.choice((0, 0, 0, 5, 10, 15, 20, 25, 30, 30, 35, 40, 45, 50, 55, rng.randint(1, 59)))
    half_day = rng.choice(("", "", " am", " pm", " a.m.", " p.m.", " in the morning", " in the evening", " tonight"))
    if rng.random() < 0.12:
        return rng.choice((f"half past {_n(hour, rng)}", f"quarter past {_n(hour, rng)}", f"quarter to {_n(hour, rng)}",
                           f"a quarter to {_n(hour, rng)}", f"ten past {_n(hour, rng)}", f"five to {_n(hour, rng)}",
                           f"twenty to {_n(hour, rng)}"))  # fmt: skip
    if minute == 0:
        clock = rng.choice((_n(hour, rng), f"{hour}:00"))
        if half_day.strip()[:1] not in ("a", "p"):
            clock = rng.choice((clock, f"{_n(hour, rng)} o'clock"))
        return clock + half_day
    if rng.random() < 0.5:
        return f"{hour}:{minute:02d}{half_day}"
    spoken = f"oh {number_words(minute)}" if minute < 10 else number_words(minute)
    return f"{number_words(hour)} {spoken}{half_day}"


def _time(rng: random.Random) -> str:
    roll = rng.random()
    if roll < 0.6:
        return _clock(rng)
    if roll < 0.72:
        return f"in {_duration(rng)}"
    if roll < 0.78:
        return rng.choice(("noon", "midnight", "noon tomorrow", "midday"))
    clock = _clock(rng).removesuffix(" tonight")
    weekday = rng.choice(_DAYS)
    if rng.random() < 0.6:
        return f"{clock} {rng.choice(('tomorrow', 'tomorrow morning', 'on ' + weekday, 'next ' + weekday))}"
    return f"{rng.choice(('tomorrow', 'tomorrow morning', weekday, 'next ' + weekday))} at {clock}"


def _day(rng: random.Random) -> str:
    """Random words for a calendar day."""
    roll = rng.random()
    if roll < 0.35:
        return rng.choice((*_DAYS, *(f"next {day}" for day in _DAYS), "tomorrow", "the day after tomorrow"))
    if roll < 0.6:
        return rng.choice(("christmas", "new year's", "halloween", "valentine's day", "new year's eve",
                           "christmas eve", "the weekend", "new year"))  # fmt: skip
    month, day = rng.choice(_MONTHS), rng.randint(1, 28)
    return rng.choice((f"{month} {ordinal_words(day)}", f"{month} {day}", f"the {ordinal_words(day)} of {month}",
                       f"{month} the {ordinal_words(day)}"))  # fmt: skip


def _percent(rng: random.Random) -> str:
    value = rng.choice((*range(5, 101, 5), rng.randint(1, 99)))
    return rng.choice(
        (f"{number_words(value)} percent", f"{value} percent", f"{value}%", f"{value}%", _n(value, rng), _n(value, rng),
         rng.choice(("half", "maximum", "minimum", "full", "a quarter", "a third", "max")))
    )  # fmt: skip


def _money(rng: random.Random) -> str:
    value = rng.choice((rng.randint(2, 20), 10 * rng.randint(1, 30), 100 * rng.randint(1, 20)))
    unit = rng.choice(("dollars", "dollars", "dollars", "bucks", "euros"))
    return f"{_n(value, rng)} {unit}" if rng.random() < 0.85 else f"{_n(value, rng)} dollars and fifty cents"


def _quantity(unit: str, rng: random.Random) -> str:
    many = rng.choice(UNITS[unit][:3] or (unit,))
    roll = rng.random()
    if roll < 0.12:
        return f"{rng.choice(('an' if _VOWEL.match(unit) else 'a', 'one'))} {unit}"
    if roll < 0.7:
        return f"{_n(rng.choice((rng.randint(2, 20), rng.randint(2, 500))), rng)} {many}"
    whole = rng.randint(1, 20)
    if roll < 0.75:
        return f"half {'an' if _VOWEL.match(unit) else 'a'} {unit}"
    return rng.choice((f"{_n(whole, rng)} and a half {many}", f"{whole}.{rng.randint(1, 9)} {many}",
                       f"{number_words(whole)} point {number_words(rng.randint(1, 9))} {many}"))  # fmt: skip


def _expression(rng: random.Random) -> str:
    a, b, c = rng.randint(1, 120), rng.randint(1, 40), rng.randint(1, 12)
    roll = rng.random()
    operator = rng.choice(
        ("plus", "minus", "times", "divided by", "plus", "times", "multiplied by", "over", "x", "+", "*", "-")
    )
    if roll < 0.62:
        return f"{_n(a, rng)} {operator} {_n(b, rng)}"
    if roll < 0.72:
        return f"{_n(a, rng)} {operator} {_n(b, rng)} {rng.choice(('plus', 'minus', 'times'))} {_n(c, rng)}"
    if roll < 0.86:
        part = rng.choice((5, 10, 15, 18, 20, 25, 30, 40, 50, 75))
        return f"{part}% of {_n(a, rng)}" if rng.random() < 0.5 else f"{_n(part, rng)} percent of {_n(a, rng)}"
    return rng.choice(
        (
            f"the square root of {_n(c * c, rng)}", f"square root of {_n(a, rng)}", f"{_n(c, rng)} squared",
            f"{_n(c, rng)} cubed", f"half of {_n(a, rng)}",
            f"{_n(c, rng)} to the power of {_n(rng.randint(2, 5), rng)}",
            f"{a}.{c} {operator} {_n(b, rng)}", f"a third of {_n(a, rng)}",
        )
    )  # fmt: skip


_BY_KIND: Mapping[SlotKind, Callable[[random.Random], str]] = {
    SlotKind.DURATION: _duration,
    SlotKind.TIME: _time,
    SlotKind.PERCENT: _percent,
    SlotKind.MONEY: _money,
    SlotKind.EXPRESSION: _expression,
}
