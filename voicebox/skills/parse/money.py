"""Sums of money: "twenty dollars", "a hundred and fifty bucks", "$12.50", "five euros and twenty cents"."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from voicebox.skills.parse.numbers import number_at, plain
from voicebox.skills.parse.tokens import Match, Token, match_of, tokenize

__all__ = ["find"]

_WHOLE = frozenset("dollar dollars buck bucks euro euros pound pounds quid franc francs usd eur gbp".split())
_SIGNS = frozenset("$€£")
_CENTS = frozenset("cent cents penny pennies pence".split())
_BARE = 0.6


def find(text: str) -> list[Match]:
    """All sums in a text, left to right, as numbers of the main unit; which currency it was is not kept.

    A bare number counts with less confidence: "transfer two hundred".
    """
    tokens = tokenize(text)
    matches: list[Match] = []
    i = 0
    while i < len(tokens):
        found = _sum_at(tokens, i)
        if found is None:
            i += 1
            continue
        value, after, confidence = found
        matches.append(match_of(plain(value), text, tokens, i, after, confidence=confidence))
        i = after
    return matches


def _sum_at(tokens: Sequence[Token], i: int) -> tuple[Fraction, int, float] | None:
    sign = tokens[i].text in _SIGNS
    amount = number_at(tokens, i + sign)
    if amount is None:
        return None
    value, after = amount
    unit = tokens[after].text if after < len(tokens) else ""
    if sign:
        return value, after, 1.0
    if unit in _CENTS:
        return value / 100, after + 1, 1.0
    if unit not in _WHOLE:
        return value, after, _BARE
    after += 1
    step = after + (after < len(tokens) and tokens[after].text == "and")
    cents = number_at(tokens, step, fractions=False)
    if cents is not None and 0 < cents[0] < 100:
        named = cents[1] < len(tokens) and tokens[cents[1]].text in _CENTS
        if named or (step == after and cents[1] == len(tokens)):
            return value + cents[0] / 100, cents[1] + named, 1.0
    return value, after, 1.0
