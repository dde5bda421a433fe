"""What endpoint policies make of pauses that were heard before: cut-offs and waits, without decoding again.

A recording is *cut off* when a policy ends the turn at a pause after which the speaker said more words: when that
pause, until it is noticed that they go on, is longer than the wait. It stays a cut-off where the second part would be
merged as an amendment later: the caller has been interrupted. The *wait* of a recording that was not cut off runs from
the end of the last voiced frame of its last word to the end of the turn.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from voicebox.cli.listening import HeardPause
from voicebox.conversation.endpoint import EndpointPolicy, Wait
from voicebox.conversation.habits import Habits
from voicebox.stt.stream import normalize

__all__ = [
    "Decide",
    "Outcome",
    "Point",
    "Take",
    "by_silence",
    "by_voice",
    "by_words",
    "measure",
    "play",
    "scaled",
    "silence_like",
]

Decide = Callable[[HeardPause, Habits], Wait]
"""A policy: what it makes of one pause."""


@dataclass(frozen=True, slots=True)
class Take:
    """The pauses of one recording; `row` is its number, `speaker` who speaks (empty: nobody that is known)."""

    row: int
    pauses: tuple[HeardPause, ...]
    speaker: str = ""

    @property
    def last(self) -> int:
        """The pause after the last word: the first one from which on the words stay the same."""
        words: list[str] = []
        for pause in self.pauses:
            # Nothing heard adds nothing.
            words.append(normalize(pause.text) or (words[-1] if words else ""))
        return next(index for index in range(len(words)) if len(set(words[index:])) == 1)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a policy did to a take: the pause at which it ended the turn, why, and the wait if nobody was cut off."""

    take: Take
    ended_at: int
    reason: str
    wait_ms: float | None

    @property
    def cut(self) -> bool:
        """Whether words came after the end of the turn."""
        return self.wait_ms is None


@dataclass(frozen=True, slots=True)
class Point:
    """A policy's figures over all takes: the share that was cut off, and the waits of the others in ms."""

    cut_offs: float
    mean_ms: float | None
    p50_ms: float | None
    p95_ms: float | None
    n: int

    def __str__(self) -> str:
        mean = "–" if self.mean_ms is None else f"{self.mean_ms:.0f} ms"
        return f"{self.cut_offs:.1%} cut off, {mean}"


def by_silence(fixed_ms: float) -> Decide:
    """A fixed wait, whatever was said: plain VAD endpointing."""
    policy = EndpointPolicy(fixed_ms=round(fixed_ms))
    return lambda pause, habits: policy.wait()


def by_words(policy: EndpointPolicy, *, voice: bool = False) -> Decide:
    """The policy, by the words, and with `voice` by the turn's sound too."""

    def decide(pause: HeardPause, habits: Habits) -> Wait:
        done = pause.done if voice else None
        return policy.wait(pause.text, pause.complete, hints=pause.hints, voice=done, habits=habits)

    return decide


def by_voice(policy: EndpointPolicy) -> Decide:
    """The policy without words: by the turn's sound alone."""
    return lambda pause, habits: policy.wait(voice=pause.done, habits=habits)


def scaled(policy: EndpointPolicy, pace: float) -> EndpointPolicy:
    """The policy with all its waits multiplied."""
    short, unknown, long, most = (
        round(ms * pace) for ms in (policy.short_ms, policy.unknown_ms, policy.long_ms, policy.max_ms)
    )
    return replace(policy, short_ms=short, unknown_ms=unknown, long_ms=long, max_ms=most)


def play(take: Take, decide: Decide, habits: Habits | None = None) -> tuple[Outcome, Habits]:
    """A take under a policy; returns also what is then known of the speaker's pauses."""
    habits = habits or Habits()
    last = take.last
    for index, pause in enumerate(take.pauses):
        wait = decide(pause, habits)
        if pause.resumed_s is not None and pause.resumed_s - pause.spoke_s <= wait.ms / 1000:
            habits = habits.went_on((pause.resumed_s - pause.spoke_s) * 1000)
            continue
        ended_s = pause.spoke_s + wait.ms / 1000
        late_ms = (ended_s - take.pauses[last].spoke_s) * 1000 if index >= last else None
        outcome = Outcome(take, index, wait.reason, late_ms)
        habits = habits.ended(pause.spoke_s, ended_s)
        if pause.resumed_s is not None and index < last:
            habits = habits.opened(pause.resumed_s)
        return outcome, replace(habits, spoke_s=-1.0, committed_s=-1.0)
    raise AssertionError("nobody goes on after the last pause")


def measure(takes: Sequence[Take], decide: Decide) -> tuple[Point, list[Outcome]]:
    """A policy over all takes; speakers that are known keep their habits from one to their next."""
    known: dict[str, Habits] = {}
    outcomes = []
    for take in takes:
        outcome, habits = play(take, decide, known.get(take.speaker))
        outcomes.append(outcome)
        if take.speaker:
            known[take.speaker] = habits
    return _point(outcomes), outcomes


def _point(outcomes: Sequence[Outcome]) -> Point:
    waits = [outcome.wait_ms for outcome in outcomes if outcome.wait_ms is not None]
    cut_offs = 1 - len(waits) / len(outcomes) if outcomes else 0.0
    if not waits:
        return Point(cut_offs, None, None, None, len(outcomes))
    p50, p95 = np.percentile(waits, (50, 95))
    return Point(cut_offs, float(np.mean(waits)), float(p50), float(p95), len(outcomes))


def silence_like(takes: Sequence[Take], point: Point) -> Mapping[str, tuple[int, Point]]:
    """Plain VAD at a policy's mean wait, and plain VAD at its share of cut-offs: the fixed wait in ms, and its figures.

    The second one is missing where no wait up to 3 s cuts off as few.
    """
    found: dict[str, tuple[int, Point]] = {}
    if point.mean_ms is not None:
        fixed_ms = round(point.mean_ms)
        found["same_wait"] = (fixed_ms, measure(takes, by_silence(fixed_ms))[0])
    for fixed_ms in range(100, 3001, 20):
        plain, _ = measure(takes, by_silence(fixed_ms))
        if plain.cut_offs <= point.cut_offs:
            found["same_cut_offs"] = (fixed_ms, plain)
            break
    return found
