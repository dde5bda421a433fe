"""What a request itself says about how large a model it needs.

Each signal is a reason with a weight. One of weight 1 is enough to ask a larger model under the balanced policy, two
of a half are too. Words are looked at, not understood: a signal has to be plain to be worth a second of waiting.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from voicebox.llm.types import Message

__all__ = ["Signal", "asks_for_large", "signals_of"]

_LONG_WORDS = 30
_VERY_LONG_WORDS = 60
_MANY_TOOLS = 8


@dataclass(frozen=True, slots=True)
class Signal:
    """A reason to ask a larger model, and how much it weighs."""

    reason: str
    weight: float


def _words(*phrases: str) -> re.Pattern[str]:
    return re.compile(rf"\b(?:{'|'.join(phrases)})\b", re.IGNORECASE)


_EXPLICIT = _words(
    r"(?:ask|use|try) (?:the|a|your) (?:big|bigger|large|larger|smart|smarter|better|best|frontier)(?:est)? "
    r"(?:model|one|brain)",
    r"think (?:harder|hard|carefully|deeply|it through|about it carefully)",
    r"take your time",
)
_WRONG = re.compile(
    r"^(?:no|nope|but|sorry)?[\s,.!]*(?:that(?:'s| is| was)|you(?:'re| are)|it(?:'s| is)) (?:not (?:right|true|correct|"
    r"what i (?:asked|meant|said))|wrong|incorrect|nonsense)"
    r"|\b(?:you (?:didn't|did not) (?:answer|understand)|are you sure|wrong answer|try again|that makes no sense)\b",
    re.IGNORECASE,
)
_STEPS = _words(
    r"step by step",
    r"first\b.{3,80}\b(?:then|after that|and finally)",
    r"plan (?:a|an|my|our|the|for)",
    r"compare",
    r"(?:pros and cons|advantages and disadvantages)",
    r"itinerary",
    r"summar(?:y|ize|ise)",
    r"difference between",
    r"translate",
    r"prove",
    r"debug",
    r"(?:write|draft|compose) (?:me )?(?:a|an|some|the)",
    r"code|algorithm|python|sql",
)
_OPEN = _words(
    r"explain",
    r"why (?:do|does|did|is|are|was|were|can't|don't|would|should)",
    r"how (?:do|does|did|would|could|should|can|is|are|to)",
    r"what (?:would happen|happens|do you think|if|causes|are the)",
    r"tell me (?:more )?about",
    r"(?:recommend|suggest|advice)",
    r"history of|meaning of",
    r"in detail",
    r"story",
)
_FACTS = _words(
    r"who(?:'s| is| was| were| invented| wrote| discovered)",
    r"when (?:is|was|were|did)",
    r"where (?:is|was|are)",
    r"what(?:'s| is| was) the (?:capital|population|distance|height|largest|highest|name|price|value|law)",
    r"how (?:many|much|far|tall|old|long|big)",
)


def asks_for_large(text: str) -> bool:
    """Whether the caller asks for a larger model in so many words."""
    return bool(_EXPLICIT.search(text))


def signals_of(text: str, history: tuple[Message, ...] = (), *, tools: int = 0) -> tuple[Signal, ...]:
    """The signals of a request.

    Args:
        text: the caller's words.
        history: what was said before.
        tools: how many there are to choose from.
    """
    found = []
    words = len(text.split())
    if asks_for_large(text):
        found.append(Signal("the caller asks for it", 2.0))
    if _WRONG.search(text) and history:
        found.append(Signal("the last answer was rejected", 1.0))
    if _STEPS.search(text):
        found.append(Signal("several steps", 1.0))
    if _OPEN.search(text):
        found.append(Signal("open-ended", 0.5))
    if _FACTS.search(text):
        found.append(Signal("asks for facts", 0.5))
    if text.count("?") > 1:
        found.append(Signal("several questions", 0.5))
    if words >= _VERY_LONG_WORDS:
        found.append(Signal(f"{words} words", 1.0))
    elif words >= _LONG_WORDS:
        found.append(Signal(f"{words} words", 0.5))
    if tools >= _MANY_TOOLS:
        found.append(Signal(f"a choice among {tools} tools", 1.0))
    if _asked_again(text, history):
        found.append(Signal("asked again", 1.0))
    return tuple(found)


def _asked_again(text: str, history: tuple[Message, ...]) -> bool:
    """Whether most of the words are those of the caller's last question."""
    said = [message.content for message in history if message.role == "user"]
    if not said:
        return False
    now, before = set(_bare(text)), set(_bare(said[-1]))
    return len(now) >= 3 and len(now & before) >= 0.8 * max(len(now), len(before))


def _bare(text: str) -> list[str]:
    return re.findall(r"\w+", text.lower())
