"""What the skills know: the household that all sessions share, and what belongs to one session.

Everything is in memory, lives on the event loop, and changes only in `Plan.commit`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from voicebox.skills.scheduler import Announcement, Scheduler

__all__ = ["Household", "Light", "Subscription", "Undo", "Volume"]

UNDO_WITHIN_S = 60.0
"""How long after a command "never mind" still takes it back."""


@dataclass(slots=True)
class Light:
    """The lights of one room: `level` in percent is kept while they are off."""

    on: bool = False
    level: int = 100
    color: str = "white"


@dataclass(slots=True)
class Volume:
    """How loud a session's voice is, in percent."""

    level: int = 50
    muted: bool = False


@dataclass(frozen=True, slots=True)
class Undo:
    """How to take back a session's last command; `what` completes "… is cancelled"."""

    at: datetime
    intent: str
    what: str
    back: Callable[[], None]


Subscription = Callable[[], None]
"""Call it to end a subscription."""


@dataclass(slots=True)
class Household:
    """Devices, lists, timers, volumes. One per process."""

    scheduler: Scheduler = field(default_factory=Scheduler)
    lights: dict[str, Light] = field(default_factory=dict)
    devices: dict[tuple[str, str], bool] = field(default_factory=dict)
    """(device, room or "") → on."""
    blinds: dict[str, bool] = field(default_factory=dict)
    """Room → open."""
    thermostat: float = 21.0
    """Degrees Celsius."""
    lists: dict[str, list[str]] = field(default_factory=dict)
    changed: Callable[[str], None] | None = None
    """Told, by session, when a skill has changed something, or has taken it back."""
    _volumes: dict[str, Volume] = field(default_factory=dict)
    _undo: dict[str, Undo] = field(default_factory=dict)
    _subscribers: dict[str, list[Callable[[Announcement], None]]] = field(default_factory=dict)

    def due(self, now: datetime) -> list[Announcement]:
        """What rings now; see `Scheduler.due`. Subscribers of the sessions are told too."""
        announcements = self.scheduler.due(now)
        for announcement in announcements:
            for callback in list(self._subscribers.get(announcement.session, ())):
                callback(announcement)
        return announcements

    def next_due(self) -> datetime | None:
        """When `due` has something to say next (UTC), or None."""
        return self.scheduler.next_due()

    def subscribe(self, session: str, callback: Callable[[Announcement], None]) -> Subscription:
        """Be told of what rings in a session, from `due`; the result ends it (idempotent)."""
        callbacks = self._subscribers.setdefault(session, [])
        callbacks.append(callback)

        def unsubscribe() -> None:
            if callback in callbacks:
                callbacks.remove(callback)

        return unsubscribe

    def silence(self, session: str) -> None:
        """What rings in a session has been heard."""
        self.scheduler.silence(session)

    def volume(self, session: str) -> Volume:
        """A session's volume; change it in place."""
        return self._volumes.setdefault(session, Volume())

    def peek_volume(self, session: str) -> Volume:
        """A copy of a session's volume that changes nothing."""
        volume = self._volumes.get(session)
        return Volume() if volume is None else Volume(volume.level, volume.muted)

    def remember_undo(self, session: str, undo: Undo) -> None:
        """Keep how to take back what a session just did."""
        self._undo[session] = undo

    def undoable(self, session: str, now: datetime) -> Undo | None:
        """The last command of a session, if it is recent enough to be taken back."""
        undo = self._undo.get(session)
        if undo is None or (now - undo.at).total_seconds() > UNDO_WITHIN_S:
            return None
        return undo

    def take_back(self, session: str, intent: str | None = None) -> None:
        """Undo a session's last command, if there is one; with `intent` only if it was that."""
        undo = self._undo.get(session)
        if undo is not None and intent in (None, undo.intent):
            del self._undo[session]
            undo.back()
            self.tell_changed(session)

    def tell_changed(self, session: str) -> None:
        """Something was changed for a session."""
        if self.changed is not None:
            self.changed(session)

    def forget(self, session: str) -> None:
        """A session is gone: its timers, alarms and volume with it. Devices and lists stay."""
        self.scheduler.forget(session)
        for of_session in (self._volumes, self._undo, self._subscribers):
            of_session.pop(session, None)
