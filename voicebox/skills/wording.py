"""Numbers, times and lists as words, for replies that a voice reads and for sentences that train."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from datetime import date, datetime
from fractions import Fraction

__all__ = [
    "join_words",
    "number_words",
    "ordinal_words",
    "pick",
    "plural",
    "spoken_clock",
    "spoken_date",
    "spoken_day",
    "spoken_duration",
    "spoken_number",
]

_ONES = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen"
).split()
_TENS = ("", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_SCALES = (
    (10**12, "trillion"),
    (1_000_000_000, "billion"),
    (1_000_000, "million"),
    (1_000, "thousand"),
    (100, "hundred"),
)
_ORDINALS = {
    "one": "first", "two": "second", "three": "third", "five": "fifth", "eight": "eighth", "nine": "ninth",
    "twelve": "twelfth",
}  # fmt: skip


def number_words(value: int) -> str:
    """A whole number in words, without "and": 105 → "one hundred five"; negative ones begin with "minus"."""
    if value < 0:
        return "minus " + number_words(-value)
    if value < 20:
        return _ONES[value]
    if value < 100:
        tens, ones = divmod(value, 10)
        return _TENS[tens] + (" " + _ONES[ones] if ones else "")
    for scale, name in _SCALES:
        if value >= scale:
            count, rest = divmod(value, scale)
            return f"{number_words(count)} {name}" + (" " + number_words(rest) if rest else "")
    raise AssertionError("unreachable: every value is below 100 or has a scale")


def ordinal_words(value: int) -> str:
    """An ordinal in words: 23 → "twenty third"."""
    head, _, last = number_words(value).rpartition(" ")
    if last in _ORDINALS:
        last = _ORDINALS[last]
    elif last.endswith("y"):
        last = last[:-1] + "ieth"
    else:
        last += "th"
    return f"{head} {last}" if head else last


def plural(count: int, singular: str, many: str = "") -> str:
    """A count with its noun: `plural(2, "minute")` → "2 minutes"."""
    return f"{count} {singular if count == 1 else many or singular + 's'}"


def join_words(items: Sequence[str]) -> str:
    """An enumeration for the ear: "milk, eggs and bread"."""
    if len(items) < 2:
        return "".join(items)
    return ", ".join(items[:-1]) + " and " + items[-1]


def pick(seed: str, options: Sequence[str]) -> str:
    """One of several wordings, the same one for the same seed: varied over requests, yet reproducible."""
    return options[zlib.crc32(seed.encode()) % len(options)]


def spoken_number(value: Fraction | float) -> str:
    """A number that can be read out: at most 15 digits before the point, "about" before what is rounded."""
    exact = Fraction(value)
    if exact.denominator == 1 and abs(exact) < 10**15:
        return str(exact.numerator)
    if abs(exact) >= 10**15:
        digits = str(abs(exact.numerator) // exact.denominator)
        mantissa = f"{digits[0]}.{digits[1:4]}".rstrip("0").rstrip(".")
        return f"about {'-' if exact < 0 else ''}{mantissa} times 10 to the {len(digits) - 1}"
    decimals = 2
    while decimals < 12 and 0 < abs(exact) * 10**decimals < 100:
        decimals += 1
    rounded = round(exact, decimals)
    text = f"{float(rounded):.{decimals}f}".rstrip("0").rstrip(".")
    text = "0" if text == "-0" else text
    return text if abs(rounded - exact) * 10**12 < 1 else f"about {text}"


def spoken_duration(seconds: float, *, attributive: bool = False) -> str:
    """A duration in its two or three largest parts: "1 hour and 30 minutes"; `attributive`: "10 minute" (timer)."""
    left = max(0, round(seconds))
    parts: list[str] = []
    for size, unit in ((86400, "day"), (3600, "hour"), (60, "minute"), (1, "second")):
        count, left = divmod(left, size)
        if count:
            parts.append(f"{count} {unit}" if attributive else plural(count, unit))
    if not parts:
        return "0 second" if attributive else "0 seconds"
    return " ".join(parts) if attributive else join_words(parts)


def spoken_clock(moment: datetime) -> str:
    """A time of day: "7:30 AM", "noon"."""
    if (moment.hour, moment.minute) in ((0, 0), (12, 0)):
        return "midnight" if moment.hour == 0 else "noon"
    minute = f":{moment.minute:02d}" if moment.minute else ""
    return f"{moment.hour % 12 or 12}{minute} {'AM' if moment.hour < 12 else 'PM'}"


def spoken_date(day: date) -> str:
    """A calendar day: "Wednesday, March 4th"."""
    return f"{day:%A}, {day:%B} {day.day}{_suffix(day.day)}"


def spoken_day(day: date, today: date) -> str:
    """A day as seen from another: "today", "tomorrow", "on Friday", "on Friday, March 20th"."""
    ahead = (day - today).days
    if ahead in (0, 1):
        return ("today", "tomorrow")[ahead]
    return f"on {day:%A}" if 1 < ahead < 7 else f"on {spoken_date(day)}"


def _suffix(day: int) -> str:
    if day % 100 in (11, 12, 13):
        return "th"
    return {1: "st", 2: "nd", 3: "rd"}.get(day % 10, "th")
