"""The reflex tier: the intent model and the lexicon understand, a skill answers, within milliseconds.

The model says which intent, and whether the sentence is over; values come from the lexicon (by sound) and from the
parsers of `voicebox.skills.parse`; the dialog says what a fragment belongs to: the answer to a question, or a change
of the last request.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime

from voicebox.llm.intent_text import normalize_text
from voicebox.llm.types import OUT_OF_SCOPE, IntentModel
from voicebox.routing.cues import answers_question, ends_open
from voicebox.routing.filling import followers
from voicebox.routing.reading import Guess, Reader
from voicebox.skills.types import Control, Dialog, Intent, Plan, Request, SkillSet, SlotValue, Understanding
from voicebox.stt.bias import bias_prompt
from voicebox.stt.lexicon import Lexicon

__all__ = ["Reflex"]

_PLAUSIBLE = 0.5
"""Confidence from which on a text biases the recogniser towards its skill."""
_OPEN_END = 0.05
_SLOTS_MISSING = 0.3
_ANSWERED = 0.95
_AMENDED = 0.8
_SEEN = 256


class _Repertoire:
    """The skills at one time, with what finds their values, and the recogniser's prompts for them."""

    def __init__(self, skills: SkillSet, lexicon: Lexicon) -> None:
        self.skills = skills
        self.lexicon = lexicon
        self._intents = {intent.name: intent for intent in skills.intents()}
        self._prompts: dict[tuple[str, ...], str] = {}
        self._followers: dict[str, Mapping[str, frozenset[str]]] = {}

    def prompt(self, names: tuple[str, ...]) -> str:
        """What these intents expect to hear; those that are not there expect nothing."""
        if names not in self._prompts:
            self._prompts[names] = bias_prompt([self._intents[name] for name in names if name in self._intents])
        return self._prompts[names]

    def addable(self, intent: Intent, slots: Mapping[str, SlotValue], said: str) -> tuple[str, ...]:
        """The slots that may be left out, were, and that people name after the one that was said last."""
        if intent.name not in self._followers:
            self._followers[intent.name] = followers(intent)
        after = self._followers[intent.name]
        last = max(slots, key=lambda name: said.rfind(slots[name].text), default="")
        return tuple(
            slot.name
            for slot in intent.slots
            if not slot.required and slot.name not in slots and slot.name in after.get(last, frozenset())
        )


class Reflex:
    """Understands texts and plans answers. Methods are called on the event loop, `replace` anywhere.

    Args:
        registry: the skills.
        intent_model: scores texts; labels are intent names and `OUT_OF_SCOPE`.
        lexicon: knows the slots of all intents of the registry.
        accept: P(in scope) from which a text is a skill's; None takes what was calibrated with the model.
    """

    def __init__(
        self, registry: SkillSet, intent_model: IntentModel, lexicon: Lexicon, *, accept: float | None = None
    ) -> None:
        self._accept = accept
        self._repertoire = _Repertoire(registry, lexicon)
        self._model = intent_model
        self._exchange = threading.Lock()
        self._turns: dict[str, asyncio.Lock] = {}
        self._seen: OrderedDict[str, str] = OrderedDict()

    def replace(self, registry: SkillSet, lexicon: Lexicon, exchange_model: Callable[[], None] | None = None) -> None:
        """Other skills from the next text on; texts that wait are understood and answered by the old ones.

        Args:
            registry: the skills.
            lexicon: knows the slots of all their intents.
            exchange_model: lets another model score, which no text sees without the other skills.
        """
        repertoire = _Repertoire(registry, lexicon)
        with self._exchange:
            if exchange_model is not None:
                exchange_model()
            self._repertoire = repertoire

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
            with self._exchange:
                repertoire = self._repertoire
                future = self._model.score(said, session=session)
            score = await asyncio.wrap_future(future)
        if self._accept is not None:
            score = replace(score, accepted=score.in_scope >= self._accept)
        intents = {intent.name: intent for intent in repertoire.skills.intents(skills)}
        guess = Reader(said, score, intents, repertoire.lexicon, dialog, now).read()
        missing: tuple[str, ...] = ()
        addable: tuple[str, ...] = ()
        if guess.in_scope:
            intent = intents[guess.intent]
            missing = tuple(slot.name for slot in intent.slots if slot.required and slot.name not in guess.slots)
            addable = repertoire.addable(intent, guess.slots, said)
        answers = guess.answers or answers_question(dialog.last_reply, said)
        self._remember(said, guess)
        return Understanding(
            text=text,
            intent=guess.intent,
            slots=guess.slots,
            confidence=round(guess.confidence, 4),
            in_scope=guess.in_scope,
            complete=_completeness(text, score.complete, answers=answers, amends=guess.amends, missing=bool(missing)),
            missing=missing,
            addable=addable,
            answers=answers,
            amends=guess.amends,
            ms=(time.perf_counter() - begun) * 1000,
            skills=repertoire.skills,
        )

    def plan(self, understanding: Understanding, *, dialog: Dialog, now: datetime, session: str) -> Plan | None:
        """The skill's answer, or a question for the first missing slot, or None when another tier is to answer."""
        if not understanding.in_scope:
            return None
        skills = understanding.skills or self._repertoire.skills
        if understanding.missing:
            intent = next(intent for intent in skills.intents() if intent.name == understanding.intent)
            slot = next(slot for slot in intent.slots if slot.name == understanding.missing[0])
            return Plan(slot.ask or f"Which {slot.name}?", ask=slot.name)
        return skills.plan(_request(understanding, now, session, dialog.asked))

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
        repertoire = self._repertoire
        if dialog.asked is not None and dialog.last is not None:
            return repertoire.prompt((dialog.last.intent,))
        names = [intent.name for intent in repertoire.skills.intents(skills)]
        if skills is not None and len(skills) == 1:
            return repertoire.prompt(tuple(name for name in names if _skill(name) == skills[0]))
        intent = self._seen.get(normalize_text(text))
        if intent is None:
            return ""
        kin = [name for name in names if _skill(name) == _skill(intent) and name != intent]
        return repertoire.prompt((intent, *kin))

    def release(self, session: str) -> None:
        """The session is over: forget it."""
        self._turns.pop(session, None)
        self._model.release(session)

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


def _completeness(text: str, complete: float, *, answers: bool, amends: bool, missing: bool) -> float:
    """The model's probability that all is said, corrected by what it does not see: slots, and the dialog."""
    if ends_open(text):
        return min(complete, _OPEN_END)
    if missing:
        return min(complete, _SLOTS_MISSING)
    if answers:
        return max(complete, _ANSWERED)
    if amends:
        return max(complete, _AMENDED)
    return complete
