"""The loop guard: Whisper with a short encoder context says its sentence again and again until it is stopped.

A loop is cut where the words begin to repeat; how many tokens a clip can hold bounds what a loop can cost, and tells
a loop from a person who repeats himself, who needs the time to do so.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

__all__ = ["MIN_RUN", "Repetition", "cut_repeats", "find_repetition", "is_refrain", "token_budget"]

MIN_RUN = 3
"""Tokens that must repeat before it is a loop: people do say "no, no" and "bye bye"."""


@dataclass(frozen=True, slots=True)
class Repetition:
    """Token `at` is the first that says again what was said; `end` is where the first repetition is over."""

    at: int
    end: int


def find_repetition(
    tokens: Sequence[int], sounds: Sequence[int] | None = None, *, finished: bool = True
) -> Repetition | None:
    """Where a text begins to repeat itself.

    That is the first place where a run of at least `MIN_RUN` tokens is at once followed by itself; or else where the
    tail, at least `MIN_RUN` long, is the head again; or, in a text that was stopped, where the tail begins to say
    again what came just before it.

    Args:
        tokens: token ids, in order.
        sounds: what to compare instead of the ids, one per token, so that case and punctuation do not count; 0 stands
            for a token without any sound, which neither makes nor breaks a run.
        finished: the model ended the text itself.
    """
    keys = list(sounds) if sounds is not None else list(tokens)
    heard = [i for i, key in enumerate(keys) if key or sounds is None]
    span = _repeated([keys[i] for i in heard], finished)
    return None if span is None else Repetition(heard[span[0]], heard[span[1] - 1] + 1)


def cut_repeats(tokens: Sequence[int], sounds: Sequence[int] | None = None, *, finished: bool = True) -> list[int]:
    """The tokens up to where they begin to repeat (see `find_repetition`)."""
    repetition = find_repetition(tokens, sounds, finished=finished)
    return list(tokens if repetition is None else tokens[: repetition.at])


def is_refrain(sounds: Sequence[int]) -> bool:
    """Whether a text is one or two tokens said three times or more and nothing else, tokens without sound aside.

    That is too short for a run; people say "no, no, no", and so do loops over a single word.
    """
    heard = [sound for sound in sounds if sound]
    return any(
        len(heard) >= 3 * unit and heard == (heard[:unit] * len(heard))[: len(heard)] for unit in range(1, MIN_RUN)
    )


def token_budget(seconds: float, per_second: float) -> int:
    """How many tokens a clip may get in one go: what is usually said in that time, and four more."""
    return ceil(seconds * per_second) + 4


def _repeated(words: Sequence[int], finished: bool) -> tuple[int, int] | None:
    """Begin and end of the first repetition."""
    count = len(words)
    for at in range(MIN_RUN, count - MIN_RUN + 1):
        for run in range(MIN_RUN, min(at, count - at) + 1):
            if words[at - run : at] == words[at : at + run]:
                return at, at + run
    for at in range((count + 1) // 2, count - MIN_RUN + 1):
        tail = count - at
        periods = (at,) if finished else range(tail, at + 1)
        if any(words[at:] == words[at - period : at - period + tail] for period in periods):
            return at, count
    return None
