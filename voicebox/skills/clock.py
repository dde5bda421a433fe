"""Clock: time, also elsewhere, dates, days of the week, days until."""

from __future__ import annotations

from datetime import date, datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from voicebox.skills.base import BuiltinSkill, value_of
from voicebox.skills.intents import clock
from voicebox.skills.state import Household
from voicebox.skills.types import Plan, Request
from voicebox.skills.wording import plural, spoken_clock, spoken_date

__all__ = ["ClockSkill"]

_ZONE_OF = {place: zone for city, (zone, others) in clock.ZONES.items() for place in (city, *others)}


class ClockSkill(BuiltinSkill):
    """Tells times and days; changes nothing."""

    def __init__(self, household: Household) -> None:
        handlers = {
            "clock.time": self._time,
            "clock.date": self._date,
            "clock.day": self._day,
            "clock.until": self._until,
        }
        super().__init__("clock", clock.INTENTS, handlers, household)

    def _time(self, request: Request) -> Plan:
        place = value_of(request, "place")
        if place is None:
            now = request.now
            return Plan(f"It's {spoken_clock(now)}.", data={"time": now.isoformat(timespec="minutes")})
        try:
            zone = ZoneInfo(_ZONE_OF[place])
        except ZoneInfoNotFoundError:
            return Plan("Sorry, I have no time zones on this machine.", data={"place": place})
        there = request.now.astimezone(zone)
        local = request.now.astimezone() if request.now.tzinfo is None else request.now
        day = ""
        if there.date() != local.date():
            day = " tomorrow" if there.date() > local.date() else " yesterday"
        reply = f"In {_title(place)}, it's {spoken_clock(there)}{day}."
        return Plan(reply, data={"place": place, "time": there.isoformat(timespec="minutes")})

    def _date(self, request: Request) -> Plan:
        day = _day_of(request)
        if day is None:
            today = request.now.date()
            return Plan(f"It's {spoken_date(today)}, {today.year}.", data={"date": today.isoformat()})
        words = _subject(request)
        return Plan(f"{words} is {spoken_date(day)}{_year(day, request.now)}.", data={"date": day.isoformat()})

    def _day(self, request: Request) -> Plan:
        day = _day_of(request)
        if day is None:
            return Plan(f"It's {request.now:%A}.", data={"date": request.now.date().isoformat()})
        verb = "is" if day >= request.now.date() else "was"
        return Plan(f"{_subject(request)} {verb} a {day:%A}.", data={"date": day.isoformat()})

    def _until(self, request: Request) -> Plan:
        day = _day_of(request) or request.now.date()
        days = (day - request.now.date()).days
        data = {"date": day.isoformat(), "days": days}
        words = _subject(request)
        if days == 0:
            return Plan(f"That's today: {spoken_date(day)}.", data=data)
        if days < 0:
            return Plan(f"{words} was {plural(-days, 'day')} ago.", data=data)
        weeks = f", that's {plural(days // 7, 'week')}" if "week" in request.text.lower() and days % 7 == 0 else ""
        return Plan(f"{plural(days, 'day')} until {_lowered(words)}{weeks}.", data=data)


def _day_of(request: Request) -> date | None:
    value = value_of(request, "day")
    return None if value is None else datetime.fromisoformat(value).date()


def _subject(request: Request) -> str:
    """The day as the caller named it, with the capitals of a sentence's beginning."""
    words = " ".join(request.slots["day"].text.lower().split()).split()
    small = ("of", "the", "de", "after", "at", "in", "next", "this", "weekend", "weeks", "days")
    return _capital(" ".join(word if word in small else _capital(word) for word in words))


def _lowered(words: str) -> str:
    """A subject inside a sentence: names of days keep their capital."""
    return words[0].lower() + words[1:] if words.startswith(("The ", "Next ", "This ", "Tomorrow", "In ")) else words


def _title(words: str) -> str:
    return " ".join(word if word in ("of", "the", "de") else _capital(word) for word in words.split())


def _capital(word: str) -> str:
    return word[:1].upper() + word[1:]


def _year(day: date, now: datetime) -> str:
    return f", {day.year}" if day.year != now.year else ""
