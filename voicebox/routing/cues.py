"""Small words that decide much: which texts go on, which amend, and which words carry no content."""

from __future__ import annotations

import re
from collections.abc import Iterable

__all__ = ["content_words", "ends_open", "opens_amendment", "without_lead_in"]

_OPEN_ENDS = frozenset(
    "a an the and or but with for to of at by from my your some any than then because if about set turn can could "
    "would i'd i um uh er hmm like is are what's plus minus times divided into until".split()
)
_POLITE = frozenset("please can could would will you i we yes yeah okay ok hey hi oh um uh and so".split())
"""Words before which "please" is the beginning of a request, not its end."""
_PARTICLES = frozenset("in on off up down".split())

_NO_CONTENT = frozenset(
    "a an the and or but with for to of in on at by from my your me i we you it is are be that this these please can "
    "could would should may will i'd i'll i'm like want need get have give make let us just also too now then so well "
    "um uh er hmm ah oh okay ok yes yeah no not actually sorry mean meant instead rather wait said hey one thanks "
    "thank change as".split()
)

_AMENDMENT = re.compile(
    r"(?:(?:oh|um|uh|er|wait|sorry|okay|ok|well|hold on|please)\s+)*"
    r"(?:no|nope|not|actually|i mean|i meant|i said|make (?:it|that)|change (?:it|that)|with|without|and|also|in|"
    r"rather|better|what about|how about|sorry|wait)\b|.*\b(?:instead|i mean|i meant)$"
)
_LEAD_IN = re.compile(
    r"(?:(?:um|uh|er|hmm|oh|well|okay|ok|so|yes|yeah|please|just|it's|it is|i want|i'd like|i would like|let's say|"
    r"maybe|call it|add|put|the one called)\s+)+"
)


def ends_open(text: str) -> bool:
    """Whether a normalized text ends in a word after which English sentences go on.

    "on" and "in" are none of them: "turn the light on". "please" is one where nothing was asked for before it.
    """
    words = text.split()
    if words[-1:] == ["please"]:
        return _POLITE.issuperset(words)
    return bool(words) and words[-1] in _OPEN_ENDS


def opens_amendment(text: str) -> bool:
    """Whether a normalized text begins or ends like a change of what was just said ("no", "make it", "instead")."""
    return _AMENDMENT.match(text) is not None


def content_words(words: Iterable[str]) -> list[bool]:
    """For each word whether it says what is wanted, rather than that something is wanted."""
    return [word not in _NO_CONTENT and word not in _PARTICLES for word in words]


def without_lead_in(text: str) -> str:
    """A normalized answer without the words before it that belong to no answer ("um", "I'd like")."""
    return (
        _LEAD_IN.sub("", text, count=1).removesuffix(" please")
        if _LEAD_IN.match(text)
        else text.removesuffix(" please")
    )
