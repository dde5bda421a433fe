from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from voicebox.skills.parse import find, find_text
from voicebox.skills.registry import Registry, default_registry
from voicebox.skills.state import Household
from voicebox.skills.types import Intent, Plan, Request, SlotKind, SlotValue

NOW = datetime(2026, 3, 4, 15, 10)  # a Wednesday


def slots_of(intent: Intent, text: str, now: datetime) -> dict[str, SlotValue]:
    """What is said literally; sound and context are for others."""
    slots: dict[str, SlotValue] = {}
    free = text
    for slot in intent.slots:
        if slot.kind in (SlotKind.CHOICE, SlotKind.TEXT):
            continue
        if matches := find(slot.kind, text, now):
            match = matches[0]
            slots[slot.name] = SlotValue(match.value, match.text, match.confidence)
            free = free.replace(match.text, "")
    for slot in intent.slots:
        if slot.kind is SlotKind.TEXT and (match := find_text(intent, slot, text)) is not None:
            slots[slot.name] = SlotValue(match.value, match.text, match.confidence)
        if slot.kind is SlotKind.CHOICE:
            forms = {form: value for value, more in slot.values.items() for form in (value, *more)}
            said = [form for form in forms if re.search(rf"\b{re.escape(form)}\b", free)]
            if said:
                longest = max(said, key=len)
                slots[slot.name] = SlotValue(forms[longest], longest)
    return slots


class Talk:
    """A session that is understood literally, with a clock that the test moves."""

    def __init__(self, registry: Registry, household: Household) -> None:
        self.registry = registry
        self.household = household
        self.now = NOW

    def plan(
        self, intent: str, text: str, *, amends: bool = False, session: str = "s", asked: str | None = None
    ) -> Plan:
        slots = slots_of(self.registry.intent(intent), text, self.now)
        return self.registry.plan(Request(intent, slots, text, self.now, session, amends, asked))

    def say(self, intent: str, text: str, *, amends: bool = False, session: str = "s") -> str:
        plan = self.plan(intent, text, amends=amends, session=session)
        if plan.commit is not None:
            plan.commit()
        return plan.reply

    def later(self, **more: float) -> list[str]:
        self.now += timedelta(**more)
        return [announcement.text for announcement in self.household.due(self.now)]


@pytest.fixture(scope="session")
def make_registry() -> Callable[[Household], Registry]:
    return default_registry


@pytest.fixture
def talk(make_registry: Callable[[Household], Registry]) -> Talk:
    household = Household()
    return Talk(make_registry(household), household)
