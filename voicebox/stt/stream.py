"""What comes before and after a stream of hypotheses: audio from before speech was noticed, and texts that compare."""

from __future__ import annotations

import math
import re
from functools import lru_cache

import numpy as np

from voicebox.stt.numbers import digits_for_words
from voicebox.stt.types import SAMPLE_RATE, Audio

__all__ = ["PreRoll", "normalize"]

_SYMBOLS = {"%": " percent ", "&": " and ", "+": " plus ", "=": " equals ", "°": " degrees "}
_MONEY = re.compile(r"([$€£])(\d+(?:[.,]\d+)*)")
_CURRENCIES = {"$": "dollars", "€": "euros", "£": "pounds"}
_WORD = re.compile(r"\d+(?:st|nd|rd|th)\b|\d+|[^\W\d_]+")


@lru_cache(maxsize=4_096)
def normalize(text: str) -> str:
    """A text as words that compare: lower case, no punctuation, numbers as digits, single spaces. Idempotent.

    "Twenty-five percent, please!" and "25% please" are the same; so are "It's 5:30." and "its five thirty".
    """
    text = text.lower()
    text = _MONEY.sub(lambda m: f"{m[2]} {_CURRENCIES[m[1]]} ", text)
    for sign, word in _SYMBOLS.items():
        text = text.replace(sign, word)
    text = re.sub(r"(?<=\w)[’'](?=\w)", "", text)
    text = re.sub(r"(?<=\d),(?=\d{3}\b)", "", text)
    text = re.sub(r"(?<=\d)\.(?=\d)", " point ", text)
    text = re.sub(r"\b([ap])\.?\s?m\b\.?", r"\1m", text)
    return " ".join(digits_for_words(_WORD.findall(text)))


class PreRoll:
    """The last moments before speech is noticed.

    Args:
        keep_ms: how much is kept.
    """

    def __init__(self, keep_ms: float = 320.0) -> None:
        self._buffer = np.zeros(int(keep_ms * SAMPLE_RATE / 1000), np.float32)
        self._filled = 0

    def push(self, audio: Audio) -> None:
        """Audio that was heard, shape `(samples,)`; the oldest is forgotten."""
        size = len(self._buffer)
        recent = audio[-size:] if size else audio[:0]
        self._buffer = np.concatenate((self._buffer[len(recent) :], recent.astype(np.float32, copy=False)))
        self._filled = min(size, self._filled + len(recent))

    def take(self, most_ms: float = math.inf) -> Audio:
        """What is kept, at most so many of its last ms, shape `(samples,)`, and forget it."""
        samples = int(min(self._filled, most_ms * SAMPLE_RATE / 1000))
        kept = self._buffer[len(self._buffer) - samples :].copy()
        self._filled = 0
        return kept
