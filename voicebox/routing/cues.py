"""Small words that decide much: which texts go on, which amend, and which words carry no content."""

from __future__ import annotations

import re
from collections.abc import Iterable

from voicebox.skills.wording import number_words

__all__ = [
    "answers_question",
    "content_words",
    "ends_dictating",
    "ends_hesitating",
    "ends_open",
    "is_opener",
    "opens_amendment",
    "stated",
    "without_lead_in",
]

_OPEN_ENDS = frozenset(
    "a an the and or but with for to of at by from my your some any than because if about i'd i i'll what's plus minus "
    "divided into until".split()
)
_HALF_OPEN_ENDS = frozenset("set turn can could would like is are then times it's that's".split())
"""Words that end sentences as well ("what day it is", "any alarms set"): open unless the sentence was heard to end."""
_HESITATIONS = frozenset("um uh er erm hmm uhm ah".split())
_OPENERS = frozenset("no nope yes yeah yep okay ok well actually sorry wait hey hello hi so oh right please".split())
_YES_NO = frozenset(
    "yes yeah yep yup sure okay ok no nope nah please thanks thank you not now right exactly correct of course "
    "absolutely definitely maybe".split()
)
_ASKS_YES_NO = re.compile(
    r"(?:is|are|was|do|does|did|would|could|can|shall|should|will|have|has|may|am)(?:n't)? |.*\b(?:right|okay)\?$"
)
_ASKS_NUMBER = re.compile(
    r"(?:and |at |for |in |by )?(?:how (?:long|many|much|old|far|often)|(?:what|which) (?:time|number))\b"
)
_MEASURE = frozenset(
    "second seconds minute minutes hour hours day days week weeks month months year years half quarter and a an past "
    "to oclock am pm percent degree degrees about around please times point dollars euros pounds mile miles at in for "
    "morning evening afternoon night noon midnight tonight tomorrow".split()
)
_NUMBERS = frozenset(number_words(value) for value in range(100))
_NUMBER_LENGTHS = frozenset({7, 10, 11, 12, 16})
"""Digits of numbers that people dictate: telephone numbers, cards."""
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


def _words(text: str) -> list[str]:
    """The words of a text, however it was written: lower case, without punctuation at their ends."""
    return [word for part in re.split(r"[\s,]+", text.lower()) if (word := part.strip(".?!…;:-–\"'"))]


def ends_open(text: str) -> bool:
    """Whether a text ends in a word after which English sentences go on.

    "on" and "in" are none of them: "turn the light on". "please" is one where nothing was asked for before it.
    """
    words = _words(text)
    if words[-1:] == ["please"]:
        return _POLITE.issuperset(words)
    if not words:
        return False
    return words[-1] in _OPEN_ENDS or (words[-1] in _HALF_OPEN_ENDS and bool(text) and not stated(text))


def ends_hesitating(text: str) -> bool:
    """Whether the last word is none: "um"."""
    words = _words(text)
    return bool(words) and words[-1] in _HESITATIONS


def ends_dictating(text: str) -> bool:
    """Whether a text ends in digits said one after the other, or in groups, that are no whole number of anything.

    "my number is 555 12" is one; a single small number, or as many digits as a telephone number has, is not.
    """
    groups = re.search(r"(?:\d[\d\s,.\-–]*)+$", text.strip())
    if groups is None:
        return False
    digits = re.sub(r"\D", "", groups[0])
    apart = len(re.findall(r"\d+", groups[0])) > 1
    return (apart or len(digits) >= 3) and len(digits) not in _NUMBER_LENGTHS


def answers_question(reply: str, said: str) -> bool:
    """Whether the words are a whole answer to the question that the assistant's reply ended with.

    "yes" is one after a question for yes or no, and a bare number or measure after one for how long, how many or when.

    Args:
        reply: what the assistant said last.
        said: normalized, with numbers as digits.
    """
    words = said.split()
    if not words or not reply.rstrip().endswith("?"):
        return False
    question = re.split(r"(?<=[.!?])\s+", reply.strip().lower())[-1]
    if _ASKS_NUMBER.match(question):
        return any(_is_number(word) for word in words) and all(_is_number(word) or word in _MEASURE for word in words)
    if _ASKS_YES_NO.match(question):
        return _YES_NO.issuperset(words)
    return False


def _is_number(word: str) -> bool:
    return word[0].isdigit() or word in _NUMBERS or word in ("half", "noon", "midnight")


def is_opener(text: str) -> bool:
    """Whether all that was said are words that often open a sentence: "no" may be one, "no, ten minutes" another."""
    words = _words(text)
    return bool(words) and _OPENERS.issuperset(words)


def stated(text: str) -> bool:
    """Whether the recogniser heard a sentence end: it writes "." or "?", and not "," or "…" or nothing."""
    text = text.rstrip()
    return text.endswith((".", "?", "!")) and not text.endswith(("..", "…"))


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
