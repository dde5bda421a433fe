"""The reflex tier: the intent model and the lexicon understand, a skill answers, within milliseconds.

The model says which intent, and whether the sentence is over; values come from the lexicon (by sound) and from the
parsers of `voicebox.skills.parse`; the dialog says what a fragment belongs to: the answer to a question, or a change
of the last request.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Protocol

from voicebox.llm.intent_text import normalize_text
from voicebox.llm.types import OUT_OF_SCOPE, IntentModel
from voicebox.routing.cues import ends_open
from voicebox.routing.reading import Guess, Reader
from voicebox.skills.types import Control, Dialog, Intent, Plan, Request, Understanding
from voicebox.stt.bias import bias_prompt
from voicebox.stt.lexicon import Lexicon

__all__ = ["Reflex", "SkillSet"]

_PLAUSIBLE = 0.5
"""Confidence from which on a text biases the recogniser towards its skill."""
_OPEN_END = 0.05
_SLOTS_MISSING = 0.3
_ANSWERED = 0.95
_AMENDED = 0.8
_SEEN = 256


class SkillSet(Protocol):
    """What the reflex tier needs of the registry of skills."""

    def intents(self, skills: Sequence[str] | None = None) -> tuple[Intent, ...]:
        """The intents of these skills, or of all; those of the conversation itself are always among them."""

    def plan(self, request: Request) -> Plan:
        """Ask the skill that owns the request's intent."""


class Reflex:
    """Understands texts and plans answers. Methods are called on the event loop.

    Args:
        registry: the skills.
        intent_model: scores texts; labels are intent names and `OUT_OF_SCOPE`.
        lexicon: knows the slots of all intents of the registry.
    """

    def __init__(self, registry: SkillSet, intent_model: IntentModel, lexicon: Lexicon) -> None:
        self._registry = registry
        self._model = intent_model
        self._lexicon = lexicon
        self._turns: dict[str, asyncio.Lock] = {}
        self._seen: OrderedDict[str, str] = OrderedDict()
        self._prompts: dict[tuple[str, ...], str] = {}

    async def understand(
        self, text: str, *, dialog: Dialog, session: str, now: datetime, skills: tuple[str, ...] | None = None
    ) -> Understanding:
        """What a text, said after `dialog` at local time `now`, asks of the skills (all, or only `skills`).

        Raises:
            EngineError: the intent model is closed or failed.
        """
        begun = time.perf_counter()
        said = normalize_text(text)
        if not said:
            return Understanding(text, OUT_OF_SCOPE, {}, 1.0, False, 0.0)
        # One at a time: a newer text would cancel the score of an older one that somebody waits for.
        async with self._turns.setdefault(session, asyncio.Lock()):
            score = await asyncio.wrap_future(self._model.score(said, session=session))
        intents = {intent.name: intent for intent in self._registry.intents(skills)}
        guess = Reader(said, score, intents, self._lexicon, dialog, now).read()
        missing: tuple[str, ...] = ()
        if guess.in_scope:
            missing = tuple(s.name for s in intents[guess.intent].slots if s.required and s.name not in guess.slots)
        self._remember(said, guess)
        return Understanding(
            text=text,
            intent=guess.intent,
            slots=guess.slots,
            confidence=round(guess.confidence, 4),
            in_scope=guess.in_scope,
            complete=_completeness(said, score.complete, guess, bool(missing)),
            missing=missing,
            amends=guess.amends,
            ms=(time.perf_counter() - begun) * 1000,
        )

    def plan(self, understanding: Understanding, *, dialog: Dialog, now: datetime, session: str) -> Plan | None:
        """The skill's answer, or a question for the first missing slot, or None when another tier is to answer."""
        if not understanding.in_scope:
            return None
        if understanding.missing:
            slot = next(s for s in self._intent(understanding.intent).slots if s.name == understanding.missing[0])
            return Plan(slot.ask or f"Which {slot.name}?", ask=slot.name)
        return self._registry.plan(_request(understanding, now, session, dialog.asked))

    def next_dialog(
        self, dialog: Dialog, understanding: Understanding, plan: Plan | None, *, now: datetime, session: str
    ) -> Dialog:
        """What the turn after this one may refer to, once this one is committed."""
        if plan is None:
            return replace(dialog, asked=None)
        if plan.control is Control.REPEAT:
            return dialog
        if plan.control is Control.CANCEL:
            return Dialog(last_reply=plan.reply)
        return Dialog(_request(understanding, now, session, dialog.asked), plan.reply, plan.ask)

    def bias(self, text: str, *, dialog: Dialog, skills: tuple[str, ...] | None = None) -> str:
        """Previous text for the recogniser while it decodes what began with `text`; empty if no skill is plausible.

        A skill is plausible if a question of its is open, if it is the only one, or if it is what `text` was last
        understood as.
        """
        if dialog.asked is not None and dialog.last is not None:
            return self._prompt((dialog.last.intent,))
        if skills is not None and len(skills) == 1:
            return self._prompt(tuple(i.name for i in self._registry.intents(skills) if _skill(i.name) == skills[0]))
        intent = self._seen.get(normalize_text(text))
        if intent is None:
            return ""
        kin = [i.name for i in self._registry.intents(skills) if _skill(i.name) == _skill(intent) and i.name != intent]
        return self._prompt((intent, *kin))

    def release(self, session: str) -> None:
        """The session is over: forget it."""
        self._turns.pop(session, None)
        self._model.release(session)

    def _intent(self, name: str) -> Intent:
        return next(intent for intent in self._registry.intents() if intent.name == name)

    def _prompt(self, names: tuple[str, ...]) -> str:
        if names not in self._prompts:
            self._prompts[names] = bias_prompt([self._intent(name) for name in names])
        return self._prompts[names]

    def _remember(self, said: str, guess: Guess) -> None:
        """Keep what texts were taken for, for `bias`; the oldest are forgotten."""
        self._seen.pop(said, None)
        if guess.in_scope and guess.confidence >= _PLAUSIBLE:
            self._seen[said] = guess.intent
            while len(self._seen) > _SEEN:
                self._seen.popitem(last=False)


def _skill(intent: str) -> str:
    return intent.partition(".")[0]


def _request(understanding: Understanding, now: datetime, session: str, asked: str | None) -> Request:
    return Request(
        understanding.intent,
        understanding.slots,
        understanding.text,
        now,
        session,
        amends=understanding.amends,
        asked=asked,
    )


def _completeness(said: str, complete: float, guess: Guess, missing: bool) -> float:
    """The model's probability that all is said, corrected by what it does not see: slots, and the dialog."""
    if ends_open(said):
        return min(complete, _OPEN_END)
    if missing:
        return min(complete, _SLOTS_MISSING)
    if guess.answers:
        return max(complete, _ANSWERED)
    if guess.amends:
        return max(complete, _AMENDED)
    if guess.in_scope:
        # What can be done now is rarely followed by more after a pause, though more could be said.
        return (1.0 + complete) / 2
    return complete
