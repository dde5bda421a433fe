"""Shares of a whole: "half", "thirty percent", "10%", "max", "seven out of ten", "forty"."""

from __future__ import annotations

from fractions import Fraction

from voicebox.skills.parse.numbers import number_at
from voicebox.skills.parse.quantities import unit_at
from voicebox.skills.parse.tokens import Match, Token, match_of, tokenize

__all__ = ["find"]

_WORDS = {
    "full": 100, "max": 100, "maximum": 100, "fully": 100, "brightest": 100, "highest": 100, "loudest": 100,
    "min": 1, "minimum": 1, "lowest": 1, "dimmest": 1, "halfway": 50,
}  # fmt: skip
_BARE = 0.7
"""Confidence of a number that nothing makes a percentage but the question."""


def find(text: str) -> list[Match]:
    """All percentages in a text, left to right, as whole numbers from 0 to 100.

    A bare number from 0 to 100 counts with less confidence; one with another unit ("20 degrees") does not.
    """
    tokens = tokenize(text)
    matches: list[Match] = []
    i = 0
    while i < len(tokens):
        found = _percent_at(tokens, i)
        if found is None:
            i += 1
            continue
        value, after, confidence = found
        if 0 <= value <= 100:
            matches.append(match_of(round(value), text, tokens, i, after, confidence=confidence))
        i = after
    return matches


def _percent_at(tokens: list[Token], i: int) -> tuple[Fraction, int, float] | None:
    if tokens[i].text in _WORDS:
        return Fraction(_WORDS[tokens[i].text]), i + 1, 1.0
    if [token.text for token in tokens[i : i + 3]] == ["all", "the", "way"]:
        return Fraction(100), i + 3, 0.8
    number = number_at(tokens, i)
    if number is None:
        return None
    value, after = number
    words = [token.text for token in tokens[after : after + 3]]
    if words[:1] in (["%"], ["percent"]):
        return value, after + 1, 1.0
    if words[:2] == ["per", "cent"]:
        return value, after + 2, 1.0
    if words[:2] == ["out", "of"] and (whole := number_at(tokens, after + 2)) is not None and whole[0] > 0:
        return value / whole[0] * 100, whole[1], 1.0
    if unit_at(tokens, after) is not None:
        return Fraction(-1), after, 0.0
    if 0 < value < 1:
        return value * 100, after, 1.0
    return (value, after, _BARE) if value.denominator == 1 else (Fraction(-1), after, 0.0)
