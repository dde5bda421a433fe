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
    really indeed exactly gotcha allright alright isee that'sright that'strue""".split()
)
_HUM = re.compile(r"[mh]+")
_ORDERS = frozenset(
    """stop wait no nope hold cancel quiet enough hello hey pause help what sorry excuse repeat but actually please
    shut silence hush done next""".split()
)
"""Words with which the turn is taken, also where they are the only one that was heard well."""


def _words(text: str) -> list[str]:
    """The words, without immediate repetitions: on a short sound a recogniser likes to say the same word on and on."""
    text = text.lower().replace("-", "").replace(".", "")
    for phrase in ("all right", "i see", "that's right", "that's true"):
        text = text.replace(phrase, phrase.replace(" ", ""))
    words = re.findall(r"[a-z0-9']+", text)
    return [word for word, before in zip(words, ["", *words], strict=False) if word != before]


def _own(heard: Sequence[str], playing: Sequence[str]) -> list[str]:
    """The words that are not among those being said: what the longest common subsequence leaves of `heard`."""
    table = [[0] * (len(playing) + 1) for _ in range(len(heard) + 1)]
    for i, x in enumerate(heard):
        for j, y in enumerate(playing):
            table[i + 1][j + 1] = table[i][j] + 1 if x == y else max(table[i][j + 1], table[i + 1][j])
    own: list[str] = []
    i, j = len(heard), len(playing)
    while i:
        if j and heard[i - 1] == playing[j - 1]:
            i, j = i - 1, j - 1
        elif j and table[i][j - 1] >= table[i - 1][j]:
            j -= 1
        else:
            i -= 1
            own.append(heard[i])
    return own[::-1]


def _takes_no_turn(word: str) -> bool:
    return word in _BACKCHANNELS or _HUM.fullmatch(word) is not None


def judge(heard: str, playing: str, *, doubtful: bool = False) -> Overlap:
    """Judge words that were heard while `playing` was being said.

    An echo repeats what is being said, in order, perhaps with one word misheard; a single word that is being said
    counts as echo too. A backchannel is at most three words that take no turn, with or without an echo beside them,
    of which a word may be misheard; after a question they answer it. So is a short sound of which the recogniser made
    `doubtful` words: a hum is often written down as words, but not with confidence.
    """
    words = _words(heard)
    if not words:
        return Overlap.NONE
    own = _own(words, _words(playing))
    if len(own) <= min(len(words) - 1, 0.3 * len(words)):
        return Overlap.ECHO
    if doubtful and not any(word in _ORDERS for word in own):
        return Overlap.BACKCHANNEL
    meant = [word for word in own if not _takes_no_turn(word)]
    misheard = len(own) < len(words) and len(own) > len(meant) == 1 and meant[0] not in _ORDERS
    if len(own) <= 3 and (not meant or misheard) and "?" not in playing:
        return Overlap.BACKCHANNEL
    return Overlap.INTERRUPTION
