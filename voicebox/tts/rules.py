"""A rewriting rule of text, and what several of them share."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

__all__ = ["Rule", "ordinal", "rewrite", "rule", "spaced"]

Rule = tuple[re.Pattern[str], str | Callable[[re.Match[str]], str]]


def rule(pattern: str, new: str | Callable[[re.Match[str]], str], flags: int = 0) -> Rule:
    """A pattern and what takes its place."""
    return re.compile(pattern, flags), new


def rewrite(text: str, rules: Iterable[Rule]) -> str:
    """The text after each rule in turn."""
    for pattern, new in rules:
        text = pattern.sub(new, text)
    return text


def ordinal(number: int) -> str:
    """A number as a rank, in digits: "22nd"."""
    ending = "th" if 10 <= number % 100 <= 20 else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"


def spaced(digits: str) -> str:
    """Digits to be read one by one."""
    return " ".join(c for c in digits if c.isdigit())
