"""Word error rate, with an English normalizer so that spelling conventions are no errors."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rapidfuzz.distance import Levenshtein

from voicebox.stt.stream import normalize

__all__ = ["ErrorRate", "score_words", "word_error_rate", "word_errors"]

_ASIDE = re.compile(r"[\[(<][^\])>]*[\])>]")
_FILLERS = frozenset({"uh", "um", "uhm", "hm", "hmm", "mm", "mhm", "er", "erm", "ah"})
_CONTRACTIONS = (
    (re.compile(r"\bwon[’']t\b"), "will not"),
    (re.compile(r"\bcan[’']t\b"), "can not"),
    (re.compile(r"\bcannot\b"), "can not"),
    (re.compile(r"\blet[’']s\b"), "let us"),
    (re.compile(r"n[’']t\b"), " not"),
    (re.compile(r"[’']re\b"), " are"),
    (re.compile(r"[’']ll\b"), " will"),
    (re.compile(r"[’']ve\b"), " have"),
    (re.compile(r"[’']m\b"), " am"),
    (re.compile(r"\b(it|that|what|where|who|how|there|here|he|she)[’']s\b"), r"\1 is"),
    (re.compile(r"\b(gonna)\b"), "going to"),
    (re.compile(r"\b(wanna)\b"), "want to"),
)


@dataclass(frozen=True, slots=True)
class ErrorRate:
    """Errors (substitutions, deletions and insertions) over the words of the references."""

    errors: int
    words: int

    @property
    def rate(self) -> float:
        """Errors per reference word; 0 when there is nothing to say and nothing was said."""
        return self.errors / self.words if self.words else float(self.errors > 0)

    def __add__(self, other: ErrorRate) -> ErrorRate:
        return ErrorRate(self.errors + other.errors, self.words + other.words)


def score_words(text: str) -> list[str]:
    """The words that count: normalized, contractions written out, hesitations and bracketed asides left out."""
    text = _ASIDE.sub(" ", text.lower())
    for pattern, full in _CONTRACTIONS:
        text = pattern.sub(full, text)
    return [word for word in normalize(text).split() if word not in _FILLERS]


def word_errors(reference: str, hypothesis: str) -> ErrorRate:
    """Word errors of one text against what was said."""
    expected = score_words(reference)
    return ErrorRate(_distance(expected, score_words(hypothesis)), len(expected))


def word_error_rate(pairs: Iterable[tuple[str, str]]) -> ErrorRate:
    """Word errors of many (reference, hypothesis) pairs together."""
    return sum((word_errors(*pair) for pair in pairs), ErrorRate(0, 0))


def _distance(expected: Sequence[str], got: Sequence[str]) -> int:
    return int(Levenshtein.distance(expected, got))
