"""Fractions, calculation, mathematical and other signs."""

from __future__ import annotations

import re

from voicebox.tts.english.units import FRACTIONS
from voicebox.tts.rules import rule

__all__ = ["FORMULAS"]

_PARTS = "".join(FRACTIONS)
_SHARES = {2: ("half", "halves"), 3: ("third", "thirds"), 4: ("quarter", "quarters"), 5: ("fifth", "fifths")}
_SHARES |= {6: ("sixth", "sixths"), 8: ("eighth", "eighths"), 10: ("tenth", "tenths"), 16: ("sixteenth", "sixteenths")}


def _fraction(match: re.Match[str]) -> str:
    whole, top, below = match["whole"], int(match["top"]), int(match["below"])
    if not 0 < top < below or below not in _SHARES:
        return match[0]
    one, many = _SHARES[below]
    article = ("an" if below == 8 else "a") if below in (2, 3, 4, 8) else "1"
    said = f"{article} {one}" if top == 1 else f"{top} {many}"
    return f"{whole} and {said}" if whole else said


def _power(match: re.Match[str]) -> str:
    return {"2": " squared", "3": " cubed"}.get(match[1], f" to the power of {match[1]}")


FORMULAS = (
    rule(rf"(\d)\s?([{_PARTS}])", lambda m: f"{m[1]} and {FRACTIONS[m[2]]}"),
    rule(rf"[{_PARTS}]", lambda m: FRACTIONS[m[0]]),
    rule(r"(?<![\w/.,])(?:(?P<whole>\d{1,3})\s)?(?P<top>\d{1,2})/(?P<below>\d{1,2})(?![\w/]|[.,]\d)", _fraction),
    rule(r"(?<=\d)\s+/\s+(?=\d)", " divided by "),
    rule(r"(?<=\d)/(?=\d)", " "),
    rule(r"(?<=\d)\s*[*·]\s*(?=\d)", " times "),
    rule(r"(?<=\d)x\b", " times"),
    rule(r"(?<=\d)\s[-−–]\s(?=\d)", " minus "),
    rule(r"−(?=\d)", "minus "),
    rule(r"(?<![\w.])-(?=\d)(?![\d.]*-)", "minus "),
    rule(r"(?<![\w.,])\.(?=\d)", "point "),
    rule(r"(?<=[\w)])\^(\d+)", _power),
    rule(r"²", " squared"),
    rule(r"³", " cubed"),
    rule(r"√\s?(?=[\w(])", "the square root of "),
    rule(r"[~≈]\s?(?=\d)", "about "),
    rule(r"\s?<=\s?|\s?≤\s?", " at most "),
    rule(r"\s?>=\s?|\s?≥\s?", " at least "),
    rule(r"(?<=\w)\s<\s(?=\w)", " is less than "),
    rule(r"(?<=\w)\s>\s(?=\w)", " is greater than "),
    rule(r"(?<=\w)\s?(?:≠|!=)\s?(?=\w)", " is not equal to "),
    rule(r"\s?‰", " per mille"),
    rule(r"©\s?", "copyright "),
    rule(r"\b([A-G])#", r"\1 sharp"),
    rule(r"#(?=\d)|№\s?|\b[Nn]o\.\s(?=\d)", "number "),
    rule(r"\s*[→⇒➜]\s*|\s+[-=]>\s+", " to "),
)
