"""Money, measures, and ranges of numbers."""

from __future__ import annotations

import re

from voicebox.tts.english import units
from voicebox.tts.rules import rule

__all__ = ["AMOUNTS"]

_MONEY = {
    "$": ("dollar", "dollars", "cent"),
    "£": ("pound", "pounds", "pence"),
    "€": ("euro", "euros", "cent"),
    "¥": ("yen", "yen", ""),
    "₹": ("rupee", "rupees", "paisa"),
    "₩": ("won", "won", ""),
}
_CODES = {"USD": "US dollars", "EUR": "euros", "GBP": "British pounds", "JPY": "yen", "CHF": "Swiss francs"}
_CODES |= {"CAD": "Canadian dollars", "AUD": "Australian dollars", "INR": "rupees", "CNY": "yuan"}
_SCALES = {"k": "thousand", "K": "thousand", "m": "million", "M": "million", "mn": "million", "B": "billion"}
_SCALES |= {"bn": "billion", "T": "trillion", "tn": "trillion"}
_PERIODS = {"mo": "month", "yr": "year", "hr": "hour", "h": "hour", "wk": "week", "d": "day"}
_SIGN = "[" + "".join(_MONEY) + "]"
_SCALE = r"(?:\s?(?P<scale>thousand|million|billion|trillion)\b|(?P<short>bn|mn|tn|[kKmMBT])\b)?"
_PER = r"(?:\s?/\s?(?P<per>month|year|hour|day|week|night|person|mo|yr|hr|h|wk|kg|lb|gallon|liter|user|unit)\b)?"


def _amount(sign: str, whole: str, part: str | None, scale: str | None) -> str:
    one, many, cent = _MONEY[sign]
    if scale:
        return f"{whole}{'.' + part if part else ''} {scale} {many}"
    if part and (len(part) != 2 or not cent):
        return f"{whole}.{part} {many}"
    name = one if whole == "1" else many
    cents = int(part) if part else 0
    if not cents:
        return f"{whole} {name}"
    small = f"{cents} {cent if cents == 1 or cent in ('pence', 'paisa') else cent + 's'}"
    return small if whole == "0" else f"{whole} {name} and {small}"


def _money(match: re.Match[str]) -> str:
    scale = match["scale"] or _SCALES.get(match["short"] or "")
    said = _amount(match["sign"], match["whole"], match["part"], scale)
    per = match["per"]
    return f"{said} per {_PERIODS.get(per, per)}" if per else said


def _money_range(match: re.Match[str]) -> str:
    return (
        f"{match['low']} to {match['high']} {match['scale'] + ' ' if match['scale'] else ''}{_MONEY[match['sign']][1]}"
    )


def _money_after(match: re.Match[str]) -> str:
    whole, part = match["whole"].replace(".", "").replace(",", ""), match["part"]
    return _amount(match["sign"], whole, part, match["scale"])


def _count(match: re.Match[str]) -> str:
    return f"{match[1]} {_SCALES[match[2]]}"


def _range(match: re.Match[str]) -> str:
    low, high = match[1], match[2]
    return f"{low} to {high}" if float(low) < float(high) else f"{low} {high}"


def _lines(match: re.Match[str]) -> str:
    return f"{match[1][:-2]} {match[1][-2:]} P"


AMOUNTS = (
    rule(rf"(?<![\w.])[-−](?={_SIGN}\d)", "minus "),
    rule(
        rf"(?P<sign>{_SIGN})(?P<low>\d[\d,]*(?:\.\d+)?)\s?[-–]\s?(?:(?P=sign))?(?P<high>\d[\d,]*(?:\.\d+)?)\b(?![-–])"
        r"(?:\s?(?P<scale>thousand|million|billion|trillion)\b)?",
        _money_range,
    ),
    rule(rf"(?P<sign>{_SIGN})\s?(?P<whole>\d{{1,3}}(?:,\d{{3}})+|\d+)(?:\.(?P<part>\d+))?{_SCALE}{_PER}", _money),
    rule(
        r"(?<![\w.,])(?P<whole>\d{1,3}(?:[.,]\d{3})+|\d+)(?:[.,](?P<part>\d\d))?"
        r"(?:\s(?P<scale>thousand|million|billion))?\s?(?P<sign>[€£])",
        _money_after,
    ),
    rule(r"(?<=\d)\s?¢", " cents"),
    rule(rf"\b({'|'.join(_CODES)})\s?(\d[\d,]*(?:\.\d+)?)\b", lambda m: f"{m[2]} {_CODES[m[1]]}"),
    rule(rf"(?<=\d)\s?({'|'.join(_CODES)})\b", lambda m: f" {_CODES[m[1]]}"),
    # Large numbers
    rule(r"(?<![\w.,])(\d{1,3}(?:\.\d+)?)(k)\b(?!\s?(?:run|race))", _count),
    rule(r"(?<![\w.,])(\d{1,3}(?:\.\d+)?)(M|bn|mn)\b", _count),
    rule(r"(?<![\w.,])(\d{1,3}\.\d+)(B)\b", _count),
    rule(r"\b(480|720|1080|1440|2160)p\b", _lines),
    # Ranges and measures
    rule(r"(?<=[\w.%])\s?[-–]\s?(?=\d+(?:\.\d+)?\s?%)", " to "),
    rule(r"(?<![\w.,:/+–-])(\d{1,4}(?:\.\d+)?)[-–](\d{1,4}(?:\.\d+)?)\b(?![-–/]\d|:\d)", _range),
    rule(r"\b(\d{2,3})/(\d{2,3})(?=\s?mmHg\b)", r"\1 over \2"),
    rule(r"(\d+)\s?['′]\s?(\d+)\s?[\"″”]", r"\1 foot \2"),
    rule(r"(?<![\w'’])(\d)\s?['′]\s?(\d{1,2})(?![\w'])", r"\1 foot \2"),
    rule(r"(?<=\d)\s?in\.(?=\s[a-z]|$|,)", " inches"),
    rule(
        rf"(?<![\w.,])(?P<number>\d(?:[\d,.]*\d)?)(?P<gap>[\s-]?)(?P<unit>{units.PATTERN})(?![\w/'’]|-[A-Za-z])",
        units.spell,
    ),
)
