"""Durations: "an hour and a half", "90 seconds", "quarter of an hour", "two and a half minutes", "1 hour 30"."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from voicebox.skills.parse.numbers import number_at
from voicebox.skills.parse.tokens import Match, Token, match_of, tokenize

__all__ = ["duration_at", "find", "unit_of"]

_UNITS = {
    "second": 1, "seconds": 1, "sec": 1, "secs": 1, "minute": 60, "minutes": 60, "min": 60, "mins": 60,
    "hour": 3600, "hours": 3600, "hr": 3600, "hrs": 3600, "day": 86400, "days": 86400, "week": 604800, "weeks": 604800,
}  # fmt: skip
_MORE = ("more", "extra", "additional", "further")
_GLUED_UNITS = {"s": 1, "m": 60, "h": 3600}


def find(text: str, *, like: int | None = None) -> list[Match]:
    """All durations in a text, left to right, as whole seconds.

    Args:
        text: what was said.
        like: a duration of the same kind, in seconds: a bare number then counts in its unit ("make it fifteen" after
            ten minutes), with less confidence.
    """
    tokens = tokenize(text)
    matches: list[Match] = []
    i = 0
    while i < len(tokens):
        found = duration_at(tokens, i)
        if found is not None and found[0] > 0:
            matches.append(match_of(found[0], text, tokens, i, found[1]))
            i = found[1]
        elif like is not None and (bare := number_at(tokens, i)) is not None and bare[0] > 0:
            seconds = round(bare[0] * unit_of(like))
            matches.append(match_of(seconds, text, tokens, i, bare[1], confidence=0.6))
            i = bare[1]
        else:
            i += 1
    return matches


def unit_of(seconds: int) -> int:
    """Seconds in the largest unit (of seconds, minutes, hours, days) in which a duration is a whole number."""
    return next((unit for unit in (86400, 3600, 60) if seconds % unit == 0), 1)


def duration_at(tokens: Sequence[Token], i: int) -> tuple[int, int] | None:
    """The duration in seconds that begins at token `i`, and the index after it; None if none does."""
    first = _single(tokens, i)
    if first is None:
        return None
    total, unit, after = first
    while True:
        step = after
        if step < len(tokens) and tokens[step].text == ",":
            step += 1
        if step < len(tokens) and tokens[step].text == "and":
            step += 1
        following = _single(tokens, step)
        if following is not None and following[1] < unit:
            total, unit, after = total + following[0], following[1], following[2]
            continue
        bare = number_at(tokens, step, fractions=False)
        if bare is not None and unit in (3600, 60) and 0 < bare[0] < 60 and bare[0].denominator == 1:
            ends = bare[1] >= len(tokens) or tokens[bare[1]].text in ("timer", "please", "and", ",")
            if ends and tokens[step - 1].text != ",":
                return round(total + bare[0] * unit / 60), bare[1]
        return round(total), after


def _single(tokens: Sequence[Token], i: int) -> tuple[Fraction, int, int] | None:
    """One amount of one unit: (seconds, unit in seconds, index after)."""
    amount = _amount(tokens, i)
    if amount is None:
        return None
    value, after = amount
    if after >= len(tokens):
        return None
    if tokens[after].text in _MORE and after + 1 < len(tokens):
        after += 1
    word = tokens[after].text
    unit = _UNITS.get(word) or (_GLUED_UNITS.get(word) if tokens[after].glued else None)
    if unit is None:
        return None
    after += 1
    # "an hour and a half", "two hours and three quarters"
    if after + 1 < len(tokens) and tokens[after].text == "and":
        part = number_at(tokens, after + 1)
        more = part is not None and part[1] < len(tokens) and tokens[part[1]].text in (*_UNITS, "of", "a", "an")
        if part is not None and 0 < part[0] < 1 and not more:
            return (value + part[0]) * unit, unit, part[1]
    return value * unit, unit, after


def _amount(tokens: Sequence[Token], i: int) -> tuple[Fraction, int] | None:
    """How many units, up to the unit's name: "ten", "a", "half an", "a quarter of an", "a couple of"."""
    if i >= len(tokens):
        return None
    if (clock := _minutes_seconds(tokens, i)) is not None:
        return clock
    words = [token.text for token in tokens[i : i + 4]]
    article = words[0] in ("a", "an")
    if article and len(words) > 1 and words[1] in ("couple", "few"):
        skip = 3 if words[2:3] == ["of"] else 2
        return Fraction(2 if words[1] == "couple" else 3), i + skip
    value: Fraction | None = None
    if (number := number_at(tokens, i)) is not None:
        value, after = number
        if value < 1 and value > 0:
            if after < len(tokens) and tokens[after].text == "of":
                after += 1
            if after < len(tokens) and tokens[after].text in ("a", "an", "one"):
                after += 1
        return value, after
    return (Fraction(1), i + 1) if article else None


def _minutes_seconds(tokens: Sequence[Token], i: int) -> tuple[Fraction, int] | None:
    """ "2:30 minutes": two and a half of the unit that follows."""
    if i + 3 < len(tokens) and tokens[i + 1].text == ":" and tokens[i + 1].glued and tokens[i + 2].glued:
        whole, sixtieths = tokens[i].text, tokens[i + 2].text
        if whole.isdecimal() and sixtieths.isdecimal() and int(sixtieths) < 60:
            return int(whole) + Fraction(int(sixtieths), 60), i + 3
    return None
