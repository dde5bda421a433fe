"""Abbreviations, titles, Roman numerals."""

from __future__ import annotations

import re

from voicebox.tts.rules import Rule, ordinal, rule

__all__ = ["SHORT", "SHORT_FORMS"]

_BEFORE_NAMES = {
    "Dr": "Doctor",
    "Mr": "Mister",
    "Mrs": "Missus",
    "Ms": "Miss",
    "Prof": "Professor",
    "Gov": "Governor",
    "Sen": "Senator",
    "Rep": "Representative",
    "Pres": "President",
    "Gen": "General",
    "Capt": "Captain",
    "Sgt": "Sergeant",
    "Lt": "Lieutenant",
    "Col": "Colonel",
    "Rev": "Reverend",
    "Mt": "Mount",
    "Ft": "Fort",
}
_BEFORE_NUMBERS = {
    "Fig": "figure",
    "Figs": "figures",
    "Vol": "volume",
    "Ch": "chapter",
    "Sec": "section",
    "pp": "pages",
    "p": "page",
    "Apt": "apartment",
    "Rm": "room",
    "min": "minimum",
    "max": "maximum",
    "ca": "circa",
    "c": "circa",
    "est": "established",
    "Nr": "number",
}
_AFTER_NAMES = {"Ave": "Avenue", "Blvd": "Boulevard", "Rd": "Road", "Hwy": "Highway", "Pkwy": "Parkway"}
_AFTER_NAMES |= {"Inc": "Incorporated", "Corp": "Corporation", "Ltd": "Limited", "Jr": "Junior", "Sr": "Senior"}
_AFTER_NAMES |= {"Co": "Company", "Bros": "Brothers"}
_ANYWHERE = {
    "approx": "approximately",
    "dept": "department",
    "Dept": "Department",
    "govt": "government",
    "incl": "including",
    "excl": "excluding",
    "misc": "miscellaneous",
    "tel": "telephone",
    "Tel": "telephone",
    "cf": "compare",
}

SHORT = frozenset({*_BEFORE_NAMES, *_BEFORE_NUMBERS, *_AFTER_NAMES, *_ANYWHERE, "St", "vs", "eg", "ie", "etc", "aka"})
"""Words that mean more than they spell."""

_ROMAN = r"M{0,3}(?:CM|CD|D?C{0,3})(?:XC|XL|L?X{0,3})(?:IX|IV|V?I{0,3})"
_RULERS = (
    "Henry|Elizabeth|Louis|Charles|George|Edward|William|Richard|James|Philip|Peter|Catherine|Frederick|Napoleon|Paul|"
    "Pius|Benedict|John|Francis|Leo|Gregory|Alexander|Nicholas|Ivan|Wilhelm|Otto|Ramses|Ptolemy|Albert|Ferdinand|Gustav|"
    "Christian|Harald|Alfonso|Carlos|Felipe|Clement|Innocent|Urban|Darius|Selim|Mehmed|Robert|Malcolm|Mary|Joseph"
)
_NUMBERED = (
    "War|Chapter|Part|Volume|Book|Type|Phase|Act|Scene|Section|Level|Class|Bowl|Title|Article|Stage|Grade|Tier|Round|"
    "Appendix|Table|Figure|Fantasy|Rocky|Mark|Division|Corps|Unit"
)
_NUMERAL_ENDS = r"(?=[,.;:)!?]|\s(?:of|and|was|is|to|in|or|began|ended)\b|$)"
"""What must follow "I": else it is the pronoun."""


def _value(roman: str) -> int:
    values = [{"I": 1, "V": 5, "X": 10, "L": 50, "C": 100, "D": 500, "M": 1000}[c] for c in roman]
    return sum(-v if v < after else v for v, after in zip(values, [*values[1:], 0], strict=True))


def _ruler(match: re.Match[str]) -> str:
    return f"{match[1]} the {ordinal(_value(match[2]))}"


def _numbered(match: re.Match[str]) -> str:
    return f"{match[1]} {_value(match[2])}"


def _street(match: re.Match[str]) -> str:
    """ "St." is a saint before a name, unless the name of a street stands before it."""
    if match["house"] or match["next"] is None:
        return f"{match['house'] or ''}Street{'.' if match.end() == len(match.string) else ''}"
    return "Saint"


def _full(table: dict[str, str], pattern: str) -> Rule:
    names = "|".join(sorted(table, key=len, reverse=True))
    return rule(pattern.replace("NAMES", f"({names})"), lambda m: table[m[1]])


SHORT_FORMS = (
    _full(_BEFORE_NAMES, r"\bNAMES\.(?=\s+[A-Z])"),
    rule(r"\b(Mr|Mrs|Ms|Dr)\.(?=\s)", lambda m: _BEFORE_NAMES[m[1]]),
    rule(r"\b(Mr|Mrs|Ms)(?=\s[A-Z])", lambda m: _BEFORE_NAMES[m[1]]),
    rule(r"(?P<house>\b\d+\w?\s(?:[A-Z][a-z]+\s){1,3})?\bSt\.(?P<next>(?=\s[A-Z]))?", _street),
    _full(_BEFORE_NUMBERS, r"(?<![\w.])NAMES\.(?=\s?\d)"),
    _full(_AFTER_NAMES, r"(?<=[A-Za-z&] )NAMES\.(?=\s|,|\))"),
    rule(
        rf"(?<=[A-Za-z&] )({'|'.join(_AFTER_NAMES)})\.$",
        lambda m: _AFTER_NAMES[m[1]] + ".",
    ),
    rule(r"(?<=[a-z] )(Blvd|Hwy|Pkwy)\b", lambda m: _AFTER_NAMES[m[1]]),
    _full(_ANYWHERE, r"\bNAMES\."),
    rule(r"\bLtd\.", "Limited"),
    rule(r"\b(?:i\.\s?e\.|ie\.),?", "that is,"),
    rule(r"\b(?:e\.\s?g\.|eg\.),?", "for example,"),
    rule(r"\bvs\.?(?=\s)", "versus"),
    rule(r"\betc\.(?=\s+[a-z]|,)", "et cetera"),
    rule(r"\ba\.k\.a\.|\baka\b", "also known as"),
    rule(r"\bw/o\b", "without"),
    rule(r"\bw/(?=\s?\w)", "with "),
    rule(r"\bU\.S\.(?:A\.)?(?=\s)", "US"),
    rule(r"\bU\.K\.(?=\s)", "UK"),
    rule(r"\bFAQs\b", "frequently asked questions"),
    rule(rf"\b({_RULERS})\s(?!I\b)(?=[IVXL])({_ROMAN})(?<=[IVXLC])\b", _ruler),
    rule(rf"\b({_RULERS})\s(I)\b{_NUMERAL_ENDS}", _ruler),
    rule(r"\b(World War)\s(I)\b", _numbered),
    rule(rf"\b({_NUMBERED})\s(?!I\b)(?=[IVXL])({_ROMAN})(?<=[IVXLC])\b", _numbered),
    rule(rf"\b({_NUMBERED})\s(I)\b{_NUMERAL_ENDS}", _numbered),
    rule(r"\b(?=[IVX])(X{0,2}(?:IX|IV|V?I{0,3}))(?<=[IVX])(?:th)?(?=\scentury\b)", lambda m: ordinal(_value(m[1]))),
    rule(r"(?<=[a-z] )(II|III|IV|VI{1,3}|IX|XI{1,3}|XIV|XV|XVI{1,3})\b", lambda m: str(_value(m[1]))),
    rule(r"(?<=[a-zA-Z])/(?=[a-zA-Z])", " "),
)
