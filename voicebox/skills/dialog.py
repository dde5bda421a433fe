"""The conversation itself: stop, cancel, repeat, help, courtesies, and fragments that amend nothing."""

from __future__ import annotations

from voicebox.skills.base import BuiltinSkill
from voicebox.skills.intents import dialog
from voicebox.skills.intents.correct import CORRECT
from voicebox.skills.state import Household
from voicebox.skills.types import Control, Plan, Request
from voicebox.skills.wording import join_words, pick

__all__ = ["DialogSkill"]


class DialogSkill(BuiltinSkill):
    """Courtesies and conversation control.

    Args:
        household: whose alarms are silenced and whose last command is taken back.
        capabilities: what the other skills do, for "what can you do"; a registry fills it in.
    """

    def __init__(self, household: Household, capabilities: tuple[str, ...] = ()) -> None:
        handlers = {
            "dialog.stop": self._stop,
            "dialog.cancel": self._cancel,
            "dialog.repeat": lambda _: Plan("", control=Control.REPEAT),
            "dialog.help": self._help,
            "dialog.thanks": lambda request: Plan(pick(request.text, ("You're welcome.", "My pleasure.", "Any time."))),
            "dialog.greet": self._greet,
            "dialog.goodbye": self._goodbye,
            "dialog.yes": lambda _: Plan("Okay."),
            "dialog.no": lambda _: Plan("Okay. What would you like instead?"),
            CORRECT: lambda _: Plan("Sorry, I'm not sure what to change. Could you say it all again?"),
        }
        super().__init__("dialog", dialog.INTENTS, handlers, household)
        self._capabilities = capabilities

    def naming(self, capabilities: tuple[str, ...]) -> DialogSkill:
        """The same skill that names these capabilities when it is asked."""
        return DialogSkill(self._household, capabilities)

    def _stop(self, request: Request) -> Plan:
        return Plan("Okay.", commit=lambda: self._household.silence(request.session), control=Control.STOP)

    def _cancel(self, request: Request) -> Plan:
        undo = self._household.undoable(request.session, request.now)
        if undo is None or request.asked is not None:
            return Plan("Okay, never mind.", control=Control.CANCEL)
        return Plan(
            f"Okay, {undo.what} is cancelled." if undo.what != "that" else "Okay, I took that back.",
            commit=lambda: self._household.take_back(request.session),
            control=Control.CANCEL,
            data={"undone": True},
        )

    def _help(self, request: Request) -> Plan:
        skills = self._capabilities
        shown = join_words(skills) if skills else "talk with you"
        return Plan(f"Sure. I can {shown}. What would you like?", data={"capabilities": list(skills)})

    def _greet(self, request: Request) -> Plan:
        hour = request.now.hour
        text = request.text.lower()
        if any(part in text for part in ("morning", "afternoon", "evening")):
            part = "morning" if 4 <= hour < 12 else "afternoon" if 12 <= hour < 18 else "evening"
            return Plan(f"Good {part}! What can I do for you?")
        if "hear me" in text or "there" in text.split()[-1:]:
            return Plan("Yes, I'm listening.")
        return Plan(pick(request.text, ("Hello! What can I do for you?", "Hi! How can I help?")))

    def _goodbye(self, request: Request) -> Plan:
        if "night" in request.text.lower():
            return Plan("Good night!")
        return Plan(pick(request.text, ("Goodbye!", "Bye! Talk to you soon.")))
