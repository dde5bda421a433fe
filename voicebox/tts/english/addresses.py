"""E-mail and web addresses, files, telephone numbers."""

from __future__ import annotations

import re

from voicebox.tts.rules import rule, spaced

__all__ = ["ADDRESSES"]

_WORDS = frozenset("com org net gov info biz app dev shop online club site store blog news cloud mobi page".split())
"""Top-level domains that are said as words."""
_TOP = (
    r"com|org|net|gov|edu|info|biz|app|dev|shop|online|io|ai|co|me|tv|us|uk|eu|de|fr|es|it|nl|at|ch|ca|au|jp|in|be|ie"
)
_HOST = rf"(?:[A-Za-z0-9][A-Za-z0-9-]*\.)+(?:{_TOP})"
_SIGNS = {".": " dot ", "-": " dash ", "_": " underscore ", "+": " plus ", "/": " slash ", "~": " tilde "}
_FREE_CALLS = frozenset("800 888 877 866 855 844 833".split())


def _signs(text: str) -> str:
    return re.sub(r"[._+/~-]", lambda m: _SIGNS[m[0]], re.sub(r"(?<=[A-Za-z])(?=\d)", " ", text))


def _host(name: str) -> str:
    labels = name.removeprefix("www.").split(".")
    said = [_signs(label) for label in labels[:-1]]
    top = labels[-1].lower()
    return " dot ".join([*said, top if top in _WORDS else top.upper()])


def _mail(match: re.Match[str]) -> str:
    return f"{_signs(match['who'])} at {_host(match['host'])}"


def _url(match: re.Match[str]) -> str:
    host = match["host"]
    return _host(host) if "." in host and not host[-1].isdigit() else host


def _telephone(match: re.Match[str]) -> str:
    groups = re.findall(r"\d+", match[0])
    said = [
        f"{g[0]} hundred" if g in _FREE_CALLS and i == 1 and groups[0] == "1" else spaced(g)
        for i, g in enumerate(groups)
    ]
    return ("plus " if match[0].startswith("+") else "") + ", ".join(said)


ADDRESSES = (
    rule(
        r"(?<![\w.+-])(?P<who>[A-Za-z0-9][\w.+-]{0,63})@(?P<host>(?:[A-Za-z0-9][A-Za-z0-9-]{0,62}\.)+[A-Za-z]{2,24})\b",
        _mail,
    ),
    rule(
        r"\b(?:https?|ftp|wss?)://(?:[^\s/@]{1,99}@)?(?P<host>[A-Za-z0-9.-]*[A-Za-z0-9])(?::\d+)?[^\s)\]]*?(?=[.,;!?)\]]*(?:\s|$))",
        _url,
    ),
    rule(rf"(?<![\w.@/-])(?:www\.)?(?P<host>{_HOST})\b(?::\d+)?(?:/[^\s)\]]*?)?(?=[.,;:!?)\]]*(?:\s|$))", _url),
    rule(r"(?<![\w.])\d{1,3}(?:\.\d{1,3}){3}(?![\w.]*\d)", lambda m: " dot ".join(spaced(p) for p in m[0].split("."))),
    rule(r"(?<!\S)(?:~|\.{1,2})?(?:/[\w.-]*[\w-]){2,}/?|(?<!\S)~/[\w.-]*[\w-]", lambda m: _signs(m[0])),
    rule(r"(?<![\w-])\+\d{1,3}(?:[ -]?\(?\d{1,5}\)?){2,6}(?![\w-])", _telephone),
    rule(r"(?<![\w+-])(?:1[-. ])?(?:\(\d{3}\)\s?|\d{3}[-. ])\d{3}[-. ]\d{4}(?![\w-])", _telephone),
    rule(r"(?<![\w+-])\d{3}[-–]\d{4}(?![\w-])", _telephone),
    rule(r"(?i)(?<=call |dial |ring |text )(?:911|999|112|111|411|988)\b", lambda m: spaced(m[0])),
    rule(r"\b[vV](?=\d+\.\d)", "version "),
    rule(r"(?<![\w&])#(?=[A-Za-z])", "hashtag "),
)
