"""Words of a text with their places, as all parsers here see them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

__all__ = ["Match", "Token", "match_of", "tokenize"]


@dataclass(frozen=True, slots=True)
class Match:
    """A value found in a text: `text == source[start:end]`.

    `confidence` is 1 for what is said in full ("ten minutes") and lower for what only the context makes a value
    ("ten").
    """

    value: Any
    start: int
    end: int
    text: str
    confidence: float = 1.0


@dataclass(frozen=True, slots=True)
class Token:
    """A word, a number in digits or a sign, in lower case; `start` and `end` are its place in the source.

    `glued` says that nothing stands between it and the token before ("5" and "km" in "5km").
    """

    text: str
    start: int
    end: int
    glued: bool = False


_MAX_DIGITS = 18
"""Longer digit strings are not numbers that anybody says; they become "#", which no parser takes."""

_TOKEN = re.compile(
    r"(?P<number>[0-9]{1,3}(?:,[0-9]{3})+(?:\.[0-9]+)?(?![0-9])|[0-9]+(?:\.[0-9]+)?|\.[0-9]+)"
    r"|(?P<halfday>[ap](?:\.\s?m\b\.?|m\b))"
    r"|(?P<word>[^\W\d_]+(?:['’][^\W\d_]+)?)"
    r"|(?P<hyphen>(?<=[^\W\d_])[-‐‑](?=\w)|(?<=\d)[-‐‑](?=[^\W\d_]))"
    r"|(?P<sign>[%$€£°+\-−*/×÷=^():,½¼¾⅓⅔²³])",
    re.IGNORECASE,
)


def tokenize(text: str) -> list[Token]:
    """Split into words, digits and signs; hyphens inside words separate, full stops and quotes are left out."""
    tokens: list[Token] = []
    end = -1
    for found in _TOKEN.finditer(text):
        kind = found.lastgroup
        if kind == "hyphen":
            continue
        words = found.group().lower()
        if kind == "number":
            words = words.replace(",", "")
            if len(words) > _MAX_DIGITS:
                words = "#"
        elif kind == "halfday":
            words = words[0] + "m"
        elif kind == "word":
            words = words.replace("’", "'")
        elif words == "−":
            words = "-"
        tokens.append(Token(words, found.start(), found.end(), found.start() == end))
        end = found.end()
    return tokens


def match_of(value: Any, text: str, tokens: list[Token], first: int, after: int, *, confidence: float = 1.0) -> Match:
    """The match of `tokens[first:after]`."""
    start, end = tokens[first].start, tokens[after - 1].end
    return Match(value, start, end, text[start:end], confidence)
