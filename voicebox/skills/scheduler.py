"""Timers and alarms that ring by themselves. Time is an argument: whoever drives it asks what is due.

Instants are seconds since the epoch (`datetime.timestamp()`), so that a change of the clock's zone moves no timer.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Literal

from voicebox.skills.wording import spoken_clock, spoken_duration

__all__ = ["Alarm", "Announcement", "Scheduler", "Timer"]

_REPEAT_S = 20.0
_REPEATS = 2
"""An alarm that nobody silences rings this many times more, `_REPEAT_S` apart."""


@dataclass(frozen=True, slots=True)
class Timer:
    """A countdown: running (`due_s`) or paused (`due_s` None, `left_s` when it was paused)."""

    id: int
    session: str
    duration_s: int
    due_s: float | None
    name: str = ""
    left_s: float = 0.0

    def remaining_s(self, now: datetime) -> float:
        """Seconds until it rings, or until it would if it went on."""
        return self.left_s if self.due_s is None else max(0.0, self.due_s - now.timestamp())

    @property
    def title(self) -> str:
        """What to call it: "pasta timer", "10 minute timer"."""
        return f"{self.name} timer" if self.name else f"{spoken_duration(self.duration_s, attributive=True)} timer"


@dataclass(frozen=True, slots=True)
class Alarm:
    """Rings at an instant; `local` is the same as the caller said it."""

    id: int
    session: str
    due_s: float
    local: datetime


@dataclass(frozen=True, slots=True)
class Announcement:
    """What to say unasked, to the session that set it."""

    session: str
    text: str
    kind: Literal["timer", "alarm"]
    id: int
    due_s: float


@dataclass(frozen=True, slots=True)
class _Ringing:
    announcement: Announcement
    again_s: float
    left: int


class Scheduler:
    """All timers and alarms of a process. Not thread-safe: it lives on the event loop."""

    def __init__(self) -> None:
        self._ids = itertools.count(1)
        self._timers: dict[int, Timer] = {}
        self._alarms: dict[int, Alarm] = {}
        self._ringing: list[_Ringing] = []

    def timers(self, session: str) -> list[Timer]:
        """A session's timers, the next to ring first, paused ones last."""
        own = [timer for timer in self._timers.values() if timer.session == session]
        return sorted(own, key=lambda timer: (timer.due_s is None, timer.due_s or 0.0, timer.id))

    def alarms(self, session: str) -> list[Alarm]:
        """A session's alarms, the next to ring first."""
        return sorted((a for a in self._alarms.values() if a.session == session), key=lambda a: (a.due_s, a.id))

    def set_timer(self, session: str, duration_s: int, now: datetime, name: str = "") -> Timer:
        """Start a timer."""
        timer = Timer(next(self._ids), session, duration_s, now.timestamp() + duration_s, name)
        self._timers[timer.id] = timer
        return timer

    def set_alarm(self, session: str, local: datetime, now: datetime) -> Alarm:
        """Set an alarm to a local time; a naive one is in the zone of `now`."""
        due = local if local.tzinfo is not None else local.replace(tzinfo=now.tzinfo)
        alarm = Alarm(next(self._ids), session, due.timestamp(), local)
        self._alarms[alarm.id] = alarm
        return alarm

    def put(self, *items: Timer | Alarm) -> None:
        """Restore or replace timers and alarms."""
        for item in items:
            if isinstance(item, Timer):
                self._timers[item.id] = item
            else:
                self._alarms[item.id] = item

    def remove(self, *items: Timer | Alarm) -> None:
        """Forget timers and alarms; those that are gone already are no error."""
        for item in items:
            (self._timers if isinstance(item, Timer) else self._alarms).pop(item.id, None)

    def pause(self, timer: Timer, now: datetime) -> None:
        """Hold a timer where it is, if it still runs."""
        if timer.id in self._timers and timer.due_s is not None:
            self.put(replace(timer, due_s=None, left_s=timer.remaining_s(now)))

    def resume(self, timer: Timer, now: datetime) -> None:
        """Let a paused timer run on."""
        if timer.id in self._timers and timer.due_s is None:
            self.put(replace(timer, due_s=now.timestamp() + timer.left_s, left_s=0.0))

    def extend(self, timer: Timer, seconds: int) -> None:
        """Add time to a timer that has not rung yet."""
        if timer.id not in self._timers:
            return
        later = None if timer.due_s is None else timer.due_s + seconds
        self.put(replace(timer, due_s=later, left_s=timer.left_s + (seconds if later is None else 0)))

    def next_due(self) -> datetime | None:
        """The next instant (UTC) at which `due` has something to say; None if there is none."""
        instants = [timer.due_s for timer in self._timers.values() if timer.due_s is not None]
        instants += [alarm.due_s for alarm in self._alarms.values()]
        instants += [ringing.again_s for ringing in self._ringing]
        return datetime.fromtimestamp(min(instants), UTC) if instants else None

    def due(self, now: datetime) -> list[Announcement]:
        """What has come due and was not announced yet, in the order of its time."""
        now_s = now.timestamp()
        rung = [timer for timer in self._timers.values() if timer.due_s is not None and timer.due_s <= now_s]
        announcements = [_timer_rings(timer) for timer in rung]
        self.remove(*rung)
        alarms = [alarm for alarm in self._alarms.values() if alarm.due_s <= now_s]
        self.remove(*alarms)
        for alarm in alarms:
            announcement = _alarm_rings(alarm)
            announcements.append(announcement)
            self._ringing.append(_Ringing(announcement, now_s + _REPEAT_S, _REPEATS))
        announcements += self._repeat(now_s)
        return sorted(announcements, key=lambda announcement: announcement.due_s)

    def is_ringing(self, session: str) -> bool:
        """Whether an alarm of the session still wants to be silenced."""
        return any(ringing.announcement.session == session for ringing in self._ringing)

    def silence(self, session: str) -> None:
        """What rings in a session has been heard."""
        self._ringing = [ringing for ringing in self._ringing if ringing.announcement.session != session]

    def forget(self, session: str) -> None:
        """The session is gone, and its timers and alarms with it."""
        self.silence(session)
        self.remove(*self.timers(session), *self.alarms(session))

    def _repeat(self, now_s: float) -> Iterable[Announcement]:
        again: list[Announcement] = []
        kept: list[_Ringing] = []
        for ringing in self._ringing:
            if ringing.again_s > now_s:
                kept.append(ringing)
                continue
            again.append(replace(ringing.announcement, due_s=ringing.again_s))
            if ringing.left > 1:
                kept.append(_Ringing(ringing.announcement, now_s + _REPEAT_S, ringing.left - 1))
        self._ringing = kept
        return again


def _timer_rings(timer: Timer) -> Announcement:
    return Announcement(timer.session, f"Your {timer.title} is done.", "timer", timer.id, timer.due_s or 0.0)


def _alarm_rings(alarm: Alarm) -> Announcement:
    text = f"Your alarm: it's {spoken_clock(alarm.local)}."
    return Announcement(alarm.session, text, "alarm", alarm.id, alarm.due_s)
