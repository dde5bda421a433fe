"""Dates, times of day, years."""

from __future__ import annotations

import re

from voicebox.tts.rules import ordinal, rule

__all__ = ["DATES"]

_MONTHS = "January February March April May June July August September October November December".split()
_MONTH = "|".join(_MONTHS)
_SHORT_MONTHS = "|".join(m[:3] for m in _MONTHS if m != "May") + "|Sept"
_CENTURIES = "ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen twenty".split()
_DAYS = {"Mon": "Monday", "Tue": "Tuesday", "Wed": "Wednesday", "Thu": "Thursday", "Fri": "Friday", "Sat": "Saturday"}
_DAYS |= {"Sun": "Sunday"}
_SHORT_DAYS = "Mon|Tues|Tue|Wed|Thurs|Thur|Thu|Fri|Sat|Sun"
_NO_DAY = r"(?!\d|[:.,/]\d|\s?(?:million|billion|thousand|hundred|people|percent|times|%|[ap]\.?m\b))"
_DAY = rf"(?P<day>[12]\d|3[01]|[1-9])(?:st|nd|rd|th)?\b{_NO_DAY}"


def _date(match: re.Match[str]) -> str:
    month, day, year = int(match["month"]), int(match["day"]), match["year"]
    if not (1 <= month <= 12 and 1 <= day <= 31):
        return match[0]
    return f"{_MONTHS[month - 1]} {ordinal(day)}, {year}"


def _date_without_year(match: re.Match[str]) -> str:
    month, day = int(match["month"]), int(match["day"])
    if not (1 <= month <= 12 and 1 <= day <= 31):
        return match[0]
    return f"{match['before']}{_MONTHS[month - 1]} {ordinal(day)}"


def _month(match: re.Match[str]) -> str:
    return next(m for m in _MONTHS if m.startswith(match[1][:3]))


def _weekday(match: re.Match[str]) -> str:
    return _DAYS[match[1][:3]]


def _clock(match: re.Match[str]) -> str:
    hour, minute = int(match["hour"]), int(match["minute"])
    if hour > 24 or minute > 59:
        return match[0]
    half = f" {match['half'].upper()}M" if match["half"] else ""
    if minute == 0:
        if half:
            return f"{hour}{half}"
        return f"{hour} o'clock" if 1 <= hour <= 12 else f"{hour} hundred hours"
    return f"{hour} {'oh ' if minute < 10 else ''}{minute}{half}"


def _seconds(match: re.Match[str]) -> str:
    hour, minute, second = (int(part) for part in match.groups())
    if minute > 59 or second > 59 or hour > 24:
        return match[0]
    if len(match[1]) == 2:
        return f"{hour}:{match[2]} and {_count(second, 'second')}"
    parts = [_count(n, unit) for n, unit in ((hour, "hour"), (minute, "minute")) if n]
    return " ".join([*parts, *(["and"] if parts else []), _count(second, "second")])


def _count(number: int, unit: str) -> str:
    return f"{number} {unit}{'' if number == 1 else 's'}"


def said_year(year: str) -> str:
    """A year from 1000 to 2099 as it is said: "nineteen 99"; as it is where espeak-ng says it right."""
    century, rest = year[:2], int(year[2:])
    if year[1] == "0" and rest < 10:
        return year
    return f"{_CENTURIES[int(century) - 10]} {'hundred' if rest == 0 else f'oh {rest}' if rest < 10 else rest}"


def _years(match: re.Match[str]) -> str:
    first, second = match["first"], match["second"]
    if not int(first) < int(second) < int(first) + 200:
        return match[0]
    return f"{said_year(first)} to {said_year(second)}"


def _decade(match: re.Match[str]) -> str:
    names = {"2": "twenties", "3": "thirties", "4": "forties", "5": "fifties", "6": "sixties", "7": "seventies"}
    names |= {"8": "eighties", "9": "nineties"}
    century = f"{match[1]} " if match[1] else ""
    return century + names[match[2]]


_YEAR = r"(?:1[1-9]\d\d|20\d\d)"

DATES = (
    rule(r"\b(?P<year>[12]\d{3})-(?P<month>\d\d)-(?P<day>\d\d)\b(?!-)", _date),
    rule(r"\b(?P<month>\d{1,2})/(?P<day>\d{1,2})/(?P<year>[12]\d{3})\b(?!/)", _date),
    rule(r"(?<![\d.])(?P<day>\d{1,2})\.(?P<month>\d{1,2})\.(?P<year>[12]\d{3})\b(?!\.\d)", _date),
    rule(r"\b(?P<before>(?:on|by|until|since)\s)(?P<month>\d{1,2})/(?P<day>\d{1,2})\b(?![/\d])", _date_without_year),
    # Ranges of times, before their dash is read otherwise
    rule(r"(?<=\d:\d\d)\s?[-–]\s?(?=\d{1,2}:\d\d)", " to "),
    rule(r"(?<=\d[ap]m)\s?[-–]\s?(?=\d)|(?<=\d\s[ap]m)\s?[-–]\s?(?=\d)", " to ", re.IGNORECASE),
    rule(r"\b(\d{1,2}(?::\d\d)?)\s?[-–]\s?(?=\d{1,2}(?::\d\d)?\s?[apAP]\.?[mM]\b)", r"\1 to "),
    rule(r"\b12:00(?=\s(?:noon|midnight)\b)", "12"),
    rule(r"(?<![\d:.])(\d{1,2}):(\d\d):(\d\d)(?![\d:.])", _seconds),
    rule(
        r"(?<![\d:.])(?P<hour>\d{1,2}):(?P<minute>\d\d)\b(?!:)"
        r"(?:\s?(?P<half>[aApP])(?:[mM]\b|\.[mM]\.(?!\s*$)|\.[mM]\b))?",
        _clock,
    ),
    rule(r"(?<=\d)\s?([aApP])\.m(?:\.(?!\s*$)|\b)", lambda m: f" {m[1].upper()}M"),
    rule(rf"\b({_SHORT_MONTHS})\.?(?=\s\d|\s?[-–]\s?(?:{_SHORT_MONTHS}|{_MONTH})\b)", _month),
    rule(rf"(?<=\d\s)({_SHORT_MONTHS})\b\.?", _month),
    rule(rf"\b({_SHORT_DAYS})\b\.?(?=,?\s(?:\d|{_MONTH})|\s?[-–]\s?(?:{_SHORT_DAYS})\b)", _weekday),
    rule(rf"(?<=[-–])({_SHORT_DAYS})\b\.?", _weekday),
    rule(r"\b(Mon|Tues?|Wed|Thu(?:rs?)?|Fri)\.(?=\s|,)", _weekday),
    rule(r"(?<=[a-z]day)\s?[-–]\s?(?=[A-Z][a-z]+day)", " to "),
    rule(
        rf"\b({_MONTH})\s([12]\d|3[01]|[1-9])\s?[-–]\s?([12]\d|3[01]|[1-9])\b{_NO_DAY}",
        lambda m: f"{m[1]} {ordinal(int(m[2]))} to {ordinal(int(m[3]))}",
    ),
    rule(rf"\b(?P<month>{_MONTH})\s{_DAY}", lambda m: f"{m['month']} {ordinal(int(m['day']))}"),
    rule(
        rf"(?<![\w.,:/$£€-])(?P<the>the\s)?(?P<day>[12]\d|3[01]|[1-9])(?:st|nd|rd|th)?\s(?P<month>{_MONTH})\b",
        lambda m: f"{m['the'] or ''}{ordinal(int(m['day']))} of {m['month']}",
    ),
    rule(rf"\b(?P<first>{_YEAR})\s?(?:[-–]|to|until)\s?(?P<second>{_YEAR})\b(?![,.:]\d|[-–])", _years),
    rule(
        rf"(?P<before>\b(?:in|since|until|from|by|before|after|of|year|{_MONTH}|\d+(?:st|nd|rd|th),?|copyright)\s|\((?=\d{{4}}\)))"
        r"(?P<year>1\d{3}|20\d\d)\b(?![,.:]\d|\s?[%°])",
        lambda m: m["before"] + said_year(m["year"]),
    ),
    rule(r"\b(1\d|20)([2-9])0s\b", _decade),
    rule(r"['’‘]()([2-9])0s\b", _decade),
)
