"""A growing utterance: its audio, what two successive hypotheses agree on, and when to decode it again.

All of it is plain state; time and load are arguments. The agreement of two successive hypotheses is LocalAgreement-2
(Liu, Spanakis and Niehues, "Low-latency sequence-to-sequence speech recognition and translation by partial hypothesis
selection", 2020), here only to show and to speculate: the final is always decoded afresh.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from voicebox.stt.numbers import digits_for_words
from voicebox.stt.types import SAMPLE_RATE, Audio

__all__ = ["PartialSchedule", "PreRoll", "Utterance", "normalize", "partial_interval_ms"]

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


class Utterance:
    """One caller's speech since it began, and its latest hypothesis.

    Args:
        pre_roll: audio before the detector noticed the speech, shape `(samples,)`.
    """

    def __init__(self, pre_roll: Audio | None = None) -> None:
        self._buffer = np.zeros(4 * SAMPLE_RATE, np.float32)
        self._samples = 0
        self._last: list[str] = []
        if pre_roll is not None:
            self.append(pre_roll)

    @property
    def audio(self) -> Audio:
        """All audio so far, shape `(samples,)`, read-only: it does not change when more is appended."""
        view = self._buffer[: self._samples]
        view.flags.writeable = False
        return view

    @property
    def duration_s(self) -> float:
        """Seconds of audio so far."""
        return self._samples / SAMPLE_RATE

    def append(self, audio: Audio) -> None:
        """More speech, shape `(samples,)`."""
        end = self._samples + len(audio)
        if end > len(self._buffer):
            grown = np.zeros(max(end, 2 * len(self._buffer)), np.float32)
            grown[: self._samples] = self._buffer[: self._samples]
            self._buffer = grown
        self._buffer[self._samples : end] = audio
        self._samples = end

    def agree(self, hypothesis: str) -> tuple[str, str]:
        """Take the next hypothesis; returns `(stable, text)`.

        `stable` is the leading part of `text` whose normalized words the previous hypothesis had too. It can shrink:
        a longer hypothesis may revise what was stable.
        """
        text = " ".join(hypothesis.split())
        words = text.split()
        keys = normalize(text).split()
        common = 0
        for key, last in zip(keys, self._last, strict=False):
            if key != last:
                break
            common += 1
        whole = common == len(keys) and common > 0
        self._last = keys
        return (text if whole else " ".join(_leading(words, keys[:common]))), text


def _leading(words: Sequence[str], keys: Sequence[str]) -> Sequence[str]:
    """The most words that normalize to a beginning of `keys`: numbers may be several words, or several keys one."""
    for count in range(min(len(words), len(keys) * 4 + 4), 0, -1):
        got = normalize(" ".join(words[:count])).split()
        if got == list(keys[: len(got)]) and got:
            return words[:count]
    return ()


def partial_interval_ms(load: float, *, base_ms: float = 240.0, max_ms: float = 1_500.0) -> float:
    """Milliseconds between two partial decodes of a session, given the recogniser's load (0 to 1).

    Unhurried up to half load; beyond, it grows so that the time left over is shared by all sessions.
    """
    idle = max(1.0 - min(max(load, 0.0), 1.0), 1e-6)
    return min(max_ms, base_ms * max(1.0, 0.5 / idle))


class PartialSchedule:
    """When a growing utterance is decoded again.

    Args:
        base_ms: the interval when the recogniser has time.
        max_ms: the interval when it has none.
        first_ms: audio that the first partial waits for: less holds no word.
    """

    def __init__(self, *, base_ms: float = 240.0, max_ms: float = 1_500.0, first_ms: float = 400.0) -> None:
        self._base_ms = base_ms
        self._max_ms = max_ms
        self._first_ms = first_ms
        self._last_s: float | None = None

    def poll(self, now_s: float, *, audio_s: float, load: float) -> bool:
        """Whether a partial is due; if so, it counts as made at `now_s` (seconds on any steady clock)."""
        if audio_s * 1000 < self._first_ms:
            return False
        interval_ms = partial_interval_ms(load, base_ms=self._base_ms, max_ms=self._max_ms)
        # A tenth of a millisecond for the rounding of clocks.
        if self._last_s is not None and (now_s - self._last_s) * 1000 < interval_ms - 0.1:
            return False
        self._last_s = now_s
        return True


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

    def take(self) -> Audio:
        """What is kept, shape `(samples,)`, and forget it."""
        kept = self._buffer[len(self._buffer) - self._filled :].copy()
        self._filled = 0
        return kept
