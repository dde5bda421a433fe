"""Quantities: "three and a half miles", "5 ft 11", "half a cup", "minus 40 degrees", "a pound"."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from voicebox.skills.parse.numbers import number_at, plain
from voicebox.skills.parse.tokens import Match, Token, match_of, tokenize
from voicebox.skills.parse.units import BARE_DEGREE, UNIT_OF

__all__ = ["find", "unit_at"]

_LONGEST = max(len(words) for words in UNIT_OF)
_SHORT = {
    "c": "degree celsius", "f": "degree fahrenheit", "ft": "foot", "in": "inch", "m": "meter", "l": "liter",
    "g": "gram", "h": "hour", "s": "second", "kmh": "kilometer per hour", "gb": "gigabyte", "mb": "megabyte",
}  # fmt: skip
_SMALLER = {
    ("foot", "inch"): 12, ("yard", "foot"): 3, ("mile", "yard"): 1760, ("pound", "ounce"): 16, ("stone", "pound"): 14,
    ("hour", "minute"): 60, ("minute", "second"): 60, ("day", "hour"): 24, ("week", "day"): 7,
    ("meter", "centimeter"): 100, ("kilometer", "meter"): 1000, ("kilogram", "gram"): 1000,
    ("liter", "milliliter"): 1000, ("gallon", "quart"): 4, ("year", "month"): 12,
}  # fmt: skip
"""What of the second makes one of the first, for "five feet eleven inches"."""


def find(text: str) -> list[Match]:
    """All quantities in a text, left to right, as `{"value": number, "unit": name}` (names of `parse/units.py`)."""
    tokens = tokenize(text)
    matches: list[Match] = []
    i = 0
    while i < len(tokens):
        negative = tokens[i].text in ("minus", "negative", "-")
        found = _quantity_at(tokens, i + negative)
        if found is None:
            i += 1
            continue
        value, unit, after = found
        number = plain(-value if negative else value)
        matches.append(match_of({"value": number, "unit": unit}, text, tokens, i, after))
        i = after
    return matches


def unit_at(tokens: Sequence[Token], i: int) -> tuple[str, int] | None:
    """The unit that begins at token `i`, longest form first, and the index after it."""
    for length in range(_LONGEST, 0, -1):
        words = tuple(token.text for token in tokens[i : i + length])
        if len(words) == length and words in UNIT_OF:
            return UNIT_OF[words], i + length
    if i < len(tokens) and tokens[i].text in _SHORT and (tokens[i].glued or tokens[i].text in ("c", "f", "ft")):
        return _SHORT[tokens[i].text], i + 1
    if i < len(tokens) and tokens[i].text == "°":
        scale = tokens[i + 1].text if i + 1 < len(tokens) else ""
        return (_SHORT[scale], i + 2) if scale in ("c", "f") else (BARE_DEGREE, i + 1)
    return None


def _quantity_at(tokens: Sequence[Token], i: int) -> tuple[Fraction, str, int] | None:
    first = _single(tokens, i)
    if first is None:
        return None
    value, unit, after = first
    step = after + 1 if after < len(tokens) and tokens[after].text == "and" else after
    second = _single(tokens, step)
    if second is not None and (unit, second[1]) in _SMALLER:
        return value + second[0] / _SMALLER[unit, second[1]], unit, second[2]
    if unit == "foot" and (bare := number_at(tokens, after, fractions=False)) is not None and bare[0] < 12:
        return value + bare[0] / 12, unit, bare[1]
    return value, unit, after


def _single(tokens: Sequence[Token], i: int) -> tuple[Fraction, str, int] | None:
    amount = number_at(tokens, i)
    if amount is None and i < len(tokens) and tokens[i].text in ("a", "an"):
        amount = Fraction(1), i + 1
    if amount is None:
        return None
    value, after = amount
    if 0 < value < 1:
        after += after < len(tokens) and tokens[after].text == "of"
        after += after < len(tokens) and tokens[after].text in ("a", "an")
    found = unit_at(tokens, after)
    if found is None:
        return None
    unit, after = found
    # "a mile and a half"
    if after + 1 < len(tokens) and tokens[after].text == "and":
        part = number_at(tokens, after + 1)
        if part is not None and 0 < part[0] < 1 and unit_at(tokens, part[1]) is None:
            return value + part[0], unit, part[1]
    return value, unit, after
