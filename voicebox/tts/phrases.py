"""Text → phrases to speak one after the other, so that the first is heard while the rest is made.

A phrase ends at sentence punctuation, at clause punctuation once it is long enough to sound natural, before a word that
opens a new clause once it is longer still, and at a hard limit. The first phrase is cut as early as it can be: it
is what the caller waits for.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["PhraseStream", "split_phrases"]

_ABBREVIATIONS = frozenset(
    "mr. mrs. ms. dr. prof. st. vs. e.g. i.e. approx. vol. fig. dept. est. mt. gen. col. lt. sgt. capt. rev. cf. ca. "
    "gov. sen. apt. figs. ch. pp. incl. excl. misc. a.k.a. "
    "jan. feb. apr. jun. jul. aug. sep. sept. oct. nov. dec. tue. wed. thu. fri.".split()
)
_ENDS_BEFORE_CAPITAL = frozenset(
    "a.m. p.m. etc. jr. sr. inc. ltd. co. u.s. u.k. u.n. min. max. hr. hrs. sec. ft. lb. lbs. oz. ave. blvd.".split()
)
_MONTHS = frozenset("jan feb mar apr may jun jul aug sep oct nov dec".split())
_GOES_ON_BEFORE_DIGIT = frozenset("no. nos. mar. sun. sat. mon.".split())
_CLAUSE_WORDS = frozenset(
    "and but or so because that which who when while if although though until unless since".split()
)
_JOINTS = frozenset(
    "is are was were equals means has have had can could will would in on at for with from by about between".split()
)
"""Words before which a speaker can take a breath."""

_SENTENCE = frozenset(".!?…。！？")
_CLAUSE = frozenset(",;:—–，；：、")
_WIDE = frozenset("。！？；，、：")
_CLOSING = "\"'”’»)]}*_`」』"
_OPENING = "\"'“‘«([{*_`#>"


@dataclass(frozen=True, slots=True)
class _Limits:
    """Words that a phrase must have to be cut at a comma, before a clause, and at a joint; its most characters."""

    comma: int
    clause: int
    chars: int
    joint: int = 1000


_FIRST = _Limits(comma=1, clause=5, chars=60)
_EAGER = _Limits(comma=1, clause=4, chars=40, joint=3)
_LATER = _Limits(comma=4, clause=9, chars=160)


class PhraseStream:
    """Phrases out of text that arrives in pieces, cut anywhere.

    All phrases together hold every character of the text but white space, of which one space remains between words.
    They do not depend on how the text was cut into pieces.

    Args:
        eager: cut the first phrase also where a speaker only takes a breath: for text that comes slower than speech.
    """

    def __init__(self, *, eager: bool = False) -> None:
        self._first = _EAGER if eager else _FIRST
        self._reset()

    def push(self, piece: str) -> list[str]:
        """Take the next piece; gives the phrases that are complete now, often none."""
        out: list[str] = []
        for char in piece:
            self._take(char, out)
        return out

    def flush(self) -> list[str]:
        """The text is over: gives what is left, and is ready for another text."""
        out: list[str] = []
        self._end_token(out)
        self._cut(out)
        self._reset()
        return out

    def _reset(self) -> None:
        self._token = ""
        self._phrase = ""
        self._words = 0
        self._limits = self._first
        self._space = False
        self._doubt: str = ""

    def _take(self, char: str, out: list[str]) -> None:
        if char.isspace():
            self._end_token(out)
            self._space = True
            if char == "\n":
                self._cut(out)
            return
        if self._doubt:
            # A short form was last: only now is it known whether the sentence went on.
            goes_on = char.isdigit() if self._doubt == "digit" else not (char.isupper() or char in _OPENING)
            if not goes_on:
                self._cut(out)
            self._doubt = ""
        wide_end = self._token[-1:] in _WIDE and char not in _WIDE and char not in _CLOSING
        if (self._token and wide_end) or len(self._token) >= _LATER.chars:
            self._end_token(out)
        self._token += char

    def _end_token(self, out: list[str]) -> None:
        token, self._token = self._token, ""
        if not token:
            return
        bare = token.strip(_OPENING + _CLOSING).lower()
        opens_clause = bare in _CLAUSE_WORDS and self._words >= self._limits.clause
        opens_clause = opens_clause or (bare in _JOINTS and self._words >= self._limits.joint)
        if opens_clause or len(self._phrase) + 1 + len(token) > self._limits.chars:
            self._cut(out)
        self._phrase += (" " if self._space and self._phrase else "") + token
        self._space = False
        self._words += any(c.isalnum() for c in token)
        self._doubt = self._judge(token, out)

    def _judge(self, token: str, out: list[str]) -> str:
        """Cut after the token if the text ends there for sure; else what the next character must tell, if anything."""
        core = token.rstrip(_CLOSING)
        last = core[-1:]
        if not self._words or not last:
            return ""
        if last in _CLAUSE and self._words >= self._limits.comma:
            if last == "," and core[:-1].isdigit() and _after_month(self._phrase):
                return "digit"  # "March 5, 2024" is one date
            self._cut(out)
        elif last in _SENTENCE:
            short = core.lstrip(_OPENING).lower()
            if short in _ENDS_BEFORE_CAPITAL:
                return "capital"
            if short in _GOES_ON_BEFORE_DIGIT:
                return "digit"
            marker = self._words == 1 and short[:-1].isdigit()
            initial = len(short) == 2 and short[0].isalpha() and short[0] != "i" and last == "."
            if not (short in _ABBREVIATIONS or marker or initial):
                self._cut(out)
        return ""

    def _cut(self, out: list[str]) -> None:
        if self._phrase:
            out.append(self._phrase)
            self._limits = _LATER
        self._phrase = ""
        self._words = 0
        self._space = False
        self._doubt = ""


def _after_month(phrase: str) -> bool:
    """Whether the last word of a phrase stands behind a month."""
    return " ".join(phrase.split()[-2:-1]).lower()[:3] in _MONTHS


def split_phrases(text: str) -> list[str]:
    """All phrases of a text, as a `PhraseStream` gives them."""
    stream = PhraseStream()
    return [*stream.push(text), *stream.flush()]
