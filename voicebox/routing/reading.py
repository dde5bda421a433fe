"""What one text means: the answer to an open question, a change of the last request, or a request of its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from voicebox.llm.types import OUT_OF_SCOPE, IntentScore
from voicebox.routing.cues import opens_amendment, without_lead_in
from voicebox.routing.filling import Filling, fill
from voicebox.skills.types import Dialog, Intent, Request, SlotKind, SlotValue
from voicebox.stt.lexicon import Lexicon

__all__ = ["CORRECTION", "Guess", "Reader"]

CORRECTION = "dialog.correct"
"""The intent model's label for fragments that change the last request; never an intent that a skill is asked for."""

_AMEND_FOR = timedelta(seconds=90)
"""How long after a request a fragment still belongs to it."""
_FRAGMENT_COVERAGE = 0.75
"""A text of which values cover this much, and in which nothing says what to do, is a fragment."""
_EVIDENCE_COVERAGE = 0.6
_EVIDENCE_SOUND = 0.75
_PLAIN = 0.5
_SURELY_OUT = 0.97
_SURE = 0.8


@dataclass(frozen=True, slots=True)
class Guess:
    """One reading. `slots` holds the values of the last request too where the text answers or amends it."""

    intent: str
    slots: Mapping[str, SlotValue]
    confidence: float
    in_scope: bool = True
    answers: bool = False
    amends: bool = False


class Reader:
    """The readings of one normalized text.

    Args:
        said: the normalized text.
        score: what the intent model thinks of it.
        intents: the enabled intents by name.
        lexicon: knows their slots.
        dialog: what came before.
        now: local time, which clock times and the age of the last request are measured by.
    """

    def __init__(
        self,
        said: str,
        score: IntentScore,
        intents: Mapping[str, Intent],
        lexicon: Lexicon,
        dialog: Dialog,
        now: datetime,
    ) -> None:
        self._said = said
        self._score = score
        self._intents = intents
        self._lexicon = lexicon
        self._dialog = dialog
        self._now = now
        self._fillings: dict[str, Filling] = {}

    def read(self) -> Guess:
        """The first reading that fits."""
        return self._answer() or self._amendment() or self._evidence() or self._fresh()

    def _fill(self, intent: str) -> Filling:
        """Values of the text as a request of its own."""
        if intent not in self._fillings:
            self._fillings[intent] = fill(self._intents[intent], self._said, self._now, self._lexicon)
        return self._fillings[intent]

    def _fill_like(self, last: Request) -> Filling:
        """Values of the text as a part of the last request."""
        return fill(self._intents[last.intent], self._said, self._now, self._lexicon, like=last.slots)

    def _label(self) -> str:
        """The model's label, or out of scope where it does not stand by it."""
        return self._score.intent if self._score.accepted else OUT_OF_SCOPE

    def _answer(self) -> Guess | None:
        """The text answers the question that is open."""
        last, asked = self._dialog.last, self._dialog.asked
        if last is None or asked is None or last.intent not in self._intents:
            return None
        filling, label = self._fill_like(last), self._label()
        elsewhere = label not in (last.intent, CORRECTION, OUT_OF_SCOPE) and label in self._intents
        if asked in filling.slots:
            if elsewhere and filling.coverage < _FRAGMENT_COVERAGE:
                return None
            confidence = filling.slots[asked].confidence
            return Guess(last.intent, {**last.slots, **filling.slots}, confidence, answers=True)
        kind = next((slot.kind for slot in self._intents[last.intent].slots if slot.name == asked), None)
        if kind is not SlotKind.TEXT or (elsewhere and self._score.confidence >= _SURE):
            return None
        words = without_lead_in(self._said)
        value = SlotValue(words, words, 1.0 - self._score.confidence if elsewhere else _SURE)
        return Guess(last.intent, {**last.slots, **filling.slots, asked: value}, value.confidence, answers=True)

    def _amendment(self) -> Guess | None:
        """The text changes the last request: "no, ten minutes", "with milk"."""
        last = self._dialog.last
        if last is None or last.intent not in self._intents or not self._intents[last.intent].amendable:
            return None
        if self._now - last.now > _AMEND_FOR:
            return None
        label, filling = self._label(), self._fill_like(last)
        if not filling.slots and not filling.unwanted & last.slots.keys():
            return None
        if label != CORRECTION:
            cued = opens_amendment(self._said)
            fragment = filling.coverage >= _FRAGMENT_COVERAGE
            if not cued and not fragment:
                return None
            elsewhere = label not in (last.intent, OUT_OF_SCOPE) and label in self._intents
            if elsewhere and not (fragment and self._score.confidence < _SURE):
                return None
        kept = {name: value for name, value in last.slots.items() if name not in filling.unwanted}
        slots = {**kept, **filling.slots}
        confidence = max(filling.confidence, self._score.confidence if label == CORRECTION else 0.0)
        return Guess(last.intent, slots, confidence, amends=True)

    def _evidence(self) -> Guess | None:
        """Values say what is wanted where the model is not sure: "large dark roast latte with milk"."""
        label = self._label()
        if label in self._intents and label != CORRECTION and self._score.confidence >= _PLAIN:
            return None
        if self._score.intent == OUT_OF_SCOPE and self._score.confidence >= _SURELY_OUT:
            return None  # A value in it is a word like any other: "why is the sky blue".
        best: Guess | None = None
        for name, intent in self._intents.items():
            needed = [slot for slot in intent.slots if slot.required]
            if name == CORRECTION or not any(slot.kind is SlotKind.CHOICE for slot in needed):
                continue
            filling = self._fill(name)
            if not all(slot.name in filling.slots for slot in needed):
                continue
            if filling.coverage < _EVIDENCE_COVERAGE or filling.confidence < _EVIDENCE_SOUND:
                continue
            confidence = max(filling.coverage * filling.confidence, self._probability(name))
            if best is None or (confidence, self._probability(name)) > (
                best.confidence,
                self._probability(best.intent),
            ):
                best = Guess(name, filling.slots, confidence)
        return best

    def _fresh(self) -> Guess:
        """A request of its own, or nothing that a skill takes.

        A correction with nothing to correct is read as the next best label. A label whose skill is off is out of scope.
        """
        ranked = [(name, p) for name, p in self._score.ranked if name != CORRECTION]
        intent, confidence = ranked[0]
        if self._score.intent == CORRECTION:
            confidence /= sum(p for _, p in ranked) or 1.0
            accepted = self._score.accepted and confidence >= _PLAIN
        else:
            accepted = self._score.accepted
        if not accepted or intent not in self._intents:
            return Guess(intent, {}, confidence, in_scope=False)
        return Guess(intent, self._fill(intent).slots, confidence)

    def _probability(self, intent: str) -> float:
        return next((p for name, p in self._score.ranked if name == intent), 0.0)
