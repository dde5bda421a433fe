"""Times: "half past seven", "7:30 pm", "noon tomorrow", "in twenty minutes", "next friday at six".

A time becomes an ISO 8601 local date-time string ("2026-03-05T19:30:00"); a day without a time of day becomes a date
alone ("2026-03-05"). A time without a day is the next one after `now`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from voicebox.skills.parse.dates import date_at
from voicebox.skills.parse.durations import duration_at
from voicebox.skills.parse.numbers import number_at
from voicebox.skills.parse.tokens import Match, Token, match_of, tokenize

__all__ = ["find"]


@dataclass(frozen=True, slots=True)
class _Clock:
    """A time of day; `half` is "am", "pm" or empty when it was not said; `sure` false for a bare number."""

    hour: int
    minute: int
    half: str = ""
    sure: bool = True


@dataclass(frozen=True, slots=True)
class _Before:
    """The day, and the half of it if it is known, that were said before."""

    day: date
    half: str


_NAMED = {"noon": (12, 0), "midday": (12, 0), "midnight": (0, 0), "noontime": (12, 0)}
_FIXED = "fixed"
_HALVES = {"morning": "am", "afternoon": "pm", "evening": "pm", "night": "night"}
_PAST = ("past", "after")
_TO = ("to", "till", "before", "of")
_BARE = 0.5


def find(text: str, now: datetime, *, like: str | None = None) -> list[Match]:
    """All times and days in a text, left to right.

    Args:
        text: what was said.
        now: the caller's local time; its zone is left out of the results.
        like: a time that this one completes or amends: a time of day without a day then falls on its day ("tomorrow" …
            "at seven"), and in the same half of it ("half past seven in the evening" … "no, eight").
    """
    now = now.replace(tzinfo=None)
    before = None if like is None else _Before(date.fromisoformat(like[:10]), _half_of(like))
    tokens = tokenize(text)
    matches: list[Match] = []
    i = 0
    while i < len(tokens):
        found = _time_at(tokens, i, now, before)
        if found is None:
            i += 1
            continue
        value, after, confidence = found
        matches.append(match_of(value, text, tokens, i, after, confidence=confidence))
        i = after
    return matches


def _time_at(tokens: Sequence[Token], i: int, now: datetime, before: _Before | None) -> tuple[str, int, float] | None:
    if (relative := _relative(tokens, i, now)) is not None:
        return (*relative, 1.0)
    clock = _clock_at(tokens, i)
    day = date_at(tokens, i, now.date())
    if day is not None and (clock is None or not clock[0].sure or day[1] > clock[1]):
        return (*_day_then_clock(tokens, day, now), 1.0)
    if clock is None:
        return None
    spoken, after = clock
    later, day_after = _followed_by_day(tokens, after, now)
    if later is not None:
        if not spoken.sure and "T" in _day_then_clock(tokens, (later, day_after), now)[0]:
            # "a table for four tomorrow at seven": the day has its time.
            return None
        half, after = _half_at(tokens, day_after)
        half = half or ("night" if tokens[day_after - 1].text == "tonight" else "")
        spoken = _Clock(spoken.hour, spoken.minute, spoken.half or half)
        return _iso(spoken, later, now), after, 1.0
    said = i > 0 and tokens[i - 1].text in ("at", "by", "until", "till", "past")
    confidence = 1.0 if spoken.sure or said else _BARE
    if before is None:
        return _iso(spoken, None, now), after, confidence
    half = spoken.half or (before.half if 1 <= spoken.hour <= 12 else "")
    return _iso(_Clock(spoken.hour, spoken.minute, half), before.day, now), after, confidence


def _half_of(like: str) -> str:
    """The half of the day of an ISO time; empty for a day alone."""
    return "" if len(like) == len("2026-03-05") else "am" if datetime.fromisoformat(like).hour < 12 else "pm"


def _relative(tokens: Sequence[Token], i: int, now: datetime) -> tuple[str, int] | None:
    """ "in twenty minutes", "two hours from now"; whole days give a date."""
    prefixed = tokens[i].text in ("in", "after")
    duration = duration_at(tokens, i + prefixed)
    if duration is None:
        return None
    seconds, after = duration
    if not prefixed:
        if [token.text for token in tokens[after : after + 2]] != ["from", "now"]:
            return None
        after += 2
    try:
        then = now + timedelta(seconds=seconds)
    except OverflowError:
        return None
    if seconds % 86400 == 0:
        at = _clock_at(tokens, after + 1) if after < len(tokens) and tokens[after].text == "at" else None
        return (_iso(at[0], then.date(), now), at[1]) if at is not None else (then.date().isoformat(), after)
    return then.isoformat(timespec="seconds"), after


def _day_then_clock(tokens: Sequence[Token], day: tuple[date, int], now: datetime) -> tuple[str, int]:
    """A day, perhaps with a part of it and a time: "tomorrow morning at seven"."""
    value, after = day
    half = "night" if tokens[after - 1].text == "tonight" else ""
    part, after = _half_at(tokens, after)
    step = after
    while step < len(tokens) and tokens[step].text in ("at", ",", "by", "around"):
        step += 1
    clock = _clock_at(tokens, step)
    if clock is not None and (clock[0].sure or step > after or step > day[1]):
        spoken, end = clock
        return _iso(_Clock(spoken.hour, spoken.minute, spoken.half or part or half), value, now), end
    return value.isoformat(), after


def _followed_by_day(tokens: Sequence[Token], i: int, now: datetime) -> tuple[date | None, int]:
    step = i
    while step < len(tokens) and tokens[step].text in ("on", ","):
        step += 1
    day = date_at(tokens, step, now.date()) if step < len(tokens) else None
    return day if day is not None else (None, i)


def _clock_at(tokens: Sequence[Token], i: int) -> tuple[_Clock, int] | None:
    """A time of day with its half of the day, and the index after it."""
    if i >= len(tokens):
        return None
    if tokens[i].text in _NAMED:
        return _Clock(*_NAMED[tokens[i].text], _FIXED), i + 1
    found = _spoken_fraction(tokens, i) or _digital(tokens, i) or _hour_minute(tokens, i)
    if found is None:
        return None
    clock, after = found
    half, after_half = _half_at(tokens, after)
    if half and clock.hour <= 12:
        return _Clock(clock.hour, clock.minute, half), after_half
    return clock, after


def _half_at(tokens: Sequence[Token], i: int) -> tuple[str, int]:
    """ "am", "p m", "in the evening", "at night", "morning"."""
    words = [token.text for token in tokens[i : i + 3]]
    if not words:
        return "", i
    if words[0] in ("am", "pm"):
        return words[0], i + 1
    if words[0] in ("a", "p") and words[1:2] == ["m"]:
        return words[0] + "m", i + 2
    if words[0] == "in" and words[1:2] == ["the"] and words[2:] and words[2] in _HALVES:
        return _HALVES[words[2]], i + 3
    if words[:2] == ["at", "night"]:
        return "night", i + 2
    if words[0] in _HALVES:
        return _HALVES[words[0]], i + 1
    return "", i


def _small(tokens: Sequence[Token], i: int, low: int, high: int) -> tuple[int, int] | None:
    number = number_at(tokens, i, fractions=False)
    if number is None or number[0].denominator != 1 or not low <= number[0] <= high:
        return None
    return int(number[0]), number[1]


def _spoken_fraction(tokens: Sequence[Token], i: int) -> tuple[_Clock, int] | None:
    """ "half past seven", "a quarter to eight", "ten past six", "half seven"."""
    start = i + (tokens[i].text == "a")
    if start >= len(tokens):
        return None
    word = tokens[start].text
    minutes = {"half": (30, start + 1), "quarter": (15, start + 1)}.get(word) or _small(tokens, start, 1, 29)
    if minutes is None:
        return None
    count, after = minutes
    if after < len(tokens) and tokens[after].text in ("minutes", "minute"):
        after += 1
    link = tokens[after].text if after < len(tokens) else ""
    if link not in (*_PAST, *_TO):
        return None
    if after + 1 < len(tokens) and tokens[after + 1].text in _NAMED and link in (*_PAST, *_TO):
        hour, end, half = _NAMED[tokens[after + 1].text][0], after + 2, _FIXED
    elif (found := _small(tokens, after + 1, 1, 12)) is not None:
        hour, end, half = *found, ""
    else:
        return None
    if end < len(tokens) and tokens[end].text in ("%", "percent", ":"):
        return None
    if link in _PAST:
        return _Clock(hour, count, half), _oclock(tokens, end)
    earlier = (hour - 1) % 24 if half else (hour - 2) % 12 + 1
    return _Clock(earlier, 60 - count, half), _oclock(tokens, end)


def _oclock(tokens: Sequence[Token], i: int) -> int:
    return i + (i < len(tokens) and tokens[i].text in ("o'clock", "oclock"))


def _digital(tokens: Sequence[Token], i: int) -> tuple[_Clock, int] | None:
    """ "7:30", "19:05"; "7.30" and "730" when "am" or "pm" follows."""
    text = tokens[i].text
    if i + 2 < len(tokens) and tokens[i + 1].text == ":" and tokens[i + 1].glued and tokens[i + 2].glued:
        minute = tokens[i + 2].text
        if text.isdecimal() and minute.isdecimal() and len(minute) == 2 and int(text) < 24 and int(minute) < 60:
            return _Clock(int(text), int(minute)), i + 3
        return None
    joined = text.replace(".", "")
    pointed = "." in text and len(text.partition(".")[2]) == 2
    if joined.isdecimal() and (pointed or (joined == text and len(text) in (3, 4))):
        hour, minute_value = divmod(int(joined), 100)
        half, _ = _half_at(tokens, i + 1)
        said = bool(half) or (i > 0 and tokens[i - 1].text in ("at", "for", "to", "by"))
        if said and 0 < hour < 24 and minute_value < 60:
            return _Clock(hour, minute_value), i + 1
    return None


def _hour_minute(tokens: Sequence[Token], i: int) -> tuple[_Clock, int] | None:
    """ "seven", "seven o'clock", "seven thirty", "seven oh five", "7 30"."""
    hour = _small(tokens, i, 0, 23)
    if hour is None or "." in tokens[i].text:
        return None
    value, after = hour
    oclock = _oclock(tokens, after)
    if oclock > after:
        return _Clock(value, 0), oclock
    if after < len(tokens):
        word = tokens[after].text
        if word in ("oh", "o", "zero") and (digit := _small(tokens, after + 1, 1, 9)) is not None:
            return _Clock(value, digit[0]), digit[1]
        minute = _small(tokens, after, 10, 59)
        if minute is not None and _unit_free(tokens, minute[1]):
            return _Clock(value, minute[0]), minute[1]
    half, _ = _half_at(tokens, after)
    if not half and not _unit_free(tokens, after):
        return None
    return _Clock(value, 0, "", sure=bool(half) and value <= 12), after


def _unit_free(tokens: Sequence[Token], i: int) -> bool:
    """Whether what follows leaves a number a time: not "seven minutes", "seven percent", "seven plus"."""
    if i >= len(tokens):
        return True
    word = tokens[i].text
    if word in ("percent", "%", "degrees", "degree", "°", "times", "plus", "minus", "point", "timer", "/", "hundred"):
        return False
    return not word.startswith(("minute", "second", "hour", "day", "week", "month", "year"))


def _iso(clock: _Clock, day: date | None, now: datetime) -> str:
    """Resolve the half of the day and the day, as a person would mean it."""
    hour, half = clock.hour, clock.half
    candidates = [hour]
    if half == "am":
        candidates = [0 if hour == 12 else hour]
    elif half == "pm":
        candidates = [hour if hour >= 12 else hour + 12]
    elif half == "night":
        # "nine at night" is the evening, "two at night" is early; "midnight tonight" is the end of the day.
        candidates = [hour + 12 if 5 <= hour < 12 else hour % 12 if hour <= 12 else hour]
    elif half != _FIXED and 1 <= hour <= 12:
        candidates = sorted({hour % 12, hour % 12 + 12})
    if day is None:
        options = [
            datetime.combine(now.date() + timedelta(ahead), time(option, clock.minute))
            for ahead in (0, 1)
            for option in candidates
        ]
        return next(option for option in sorted(options) if option > now).isoformat(timespec="seconds")
    options = [datetime.combine(day, time(option, clock.minute)) for option in candidates]
    if half in ("night", _FIXED) and options[0].hour < 5 and (half == "night" or day == now.date()):
        # The night of a day runs into the next one.
        options = [options[0] + timedelta(1)]
    if len(options) == 2:
        if day == now.date() and options[1] > now >= options[0]:
            return options[1].isoformat(timespec="seconds")
        # Without a word about it, five to eleven is the morning and the rest is the afternoon.
        return options[0 if 5 <= hour <= 11 else 1].isoformat(timespec="seconds")
    return options[0].isoformat(timespec="seconds")
