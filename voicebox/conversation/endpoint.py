"""How long to wait after the last word before taking the turn.

Silence alone is a bad judge: people pause inside sentences for longer than they leave between turns. The wait follows
what was said: nothing more to come → short, something must come → long, unknown → between.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from voicebox.routing.cues import ends_open

__all__ = ["EndpointPolicy", "is_dangling", "is_opener"]

_OPENERS = frozenset("no nope yes yeah yep okay ok well actually sorry wait hey hello hi so oh right please".split())

_SCALE = {"low": 1.6, "medium": 1.0, "auto": 1.0, "high": 0.75}


def is_dangling(text: str) -> bool:
    """Whether the text ends in a word after which English sentences go on."""
    words = text.lower().replace(",", " ").replace(".", " ").split()
    return ends_open(" ".join(word.strip("?!…-") for word in words))


def is_opener(text: str) -> bool:
    """Whether all that was said are words that often open a sentence: "no" may be one, "no, ten minutes" another."""
    words = text.lower().replace(",", " ").replace(".", " ").split()
    return bool(words) and all(word.strip("?!…-") in _OPENERS for word in words)


@dataclass(frozen=True, slots=True)
class EndpointPolicy:
    """Waits in ms from the end of the last voiced frame.

    Between `short_ms` (surely complete) and `long_ms` (surely not) the wait is interpolated geometrically over the
    probability of completeness; `unknown_ms` stands while nothing is known. `max_ms` bounds all of them.
    """

    short_ms: int = 200
    unknown_ms: int = 500
    long_ms: int = 1200
    max_ms: int = 2000
    eagerness: Literal["low", "medium", "high", "auto"] = "auto"
    fixed_ms: int | None = None

    def wait_ms(self, *, complete: float | None, text: str = "", words_per_s: float | None = None) -> int:
        """The wait for one pause.

        Args:
            complete: probability that all is said (0 to 1), or None while unknown.
            text: the words so far; a dangling end ("with a") counts as incomplete whatever the model says, and an
                opener alone ("no") as half complete.
            words_per_s: speaking rate; slow speakers pause longer.
        """
        if self.fixed_ms is not None:
            return self.fixed_ms
        if complete is None:
            wait = float(self.unknown_ms)
        else:
            p = complete
            if is_dangling(text):
                p = min(p, 0.1)
            elif is_opener(text):
                p = min(p, 0.5)
            share = min(1.0, max(0.0, (0.9 - p) / 0.8))
            wait = self.short_ms * (self.long_ms / self.short_ms) ** share
        if words_per_s is not None and words_per_s < 2.0:
            wait *= 1.2
        return round(min(self.max_ms, max(96.0, wait * _SCALE[self.eagerness])))
