"""How long to wait after the last word before taking the turn, and why.

Silence alone is a bad judge: people pause inside sentences for longer than they leave between turns. The wait follows
what was said: nothing more to come → short, something must come → long, unknown → between. The words have the first
say, a model that listens to the voice may have a second one, and each caller gets the pace that they speak at.
docs/endpointing.md has the rules in words and what they were measured to do.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from voicebox.conversation.habits import Habits
from voicebox.routing.cues import ends_dictating, ends_hesitating, ends_open, is_opener, stated
from voicebox.skills.types import Understanding

__all__ = ["Eagerness", "EndpointPolicy", "Hints", "Reason", "Said", "Wait", "hints"]

Eagerness = Literal["low", "medium", "high", "auto"]

_PACE = {"low": 1.5, "medium": 1.0, "high": 0.75}

_WORDS, _STATED, _VOICE, _RATE = 0.7, 0.9, 0.3, 0.5
"""Weights of four witnesses in log odds: the intent model, a full stop that the recogniser heard, the voice, and how
much slower than usual the words come. Rounded from a logistic regression over the pauses of readers
(docs/endpointing.md)."""
_BIAS = -0.5
_USUAL_WORDS_PER_S, _SLOW_WORDS_PER_S = 2.5, 1.8
_VOICE_ALONE, _VOICE_BIAS = 0.5, 0.1
"""The same for the voice without words."""

_SURE, _SURELY_NOT = 0.75, 0.45
"""Probabilities from which on the wait is the shortest, and the longest."""

_DANGLING, _HESITATING, _DICTATING, _OPENER, _MISSING, _OPEN_SLOTS = 0.1, 0.3, 0.35, 0.6, 0.5, 0.71
"""Most that the probability of completeness can be then."""
_ANSWER = 0.9
"""Least that it is then."""
_AROUND_S = 0.4
"""Of an utterance, what is no speech: the pre-roll, and the silence by which the pause was noticed."""


class Said(StrEnum):
    """What the words so far are to the skills."""

    UNKNOWN = "unknown"
    """Nobody judged."""
    NOTHING = "nothing"
    """There were none: a noise, or a first word that was too short to be recognised."""
    REQUEST = "request"
    """A request that can be carried out, and has all its values."""
    EXTENDABLE = "extendable"
    """A request that can be carried out, to which values may be added."""
    MISSING = "missing"
    """A request that lacks a value without which it cannot be carried out."""
    ANSWER = "answer"
    """The answer to the question that the assistant asked."""
    AMENDMENT = "amendment"
    """A change of the last request."""
    OTHER = "other"
    """Nothing that a skill takes."""


class Reason(StrEnum):
    """Why a wait is as long as it is."""

    FIXED = "fixed"
    """The client set it."""
    UNKNOWN = "unknown"
    """The words are not known yet."""
    NOTHING = "nothing"
    """There are no words: nobody waits for an answer to them, and the first one may have been too short."""
    DANGLING = "dangling"
    """The last word is one after which sentences go on."""
    HESITATING = "hesitating"
    """ "um", "uh": the caller holds the floor."""
    DICTATING = "dictating"
    """Digits that are not a whole number of anything yet."""
    OPENER = "opener"
    """A word alone that often begins a sentence."""
    MISSING_SLOT = "missing_slot"
    """The request cannot be carried out yet."""
    ANSWER = "answer"
    """The question was answered."""
    COMPLETE = "complete"
    """The words are likely all."""
    OPEN_SLOTS = "open_slots"
    """The words are likely all, though values could be added."""
    UNSURE = "unsure"
    """The words may be all or not."""
    INCOMPLETE = "incomplete"
    """The words are likely not all."""
    VOICE = "voice"
    """The voice does not sound like an end, where the words do."""
    SLOW_SPEAKER = "slow_speaker"
    """Beside another: longer, because the caller speaks slowly."""
    PACE = "pace"
    """Beside another: longer or shorter, because of the pauses that this caller makes."""


@dataclass(frozen=True, slots=True)
class Hints:
    """What is known of the words beside the words: what they are to the skills, and how fast they came."""

    said: Said = Said.UNKNOWN
    words_per_s: float | None = None


@dataclass(frozen=True, slots=True)
class Wait:
    """A decision: milliseconds from the end of the last voiced frame, and why, the most decisive reason first."""

    ms: int
    reasons: tuple[Reason, ...]

    @property
    def reason(self) -> str:
        """The reasons in one word: "complete", "unsure+slow_speaker"."""
        return "+".join(self.reasons)


_WEIGHED = (Reason.UNSURE, Reason.INCOMPLETE, Reason.VOICE)
_NO_HINTS = Hints()
_STRANGER = Habits()


def hints(understanding: Understanding, audio_s: float) -> Hints:
    """What an understanding says about the end of the turn, given the seconds of the utterance up to the pause."""
    words = len(understanding.text.split())
    speech_s = audio_s - _AROUND_S
    rate = words / speech_s if words >= 3 and speech_s > 0 else None
    if not understanding.in_scope:
        said = Said.ANSWER if understanding.answers else Said.OTHER
    elif understanding.missing:
        said = Said.MISSING
    elif understanding.answers:
        said = Said.ANSWER
    elif understanding.amends:
        said = Said.AMENDMENT
    else:
        said = Said.EXTENDABLE if understanding.addable else Said.REQUEST
    return Hints(said, rate)


@dataclass(frozen=True, slots=True)
class EndpointPolicy:
    """Waits in ms from the end of the last voiced frame.

    Between `short_ms` (surely complete) and `long_ms` (surely not) the wait is interpolated geometrically over the
    probability of completeness; `unknown_ms` stands while nothing is known. `eagerness` scales all three, and
    `max_ms` bounds them. `fixed_ms` overrides everything: silence alone then decides.
    """

    short_ms: int = 200
    unknown_ms: int = 500
    long_ms: int = 1700
    max_ms: int = 2600
    eagerness: Eagerness = "auto"
    fixed_ms: int | None = None

    def wait(
        self,
        text: str = "",
        complete: float | None = None,
        *,
        hints: Hints = _NO_HINTS,
        voice: float | None = None,
        habits: Habits = _STRANGER,
    ) -> Wait:
        """Decide on one pause. Pure.

        Args:
            text: the words so far, as the recogniser wrote them: with its full stops and commas.
            complete: the probability (0 to 1) that they are all, by the words; None while they are not known.
            hints: what else is known of the words.
            voice: the probability that the turn is over, by its sound; None where nobody listens to that.
            habits: this caller's pauses so far; only "auto" regards them.
        """
        if self.fixed_ms is not None:
            return Wait(self.fixed_ms, (Reason.FIXED,))
        reasons: list[Reason] = []
        voice = None if voice is None or math.isnan(voice) else voice
        if hints.said is Said.NOTHING:
            wait = float(self.long_ms)
            reasons.append(Reason.NOTHING)
        elif (complete is None or math.isnan(complete)) and voice is None:
            wait = float(self.unknown_ms)
            reasons.append(Reason.UNKNOWN)
        else:
            p, reason = _completeness(text, complete, hints, voice)
            share = min(1.0, max(0.0, (_SURE - p) / (_SURE - _SURELY_NOT)))
            wait = self.short_ms * (self.long_ms / self.short_ms) ** share
            reasons.append(reason)
            slow = hints.words_per_s is not None and hints.words_per_s < _SLOW_WORDS_PER_S
            if slow and share > 0 and reason in _WEIGHED:
                reasons.append(Reason.SLOW_SPEAKER)
        if self.eagerness == "auto":
            wait *= habits.pace
            if abs(habits.pace - 1.0) > 0.1:
                reasons.append(Reason.PACE)
        else:
            wait *= _PACE[self.eagerness]
        return Wait(round(min(self.max_ms, max(96.0, wait))), tuple(reasons))


def _completeness(text: str, complete: float | None, hints: Hints, voice: float | None) -> tuple[float, Reason]:
    """The probability that all is said, and what decided it. Never falls as `complete` or `voice` rises."""
    if complete is None or math.isnan(complete):
        return _probability(_VOICE_BIAS + _VOICE_ALONE * _log_odds(voice or 0.0)), Reason.VOICE
    said = hints.said
    odds = _BIAS + _WORDS * _log_odds(complete) + _STATED * stated(text)
    if hints.words_per_s is not None:
        odds += _RATE * math.log(min(1.0, max(0.3, hints.words_per_s / _USUAL_WORDS_PER_S)))
    by_words = _probability(odds)
    # The voice may hold the turn, and never ends it: at equal cut-offs that waits less than a vote for both.
    p = by_words if voice is None else _probability(odds + _VOICE * min(0.0, _log_odds(voice)))
    if ends_hesitating(text):
        return min(p, _HESITATING), Reason.HESITATING
    if ends_open(text):
        return min(p, _DANGLING), Reason.DANGLING
    if said is Said.ANSWER:
        return max(p, _ANSWER), Reason.ANSWER
    if said in (Said.OTHER, Said.UNKNOWN) and ends_dictating(text):
        return min(p, _DICTATING), Reason.DICTATING
    if is_opener(text):
        return min(p, _OPENER), Reason.OPENER
    if said is Said.MISSING:
        return min(p, _MISSING), Reason.MISSING_SLOT
    if said is Said.EXTENDABLE and p > _OPEN_SLOTS:
        return _OPEN_SLOTS, Reason.OPEN_SLOTS
    level = _level(p)
    return p, level if level is _level(by_words) else Reason.VOICE


def _level(p: float) -> Reason:
    return Reason.COMPLETE if p >= _SURE else Reason.UNSURE if p >= _SURELY_NOT else Reason.INCOMPLETE


def _log_odds(p: float) -> float:
    p = min(0.99, max(0.01, p))
    return math.log(p / (1.0 - p))


def _probability(log_odds: float) -> float:
    return 1.0 / (1.0 + math.exp(-log_odds))
