"""What the built-in skills have in common."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from voicebox.skills.state import Household, Undo
from voicebox.skills.types import Control, Intent, Plan, Request

__all__ = ["BuiltinSkill", "Handler", "value_of"]

Handler = Callable[[Request], Plan]
"""Answers one intent."""


class BuiltinSkill:
    """A skill whose intents each have a handler.

    Args:
        name: short name.
        intents: its declarations.
        handlers: by intent name.
        household: the state that it reads and, at commit, changes.
    """

    def __init__(
        self, name: str, intents: tuple[Intent, ...], handlers: Mapping[str, Handler], household: Household
    ) -> None:
        undeclared = {intent.name for intent in intents} ^ handlers.keys()
        if undeclared:
            raise ValueError(f"skill {name}: declared or handled only: {sorted(undeclared)}")
        self._name = name
        self._intents = intents
        self._handlers = handlers
        self._household = household

    @property
    def name(self) -> str:
        """Short name."""
        return self._name

    @property
    def intents(self) -> tuple[Intent, ...]:
        """All that it does."""
        return self._intents

    def plan(self, request: Request) -> Plan:
        """Answer a request. Raises KeyError for an intent that is not its own."""
        return self._handlers[request.intent](request)

    def _command(
        self,
        request: Request,
        reply: str,
        do: Callable[[], Callable[[], None]],
        what: str,
        data: Mapping[str, Any],
        control: Control | None = None,
    ) -> Plan:
        """A plan that changes something: `do` does it and returns how to take it back; `what` names it."""
        household = self._household

        def commit() -> None:
            if request.amends and not _adds(request.text):
                household.take_back(request.session, request.intent)
            undo = Undo(request.now, request.intent, what, do())
            household.remember_undo(request.session, undo)
            household.tell_changed(request.session)

        return Plan(reply, commit=commit, control=control, data={"intent": request.intent, **data})


_MORE = re.compile(r"^\W*(?:and|also|plus)\b|\b(?:too|as well|also)\W*$", re.IGNORECASE)
_OTHER = re.compile(r"\b(?:no|not|actually|instead|make (?:it|that)|change|i meant?|i said)\b", re.IGNORECASE)


def _adds(text: str) -> bool:
    """Whether a fragment asks for more of the same ("and butter", "the bedroom too") and takes nothing back."""
    return _MORE.search(text) is not None and _OTHER.search(text) is None


def value_of(request: Request, slot: str, default: Any = None) -> Any:
    """A slot's value, or the default if it was not said."""
    found = request.slots.get(slot)
    return default if found is None else found.value
