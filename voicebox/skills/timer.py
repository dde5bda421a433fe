"""Timers that ring by themselves."""

from __future__ import annotations

from collections.abc import Callable

from voicebox.skills.base import BuiltinSkill, value_of
from voicebox.skills.intents import timer
from voicebox.skills.scheduler import Timer
from voicebox.skills.state import Household
from voicebox.skills.types import Control, Plan, Request
from voicebox.skills.wording import join_words, pick, plural, spoken_duration

__all__ = ["MAX_TIMERS", "TimerSkill"]

MAX_TIMERS = 20
"""Of one session at once."""
_LONGEST_S = 30 * 86400
_NONE = "You have no timers."


class TimerSkill(BuiltinSkill):
    """Sets, changes and reports a session's timers."""

    def __init__(self, household: Household) -> None:
        handlers = {
            "timer.set": self._set,
            "timer.cancel": self._cancel,
            "timer.remaining": self._remaining,
            "timer.list": self._list,
            "timer.pause": self._pause,
            "timer.resume": self._resume,
            "timer.add": self._add,
        }
        super().__init__("timer", timer.INTENTS, handlers, household)
        self._scheduler = household.scheduler

    def _set(self, request: Request) -> Plan:
        seconds: int = value_of(request, "duration")
        name: str = value_of(request, "name", "")
        data = {"duration_s": seconds, "name": name}
        if len(self._scheduler.timers(request.session)) >= MAX_TIMERS and not request.amends:
            return Plan("Sorry, that's too many timers at once.", data=data)
        if not 0 < seconds <= _LONGEST_S:
            return Plan("Sorry, I can't set a timer for more than 30 days.", data=data)
        duration = spoken_duration(seconds)
        words = f"{duration} for the {name}" if name else duration
        reply = pick(request.text, (f"Okay, {words}.", f"Sure, {words}.", f"Okay, {words}, starting now."))

        def do() -> Callable[[], None]:
            made = self._scheduler.set_timer(request.session, seconds, request.now, name)
            return lambda: self._scheduler.remove(made)

        return self._command(request, reply, do, "the timer", data)

    def _cancel(self, request: Request) -> Plan:
        if self._scheduler.is_ringing(request.session):
            silence = lambda: self._scheduler.silence(request.session)  # noqa: E731 - a commit without an undo
            return Plan("Okay.", commit=silence, control=Control.STOP, data={"intent": request.intent})
        chosen = self._chosen(request)
        words = request.text.lower().split()
        if "all" in words or "every" in words or "timers" in words:
            chosen = self._scheduler.timers(request.session)
        if isinstance(chosen, Plan):
            return chosen
        subject = f"the {chosen[0].title} is" if len(chosen) == 1 else f"{len(chosen)} timers are"
        if not chosen:
            return Plan(_NONE)

        def do() -> Callable[[], None]:
            self._scheduler.remove(*chosen)
            return lambda: self._scheduler.put(*chosen)

        return self._command(request, f"Okay, {subject} cancelled.", do, "that", {"cancelled": len(chosen)})

    def _remaining(self, request: Request) -> Plan:
        own = self._scheduler.timers(request.session)
        if len(own) > 1 and not _names_one(request):
            return self._list(request)
        chosen = self._chosen(request)
        if isinstance(chosen, Plan):
            return chosen
        left = chosen[0].remaining_s(request.now)
        paused = " It's paused." if chosen[0].due_s is None else ""
        whose = f" on the {chosen[0].title}" if chosen[0].name else ""
        return Plan(f"{spoken_duration(left)} left{whose}.{paused}", data={"left_s": round(left)})

    def _list(self, request: Request) -> Plan:
        own = self._scheduler.timers(request.session)
        data = {"timers": [{"name": t.name, "left_s": round(t.remaining_s(request.now))} for t in own]}
        if not own:
            return Plan(_NONE, data=data)
        said = [f"{_article(one)} with {spoken_duration(one.remaining_s(request.now))} left" for one in own]
        return Plan(f"You have {plural(len(own), 'timer')}: {join_words(said)}.", data=data)

    def _pause(self, request: Request) -> Plan:
        chosen = self._chosen(request)
        if isinstance(chosen, Plan):
            return chosen
        one = chosen[0]
        left = spoken_duration(one.remaining_s(request.now))
        if one.due_s is None:
            return Plan(f"It's paused already, with {left} left.")

        def do() -> Callable[[], None]:
            self._scheduler.pause(one, request.now)
            return lambda: self._scheduler.put(one)

        return self._command(request, f"Okay, paused with {left} left.", do, "that", {"name": one.name})

    def _resume(self, request: Request) -> Plan:
        chosen = self._chosen(request, paused=True)
        if isinstance(chosen, Plan):
            return chosen
        one = chosen[0]
        left = spoken_duration(one.remaining_s(request.now))
        if one.due_s is not None:
            return Plan(f"It's running, with {left} left.")

        def do() -> Callable[[], None]:
            self._scheduler.resume(one, request.now)
            return lambda: self._scheduler.put(one)

        return self._command(request, f"Okay, {left} to go.", do, "that", {"name": one.name})

    def _add(self, request: Request) -> Plan:
        seconds: int = value_of(request, "duration")
        chosen = self._chosen(request, by_duration=False)
        if isinstance(chosen, Plan):
            return chosen
        one = chosen[0]
        left = spoken_duration(one.remaining_s(request.now) + seconds)

        def do() -> Callable[[], None]:
            self._scheduler.extend(one, seconds)
            return lambda: self._scheduler.put(one)

        return self._command(request, f"Okay, {left} now.", do, "that", {"added_s": seconds, "name": one.name})

    def _chosen(self, request: Request, *, paused: bool = False, by_duration: bool = True) -> list[Timer] | Plan:
        """The timer that a request means, as a list of one; a question or a statement where there is none such."""
        own = self._scheduler.timers(request.session)
        if not own:
            return Plan(_NONE)
        name: str | None = value_of(request, "name")
        if name is not None:
            named = [one for one in own if _same_name(one.name, name)]
            return named[:1] or Plan(f"There is no {name} timer.")
        seconds = value_of(request, "duration") if by_duration else None
        if seconds is not None:
            lasting = [one for one in own if one.duration_s == seconds]
            return lasting[:1] or Plan(f"There is no {spoken_duration(seconds, attributive=True)} timer.")
        if paused:
            own = [one for one in own if one.due_s is None] or own
        if len(own) > 1 and not request.intent.startswith("timer.remaining"):
            titles = join_words([f"the {one.title}" for one in own])
            return Plan(f"Which one? You have {titles}.", ask="name")
        return own[:1]


def _names_one(request: Request) -> bool:
    return "name" in request.slots or "duration" in request.slots


def _article(one: Timer) -> str:
    return f"{'an' if one.title[0] in 'aeiou8' or one.title.startswith(('11 ', '18 ')) else 'a'} {one.title}"


def _same_name(left: str, right: str) -> bool:
    return left.removesuffix("s") == right.removesuffix("s")
