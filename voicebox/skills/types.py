"""How a skill is declared, what it is asked, and what it answers.

A skill is declared once; from the declaration come the recogniser's bias, the lexicon, the training data of the intent
model, the instruct model's idea of what voicebox can do, and the documentation.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol

__all__ = [
    "Control",
    "Dialog",
    "Intent",
    "Plan",
    "Request",
    "Skill",
    "SkillSet",
    "Slot",
    "SlotKind",
    "SlotValue",
    "Understanding",
]


class SlotKind(StrEnum):
    """How a slot's value is found in a text."""

    CHOICE = "choice"
    """One of the declared values, matched by spelling and by sound."""
    DURATION = "duration"
    """"an hour and a half" → seconds (int)."""
    TIME = "time"
    """"half past seven tomorrow" → ISO 8601 local date-time string."""
    DATE = "date"
    """"next friday at eight" → ISO 8601 date string; a clock time alone is no date."""
    NUMBER = "number"
    """"forty two point five" → int or float."""
    PERCENT = "percent"
    """"half", "thirty percent" → 0–100 (int)."""
    MONEY = "money"
    """"twenty dollars and fifty cents" → 20.5, in whatever currency was said."""
    QUANTITY = "quantity"
    """"three and a half miles" → {"value": 3.5, "unit": "mile"}."""
    EXPRESSION = "expression"
    """"seventeen times three plus one" → "17*3+1"."""
    TEXT = "text"
    """Free words, found by the example sentences around them."""


@dataclass(frozen=True, slots=True)
class Slot:
    """One thing that an intent wants to know.

    `values` maps each canonical value to further spoken forms (CHOICE only). `ask` is the question for a required
    slot that was not said. `samples` are values as people say them, for sentences that train and bias; free text that
    has no list in `skills/vocabulary.py` needs them. A NUMBER is only one from `low` up to `high`.
    """

    name: str
    kind: SlotKind
    values: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    required: bool = False
    ask: str = ""
    samples: tuple[str, ...] = ()
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True)
class Intent:
    """One thing that a skill does.

    `name` is "skill.verb". `examples` are sentences in lower case without punctuation with `{slot}` for values,
    `(a|b)` for alternatives and `[x]` for optional words. `read_only` intents change nothing anywhere.
    `amendable` intents take fragments after them as amendments ("with milk", "no, ten minutes").
    """

    name: str
    description: str
    examples: tuple[str, ...]
    slots: tuple[Slot, ...] = ()
    read_only: bool = False
    amendable: bool = False


@dataclass(frozen=True, slots=True)
class SlotValue:
    """A slot as it was understood: canonical value, the words it came from, and how sure that is (0 to 1)."""

    value: Any
    text: str
    confidence: float = 1.0


@dataclass(frozen=True, slots=True)
class Request:
    """What a skill is asked: intent, slots by name, the caller's words, the time, and the session that asks.

    `amends` says that this takes the place of the session's last request, whose effect is then undone at commit.
    `asked` is the slot that the last reply asked for, if that question was still open.
    """

    intent: str
    slots: Mapping[str, SlotValue]
    text: str
    now: datetime
    session: str
    amends: bool = False
    asked: str | None = None

    def value(self, slot: str, default: Any = None) -> Any:
        """A slot's value, or the default if it was not said."""
        found = self.slots.get(slot)
        return default if found is None else found.value


class Control(StrEnum):
    """What a reply asks of the conversation itself."""

    STOP = "stop"
    """Be silent: stop speaking and silence whatever rings."""
    REPEAT = "repeat"
    """Say the last reply again."""
    CANCEL = "cancel"
    """Forget the question that is open."""


@dataclass(frozen=True, slots=True)
class Plan:
    """A skill's answer before anything has happened.

    Planning has no side effect, so that it can be done on a guess while the caller still speaks. `commit` holds the
    side effects, and is called once, when the turn is committed; it must be quick. `ask` names the slot that the reply
    asks for; `data` is for machines (what was set, ordered, computed).

    Replies begin with a short phrase of their own ("Okay.", "Sure,") where that sounds natural: it is in the phrase
    cache and is heard while the rest is synthesized.

    A plan that takes longer than a moment has `work` instead of a reply: the coroutine function that makes the plan,
    called when the answer is wanted, and cancelled when it is not wanted any more. Only with `early` is it called on a
    guess: what somebody else's code does is not ours to promise.
    """

    reply: str
    commit: Callable[[], None] | None = None
    ask: str | None = None
    control: Control | None = None
    data: Mapping[str, Any] = field(default_factory=dict)
    work: Callable[[], Awaitable[Plan]] | None = None
    early: bool = False


class Skill(Protocol):
    """A skill: its declaration and its handler."""

    @property
    def name(self) -> str:
        """Short name: "timer"."""

    @property
    def intents(self) -> tuple[Intent, ...]:
        """All that it does."""

    def plan(self, request: Request) -> Plan:
        """Answer a request whose required slots are filled. No side effects (see `Plan.commit`)."""


class SkillSet(Protocol):
    """What understanding and answering need of the registry of skills."""

    def intents(self, skills: Sequence[str] | None = None) -> tuple[Intent, ...]:
        """The intents of these skills, or of all; those of the conversation itself are always among them."""

    def plan(self, request: Request) -> Plan:
        """Ask the skill that owns the request's intent."""


@dataclass(frozen=True, slots=True)
class Dialog:
    """What the next turn may refer to: the last request and its reply, and the slot that was asked for."""

    last: Request | None = None
    last_reply: str = ""
    asked: str | None = None


@dataclass(frozen=True, slots=True)
class Understanding:
    """What the reflex tier makes of a text.

    `complete` is the probability (0 to 1) that the request is all said, slots and dialog considered; `missing` names
    required slots that were not said. `amends` is true when the text changes the last request ("no, ten minutes")
    and the slots are then the merged ones. `in_scope` false means that no skill takes it. `addable` names slots that
    may be left out, were, and could still be said; `answers` is true when the text answers the question that the
    assistant asked.
    """

    text: str
    intent: str
    slots: Mapping[str, SlotValue]
    confidence: float
    in_scope: bool
    complete: float
    missing: tuple[str, ...] = ()
    amends: bool = False
    ms: float = 0.0
    addable: tuple[str, ...] = ()
    answers: bool = False
    skills: SkillSet | None = field(default=None, compare=False, repr=False)
    """The skills that it was made for, which answer it too: those of the process may be others by then."""
