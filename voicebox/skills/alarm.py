"""Alarms that ring by themselves."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime, timedelta

from voicebox.skills.base import BuiltinSkill, value_of
from voicebox.skills.intents import alarm
from voicebox.skills.scheduler import Alarm
from voicebox.skills.state import Household
from voicebox.skills.types import Control, Plan, Request
from voicebox.skills.wording import join_words, plural, spoken_clock, spoken_day

__all__ = ["MAX_ALARMS", "AlarmSkill"]

MAX_ALARMS = 20
"""Of one session at once."""
_NONE = "You have no alarms."
_WAKING = re.compile(r"\b(?:wake|wakes|waking|get (?:me )?up|be up|i'm up|sleep)\b")
_HALF_SAID = re.compile(r"\b(?:[ap]\.? ?m\b|noon|midday|midnight|morning|afternoon|evening|night|tonight|in |from )")


class AlarmSkill(BuiltinSkill):
    """Sets, cancels and lists a session's alarms."""

    def __init__(self, household: Household) -> None:
        handlers = {"alarm.set": self._set, "alarm.cancel": self._cancel, "alarm.list": self._list}
        super().__init__("alarm", alarm.INTENTS, handlers, household)
        self._scheduler = household.scheduler

    def _set(self, request: Request) -> Plan:
        value: str = value_of(request, "time")
        now = request.now.replace(tzinfo=None)
        if len(value) == len("2026-03-05"):
            day = datetime.fromisoformat(value).date()
            return Plan(f"At what time {spoken_day(day, now.date())}?", ask="time", data={"day": value})
        when = datetime.fromisoformat(value)
        if _WAKING.search(request.text.lower()) and not _HALF_SAID.search(request.slots["time"].text.lower()):
            when = _morning(when, now)
        if when <= now:
            return Plan("That time is over already.", data={"time": value})
        if len(self._scheduler.alarms(request.session)) >= MAX_ALARMS and not request.amends:
            return Plan("Sorry, that's too many alarms at once.", data={"time": value})
        reply = f"Okay, {spoken_clock(when)} {spoken_day(when.date(), now.date())}."

        def do() -> Callable[[], None]:
            made = self._scheduler.set_alarm(request.session, when, request.now)
            return lambda: self._scheduler.remove(made)

        return self._command(request, reply, do, "the alarm", {"time": when.isoformat(timespec="seconds")})

    def _cancel(self, request: Request) -> Plan:
        if self._scheduler.is_ringing(request.session):
            silence = lambda: self._scheduler.silence(request.session)  # noqa: E731 - a commit without an undo
            return Plan("Okay.", commit=silence, control=Control.STOP, data={"intent": request.intent})
        own = self._scheduler.alarms(request.session)
        if not own:
            return Plan(_NONE)
        words = request.text.lower().split()
        value: str | None = value_of(request, "time")
        if "all" in words or "every" in words or "alarms" in words:
            chosen = own
        elif value is not None:
            chosen = [one for one in own if _meant(one, value)]
            if not chosen:
                return Plan("There is no alarm at that time.")
        elif len(own) > 1:
            titles = join_words([spoken_clock(one.local) for one in own])
            return Plan(f"Which one? You have alarms at {titles}.", ask="time")
        else:
            chosen = own
        subject = f"the {spoken_clock(chosen[0].local)} alarm is" if len(chosen) == 1 else f"{len(chosen)} alarms are"

        def do() -> Callable[[], None]:
            self._scheduler.remove(*chosen)
            return lambda: self._scheduler.put(*chosen)

        return self._command(request, f"Okay, {subject} cancelled.", do, "that", {"cancelled": len(chosen)})

    def _list(self, request: Request) -> Plan:
        own = self._scheduler.alarms(request.session)
        data = {"alarms": [one.local.isoformat(timespec="seconds") for one in own]}
        if not own:
            return Plan(_NONE, data=data)
        today = request.now.date()
        said = [f"{spoken_clock(one.local)} {spoken_day(one.local.date(), today)}" for one in own]
        if len(own) == 1:
            return Plan(f"You have an alarm at {said[0]}.", data=data)
        return Plan(f"You have {plural(len(own), 'alarm')}: {join_words(said)}.", data=data)


def _morning(when: datetime, now: datetime) -> datetime:
    """People are woken in the morning: the same clock time before noon, after now."""
    if when.hour >= 16:
        when -= timedelta(hours=12)
    return when if when > now else when + timedelta(days=1)


def _meant(one: Alarm, value: str) -> bool:
    """Whether a time that was said means an alarm: same day, or same clock time up to its half of the day."""
    said = datetime.fromisoformat(value)
    if len(value) == len("2026-03-05"):
        return one.local.date() == said.date()
    return (one.local.hour % 12, one.local.minute) == (said.hour % 12, said.minute)
