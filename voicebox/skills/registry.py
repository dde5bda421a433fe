"""All skills of a process, found by intent."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from voicebox.errors import ConfigError
from voicebox.skills import math
from voicebox.skills.alarm import AlarmSkill
from voicebox.skills.clock import ClockSkill
from voicebox.skills.coffee import CoffeeSkill
from voicebox.skills.dialog import DialogSkill
from voicebox.skills.home import HomeSkill
from voicebox.skills.intents.correct import CORRECT
from voicebox.skills.lists import ListsSkill
from voicebox.skills.math import MathSkill
from voicebox.skills.parse import find_text
from voicebox.skills.state import Household
from voicebox.skills.timer import TimerSkill
from voicebox.skills.types import Intent, Plan, Request, Skill, SlotKind
from voicebox.skills.volume import VolumeSkill

__all__ = ["DIALOG", "Registry", "default_registry"]

DIALOG = "dialog"
"""The skill of the conversation itself, which is always enabled."""

_FIRST_CLAUSES = ("Okay.", "Okay,", "Sure.", "Sure,", "Sorry,", "It's", "That's", "Good morning!", "Hello!", "Hi!")
_SENTENCES = (
    "Okay, never mind.", "Okay, louder.", "Okay, quieter.", "Okay, muted.", "Okay, sound is on.", "Okay, lights on.",
    "Sure, lights on.", "Okay, lights off.", "Sure, lights off.", "Okay, I took that back.", "You're welcome.",
    "My pleasure.", "Any time.", "Goodbye!", "Good night!", "Yes, I'm listening.", "How can I help?",
    "What can I do for you?", "What would you like?", "You have no timers.", "You have no alarms.",
)  # fmt: skip


class Registry:
    """Skills by intent. Immutable; `enabled` makes a smaller one of the same skills.

    Args:
        skills: in the order in which they are named to people.

    Raises:
        ValueError: two skills share a name or an intent, or an intent is not named after its skill.
    """

    def __init__(self, skills: Iterable[Skill]) -> None:
        self._skills: dict[str, Skill] = {}
        self._intents: dict[str, Intent] = {}
        for skill in skills:
            if skill.name in self._skills:
                raise ValueError(f"two skills are called {skill.name!r}")
            self._skills[skill.name] = skill
            for intent in skill.intents:
                if intent.name in self._intents:
                    raise ValueError(f"two skills declare {intent.name!r}")
                if intent.name.partition(".")[0] != skill.name:
                    raise ValueError(f"the intent {intent.name!r} is not named after its skill {skill.name!r}")
                self._intents[intent.name] = intent
        if isinstance(dialog := self._skills.get(DIALOG), DialogSkill):
            self._skills[DIALOG] = dialog.naming(self.capabilities())
        self._owners = {intent.name: skill for skill in self._skills.values() for intent in skill.intents}

    @property
    def names(self) -> tuple[str, ...]:
        """Names of all skills."""
        return tuple(self._skills)

    def intents(self, skills: Sequence[str] | None = None) -> tuple[Intent, ...]:
        """The intents of these skills, or of all; those of the conversation itself are always among them."""
        if skills is None:
            return tuple(self._intents.values())
        wanted = {*skills, DIALOG}
        return tuple(intent for name, intent in self._intents.items() if name.partition(".")[0] in wanted)

    def intent(self, name: str) -> Intent:
        """One intent. Raises KeyError if no skill declares it."""
        return self._intents[name]

    def skill_of(self, intent: str) -> Skill:
        """The skill that handles an intent. Raises KeyError if none does."""
        return self._owners[intent]

    def plan(self, request: Request) -> Plan:
        """Ask the skill that owns the request's intent. Raises KeyError if none does."""
        return self._owners[request.intent].plan(request)

    def enabled(self, names: Iterable[str]) -> Registry:
        """Only these skills, and the conversation itself.

        Raises:
            ConfigError: there is no skill of such a name.
        """
        wanted = list(names)
        unknown = sorted(set(wanted) - self._skills.keys())
        if unknown:
            raise ConfigError(f"unknown skill {unknown[0]!r}", cure=f"There are: {', '.join(self._skills)}")
        return Registry(skill for name, skill in self._skills.items() if name in wanted or name == DIALOG)

    def capabilities(self) -> tuple[str, ...]:
        """What the skills do, in short phrases that complete "I can …"."""
        return tuple(skill.intents[0].description for skill in self._skills.values() if skill.name != DIALOG)

    def warm_phrases(self) -> tuple[str, ...]:
        """Phrases that replies often begin with or consist of, and the questions for missing slots."""
        questions = [slot.ask for intent in self._intents.values() for slot in intent.slots if slot.ask]
        return tuple(dict.fromkeys((*_FIRST_CLAUSES, *questions, *_SENTENCES)))


def default_registry(household: Household, own: Iterable[Skill] = ()) -> Registry:
    """The built-in skills around one household, and the user's own, ready to answer at full speed.

    Raises:
        ValueError: two skills share a name.
    """
    registry = Registry(
        (
            ClockSkill(household),
            TimerSkill(household),
            AlarmSkill(household),
            MathSkill(household),
            ListsSkill(household),
            HomeSkill(household),
            VolumeSkill(household),
            CoffeeSkill(household),
            *own,
            DialogSkill(household),
        )
    )
    math.warm()
    for intent in registry.intents():
        for slot in intent.slots:
            if slot.kind is SlotKind.TEXT and intent.name != CORRECT:
                find_text(intent, slot, "warm")
    return registry
