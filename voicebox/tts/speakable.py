"""Written text → text that a voice reads as a person would.

Language models write for eyes: markup, symbols, units, times. espeak-ng, which turns text into a voice's phonemes,
reads many of them wrongly ("$5" as "dollar five", "5 km/h" as "five K M slash H", "Dr. Smith" as two sentences). Only
what it reads wrongly is rewritten here, by rules that need no more context than the phrase.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from functools import lru_cache

from voicebox.tts import units

__all__ = ["speakable"]

_Rule = tuple[re.Pattern[str], str | Callable[[re.Match[str]], str]]


@lru_cache(maxsize=4096)
def speakable(text: str, *, language: str = "en") -> str:
    """The text as it should be read out: markup and pictures removed, and in English symbols and short forms expanded.

    White space becomes single spaces. Text with nothing to say may come out empty.
    """
    for pattern, new in _MARKUP:
        text = pattern.sub(new, text)
    text = "".join(c for c in text if not _is_picture(c))
    if language == "en":
        for pattern, new in _ENGLISH:
            text = pattern.sub(new, text)
    return " ".join(text.split())


def _is_picture(char: str) -> bool:
    """Emoji, dingbats, their modifiers, and control characters; not the symbols that are read out."""
    if char.isascii():
        return char < " " and char not in "\t\n\r"
    return (
        char not in "°№" and unicodedata.category(char) in ("So", "Sk", "Cf", "Co", "Cs", "Mn") and _not_a_letter(char)
    )


def _not_a_letter(char: str) -> bool:
    # Combining accents belong to letters (NFD text, Devanagari, Arabic); variation selectors and keycaps do not.
    return unicodedata.category(char) != "Mn" or 0xFE00 <= ord(char) <= 0xFE0F


def _rule(pattern: str, new: str | Callable[[re.Match[str]], str], flags: int = 0) -> _Rule:
    return re.compile(pattern, flags), new


def _money(match: re.Match[str]) -> str:
    one, many, cent = {
        "$": ("dollar", "dollars", "cent"),
        "£": ("pound", "pounds", "pence"),
        "€": ("euro", "euros", "cent"),
    }[match["sign"]]
    whole, part, scale = match["whole"], match["part"], match["scale"]
    if scale:
        return f"{whole}{'.' + part if part else ''} {scale} {many}"
    name = one if whole == "1" else many
    cents = int(part) if part and len(part) == 2 else 0
    if part and len(part) != 2:
        return f"{whole}.{part} {many}"
    if not cents:
        return f"{whole} {name}"
    small = f"{cents} {cent if cents == 1 or cent == 'pence' else cent + 's'}"
    return small if whole == "0" else f"{whole} {name} and {small}"


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


def _year(match: re.Match[str]) -> str:
    century, rest = match["century"], int(match["rest"])
    if century == "20" and rest < 10:
        return match[0]
    spoken = "hundred" if rest == 0 else f"oh {rest}" if rest < 10 else str(rest)
    return f"{match['before']}{century} {spoken}"


_MONTHS = "January February March April May June July August September October November December".split()
_SHORT_MONTHS = "|".join(f"{m[:3]}" for m in _MONTHS if m != "May") + "|Sept"


def _date(match: re.Match[str]) -> str:
    month, day, year = int(match["month"]), int(match["day"]), match["year"]
    if not (1 <= month <= 12 and 1 <= day <= 31):
        return match[0]
    ending = "th" if 11 <= day <= 13 else {1: "st", 2: "nd", 3: "rd"}.get(day % 10, "th")
    return f"{_MONTHS[month - 1]} {day}{ending}, {year}"


def _month(match: re.Match[str]) -> str:
    return next(m for m in _MONTHS if m.startswith(match[1][:3]))


def _range(match: re.Match[str]) -> str:
    low, high = match[1], match[2]
    if len(low) == 3 and len(high) == 4:
        return f"{' '.join(low)}, {' '.join(high)}"
    return f"{low} to {high}" if int(low) < int(high) else f"{low} {high}"


def _power(match: re.Match[str]) -> str:
    return {"2": " squared", "3": " cubed"}.get(match[1], f" to the power of {match[1]}")


def _decade(match: re.Match[str]) -> str:
    names = {"2": "twenties", "3": "thirties", "4": "forties", "5": "fifties", "6": "sixties", "7": "seventies"}
    names |= {"8": "eighties", "9": "nineties"}
    century = f"{match[1]} " if match[1] else ""
    return century + names[match[2]]


_MARKUP: tuple[_Rule, ...] = (
    _rule(r"!?\[([^\]]*)\]\([^)\s]*\)", r"\1"),
    _rule(r"```\w*|`|\*\*|__|~~", ""),
    _rule(r"(?m)^\s*(?:#{1,6}|[-*+•>])\s+", ""),
    _rule(r"(?<![\w*])[*_](?=\S)|(?<=\S)[*_](?![\w*])", ""),
    _rule(r"\s*\|\s*", " "),
)

_ENGLISH: tuple[_Rule, ...] = (
    _rule(r"https?://(?:www\.)?([^\s/?#]+)\S*?(?=[.,;!?)]*(?:\s|$))", r"\1"),
    _rule(r"\bwww\.", ""),
    # Dates, times, years
    _rule(r"\b(?P<year>[12]\d{3})-(?P<month>\d\d)-(?P<day>\d\d)\b", _date),
    _rule(r"\b(?P<month>\d{1,2})/(?P<day>\d{1,2})/(?P<year>[12]\d{3})\b", _date),
    _rule(
        r"\b(?P<hour>\d{1,2}):(?P<minute>\d\d)\b(?!:)(?:\s?(?P<half>[aApP])(?:[mM]\b|\.[mM]\.(?!\s*$)|\.[mM]\b))?",
        _clock,
    ),
    _rule(r"(?<=\d)\s?([aApP])\.m(?:\.(?!\s*$)|\b)", lambda m: f" {m[1].upper()}M"),
    _rule(rf"\b({_SHORT_MONTHS})\.?(?=\s\d)", _month),
    _rule(
        rf"(?P<before>\b(?:in|since|until|from|by|before|after|of|year|{'|'.join(_MONTHS)}|\d+(?:st|nd|rd|th)?,)\s)"
        r"(?P<century>1[1-9]|20)(?P<rest>\d\d)\b(?![,.:]\d)",
        _year,
    ),
    _rule(r"\b(1\d|20)([2-9])0s\b", _decade),
    _rule(r"['’]()([2-9])0s\b", _decade),
    # Money and measures
    _rule(
        r"(?P<sign>[$£€])\s?(?P<whole>\d[\d,]*)(?:\.(?P<part>\d+))?(?:\s?(?P<scale>thousand|million|billion|trillion)\b)?",
        _money,
    ),
    _rule(r"(\d+)\s?['′]\s?(\d+)\s?[\"″]", r"\1 foot \2"),
    _rule(rf"(?P<number>\d[\d,.]*)(?P<gap>[\s-]?)(?P<unit>{units.PATTERN})(?![\w/])", units.spell),
    # Fractions and calculation
    _rule(r"(\d)\s?([½⅓⅔¼¾⅛])", lambda m: f"{m[1]} and {units.FRACTIONS[m[2]]}"),
    _rule(r"[½⅓⅔¼¾⅛]", lambda m: units.FRACTIONS[m[0]]),
    _rule(r"(\d)\s(1/2|1/3|2/3|1/4|3/4|1/8)\b(?!/)", lambda m: f"{m[1]} and {units.FRACTIONS[m[2]]}"),
    _rule(r"(?<![\w/.])(1/2|1/3|2/3|1/4|3/4|1/8)\b(?!/)", lambda m: units.FRACTIONS[m[1]]),
    _rule(r"(?<=\d)\s+/\s+(?=\d)", " divided by "),
    _rule(r"(?<=\d)/(?=\d)", " "),
    _rule(r"(?<=\d)\s*[*·]\s*(?=\d)", " times "),
    _rule(r"(?<=\d)x\b", " times"),
    _rule(r"(?<=\d)\s[-−–]\s(?=\d)", " minus "),
    _rule(r"(?<![\d-])(\d{1,4})[-–](\d{1,4})\b(?![-–]\d)", _range),
    _rule(r"(?<=[\w)])\^(\d+)", _power),
    _rule(r"²", " squared"),
    _rule(r"³", " cubed"),
    _rule(r"[~≈]\s?(?=\d)", "about "),
    _rule(r"\s?<=\s?|\s?≤\s?", " at most "),
    _rule(r"\s?>=\s?|\s?≥\s?", " at least "),
    _rule(r"(?<=\w)\s<\s(?=\w)", " is less than "),
    _rule(r"(?<=\w)\s>\s(?=\w)", " is greater than "),
    # Signs and short forms
    _rule(r"\b([CF])#", r"\1 sharp"),
    _rule(r"#(?=\d)|№\s?|\b[Nn]o\.\s(?=\d)", "number "),
    _rule(r"\bDr\.(?=\s)", "Doctor"),
    _rule(r"\bMr\.(?=\s)", "Mister"),
    _rule(r"\bMrs\.(?=\s)", "Missus"),
    _rule(r"\bMs\.(?=\s)", "Miss"),
    _rule(r"\bProf\.(?=\s)", "Professor"),
    _rule(r"\bSt\.(?=\s[A-Z])", "Saint"),
    _rule(r"\b(?:i\.e\.|ie\.),?", "that is,"),
    _rule(r"\b(?:e\.g\.|eg\.),?", "for example,"),
    _rule(r"\bvs\.?(?=\s)", "versus"),
    _rule(r"\betc\.(?=\s+[a-z]|,)", "et cetera"),
    _rule(r"\bapprox\.", "approximately"),
    _rule(r"\bU\.S\.(?:A\.)?(?=\s)", "US"),
    _rule(r"\bU\.K\.(?=\s)", "UK"),
    _rule(r"\s*[→⇒➜]\s*|\s+[-=]>\s+", " to "),
    _rule(r"(?<=[a-zA-Z])/(?=[a-zA-Z])", " "),
)
