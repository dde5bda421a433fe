"""What speech over the assistant's own voice means: an interruption, a listener's noise, or an echo."""

from __future__ import annotations

import re
from collections.abc import Sequence
from enum import StrEnum

__all__ = ["Overlap", "judge"]


class Overlap(StrEnum):
    """The verdict on words heard while the assistant speaks."""

    NONE = "none"
    """No words yet."""
    ECHO = "echo"
    """The assistant's own words."""
    BACKCHANNEL = "backchannel"
    """"mm-hm", "yeah", "okay": go on."""
    INTERRUPTION = "interruption"
    """The caller wants the turn."""


_BACKCHANNELS = frozenset(
    """mm mhm mmhm hm hmm uh uhhuh huh ah oh aha yeah yep yes ok okay right sure great good nice cool fine wow
    really indeed exactly gotcha""".split()
)


def _words(text: str) -> list[str]:
    return re.findall(r"[a-z0-9']+", text.lower().replace("-", ""))


def _common(a: Sequence[str], b: Sequence[str]) -> int:
    """Length of the longest common subsequence of two word sequences."""
    row = [0] * (len(b) + 1)
    for x in a:
        previous = 0
        for j, y in enumerate(b, start=1):
            previous, row[j] = row[j], previous + 1 if x == y else max(row[j], row[j - 1])
    return row[-1]


def judge(heard: str, playing: str) -> Overlap:
    """Judge words that were heard while `playing` was being said.

    An echo repeats what is being said, in order, perhaps with one word misheard; a single word that is being said
    counts as echo too. A backchannel is at most three words that take no turn; after a question they answer it.
    """
    words = _words(heard)
    if not words:
        return Overlap.NONE
    if _common(words, _words(playing)) >= max(1.0, 0.7 * len(words)):
        return Overlap.ECHO
    if len(words) <= 3 and all(word in _BACKCHANNELS for word in words) and "?" not in playing:
        return Overlap.BACKCHANNEL
    return Overlap.INTERRUPTION
