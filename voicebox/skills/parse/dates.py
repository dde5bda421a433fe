"""Calendar days: "tomorrow", "next friday", "march third", "the 15th", "in two weeks", "christmas"."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta

from voicebox.skills.parse.numbers import number_at, ordinal_at
from voicebox.skills.parse.tokens import Match, Token, match_of, tokenize

__all__ = ["MONTHS", "WEEKDAYS", "date_at", "find"]

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
MONTHS = (
    "january february march april may june july august september october november december".split()
)  # fmt: skip

_SHORT_MONTHS = {name[:3]: index for index, name in enumerate(MONTHS, 1)} | {"sept": 9}
_SHORT_MONTHS.pop("may", None)
_SHORT_MONTHS.pop("mar", None)
_MONTH = {name: index for index, name in enumerate(MONTHS, 1)} | _SHORT_MONTHS
_WEEKDAY = {name: index for index, name in enumerate(WEEKDAYS)}

_HOLIDAYS: dict[tuple[str, ...], tuple[int, int]] = {
    ("christmas", "eve"): (12, 24), ("christmas", "day"): (12, 25), ("christmas",): (12, 25), ("xmas",): (12, 25),
    ("boxing", "day"): (12, 26), ("new", "year's", "eve"): (12, 31), ("new", "years", "eve"): (12, 31),
    ("new", "year's", "day"): (1, 1), ("new", "years", "day"): (1, 1), ("new", "year's"): (1, 1),
    ("new", "years"): (1, 1), ("new", "year"): (1, 1), ("valentine's", "day"): (2, 14),
    ("valentines", "day"): (2, 14), ("valentine's",): (2, 14), ("saint", "patrick's", "day"): (3, 17),
    ("st", "patrick's", "day"): (3, 17), ("independence", "day"): (7, 4), ("halloween",): (10, 31),
    ("april", "fools"): (4, 1), ("april", "fool's", "day"): (4, 1),
}  # fmt: skip


def find(text: str, now: datetime) -> list[Match]:
    """All days in a text, left to right, as ISO 8601 dates."""
    tokens = tokenize(text)
    matches: list[Match] = []
    i = 0
    while i < len(tokens):
        found = date_at(tokens, i, now.date())
        if found is None:
            i += 1
            continue
        matches.append(match_of(found[0].isoformat(), text, tokens, i, found[1]))
        i = found[1]
    return matches


def date_at(tokens: Sequence[Token], i: int, today: date) -> tuple[date, int] | None:
    """The day that begins at token `i`, and the index after it; days without a year are the next ones."""
    words = tuple(token.text for token in tokens[i : i + 5])
    if not words:
        return None
    found = _relative(words, i, today) or _weekday(words, i, today) or _holiday(words, i, today)
    return found or _month_day(tokens, i, today) or _day_of_month(tokens, i, today)


def _relative(words: tuple[str, ...], i: int, today: date) -> tuple[date, int] | None:
    if words[0] in ("today", "tonight", "today's"):
        return today, i + 1
    if words[0] in ("tomorrow", "tomorrow's"):
        return today + timedelta(1), i + 1
    if words[0] == "yesterday":
        return today - timedelta(1), i + 1
    for phrase in (("the", "day", "after", "tomorrow"), ("day", "after", "tomorrow")):
        if words[: len(phrase)] == phrase:
            return today + timedelta(2), i + len(phrase)
    if words[0] == "this" and words[1:2] and words[1] in ("morning", "afternoon", "evening"):
        return today, i + 1
    if words[:2] == ("next", "week"):
        return today + timedelta(7), i + 2
    skip = 1 if words[0] in ("this", "the") else 0
    if words[skip : skip + 1] == ("weekend",):
        return today + timedelta((5 - today.weekday()) % 7), i + skip + 1
    return None


def _weekday(words: tuple[str, ...], i: int, today: date) -> tuple[date, int] | None:
    skip = 1 if words[0] in ("next", "this", "coming") else 0
    if len(words) <= skip:
        return None
    name = words[skip].removesuffix("'s")
    if name not in _WEEKDAY:
        return None
    ahead = (_WEEKDAY[name] - today.weekday()) % 7
    if words[0] == "next" or ahead == 0:
        # "next friday" is the coming one unless that is today or tomorrow.
        ahead = ahead if ahead > 1 else ahead + 7
    if words[0] == "this" and ahead == 7:
        ahead = 0
    return today + timedelta(ahead), i + skip + 1


def _holiday(words: tuple[str, ...], i: int, today: date) -> tuple[date, int] | None:
    for length in (3, 2, 1):
        if words[:length] in _HOLIDAYS and len(words) >= length:
            return _next_of(*_HOLIDAYS[words[:length]], today), i + length
    if words[:3] == ("fourth", "of", "july"):
        return _next_of(7, 4, today), i + 3
    if words[0] == "thanksgiving":
        day = _thanksgiving(today.year)
        return (day if day >= today else _thanksgiving(today.year + 1)), i + 1
    return None


def _thanksgiving(year: int) -> date:
    """The fourth Thursday of November."""
    first = date(year, 11, 1)
    return first + timedelta((3 - first.weekday()) % 7 + 21)


def _month_day(tokens: Sequence[Token], i: int, today: date) -> tuple[date, int] | None:
    """ "march third", "march the 3rd", "march 3 2027", "the third of march", "3 march"."""
    month = _MONTH.get(tokens[i].text)
    if month is not None:
        after = i + 1
        if after < len(tokens) and tokens[after].text == "the":
            after += 1
        day = _day_number(tokens, after)
        return None if day is None else _dated(month, day, tokens, today)
    after = i + (tokens[i].text == "the")
    day = _day_number(tokens, after)
    if day is None:
        return None
    after = day[1]
    if after < len(tokens) and tokens[after].text == "of":
        after += 1
    if after < len(tokens) and (month := _MONTH.get(tokens[after].text)) is not None:
        return _dated(month, (day[0], after + 1), tokens, today)
    return None


def _day_number(tokens: Sequence[Token], i: int) -> tuple[int, int] | None:
    if (ordinal := ordinal_at(tokens, i)) is not None:
        return ordinal if 1 <= ordinal[0] <= 31 else None
    number = number_at(tokens, i, fractions=False)
    if number is not None and number[0].denominator == 1 and 1 <= number[0] <= 31:
        if number[1] < len(tokens) and tokens[number[1]].text == ":":
            return None
        return int(number[0]), number[1]
    return None


def _dated(month: int, day: tuple[int, int], tokens: Sequence[Token], today: date) -> tuple[date, int] | None:
    number, after = day
    step = after + (after < len(tokens) and tokens[after].text == ",")
    if step < len(tokens) and tokens[step].text.isdecimal() and 1900 <= int(tokens[step].text) <= 2999:
        try:
            return date(int(tokens[step].text), month, number), step + 1
        except ValueError:
            return None
    try:
        return _next_of(month, number, today), after
    except ValueError:
        return None


def _day_of_month(tokens: Sequence[Token], i: int, today: date) -> tuple[date, int] | None:
    """ "the 15th"."""
    if tokens[i].text != "the" or (ordinal := ordinal_at(tokens, i + 1)) is None or not 1 <= ordinal[0] <= 31:
        return None
    if ordinal[1] < len(tokens) and tokens[ordinal[1]].text not in ("at", "of", "please", "this", ","):
        return None
    for months in range(12):
        year, month = divmod(today.year * 12 + today.month - 1 + months, 12)
        try:
            day = date(year, month + 1, ordinal[0])
        except ValueError:
            continue
        if day >= today:
            return day, ordinal[1]
    return None


def _next_of(month: int, day: int, today: date) -> date:
    """The next such day, today included. Raises ValueError for a day that no year has."""
    for year in range(today.year, today.year + 9):
        try:
            found = date(year, month, day)
        except ValueError:
            continue
        if found >= today:
            return found
    raise ValueError(f"no day {day} in month {month}")
