"""The utterance that grows: its audio, what successive hypotheses agree on, and how often to decode it."""

from __future__ import annotations

import re
from collections import deque

import numpy as np

from voicebox.stt.types import SAMPLE_RATE, Audio

__all__ = ["PreRoll", "Utterance", "normalize", "partial_interval_s"]

_PUNCTUATION = re.compile(r"[^\w\s']|(?<!\w)'|'(?!\w)|_")


def normalize(text: str) -> str:
    """The words alone: lower case, no punctuation, single spaces. Two texts with equal words are equal."""
    return " ".join(_PUNCTUATION.sub(" ", text.lower()).split())


def partial_interval_s(load: float, *, base_s: float = 0.25) -> float:
    """Seconds between two partial decodes of a session, by the recogniser's load (0 to 1).

    Up to half load the base; above it the interval stretches so that partials take what finals leave: at full load
    they come five times more rarely.
    """
    overload = min(1.0, max(0.0, (load - 0.5) / 0.5))
    return base_s * (1.0 + 4.0 * overload * overload)


class PreRoll:
    """The last moments before speech was noticed, so that first words are not cut."""

    def __init__(self, seconds: float = 0.32) -> None:
        self._samples = round(seconds * SAMPLE_RATE)
        self._frames: deque[Audio] = deque()
        self._held = 0

    def push(self, frame: Audio) -> None:
        """Keep a frame, shape `(samples,)`; whole frames that are too old go."""
        self._frames.append(frame)
        self._held += len(frame)
        while self._held - len(self._frames[0]) >= self._samples:
            self._held -= len(self._frames.popleft())

    def take(self) -> Audio:
        """All that is held, oldest first; nothing is held afterwards."""
        audio = np.concatenate(self._frames) if self._frames else np.zeros(0, np.float32)
        self.clear()
        return audio

    def clear(self) -> None:
        """Forget it."""
        self._frames.clear()
        self._held = 0


class Utterance:
    """One stretch of speech while it grows."""

    def __init__(self) -> None:
        self._buffer = np.zeros(8 * SAMPLE_RATE, np.float32)
        self._length = 0
        self._text = ""

    def append(self, audio: Audio) -> None:
        """Add audio, shape `(samples,)`."""
        needed = self._length + len(audio)
        if needed > len(self._buffer):
            grown = np.zeros(max(needed, 2 * len(self._buffer)), np.float32)
            grown[: self._length] = self._buffer[: self._length]
            self._buffer = grown
        self._buffer[self._length : needed] = audio
        self._length = needed

    def audio(self) -> Audio:
        """A copy of the audio so far, shape `(samples,)`: decoders may keep it while the utterance grows."""
        return self._buffer[: self._length].copy()

    @property
    def duration_s(self) -> float:
        """Seconds of audio so far."""
        return self._length / SAMPLE_RATE

    @property
    def text(self) -> str:
        """The newest hypothesis."""
        return self._text

    def agree(self, text: str) -> str:
        """Take the next hypothesis; returns its stable part: the leading words that the previous one had too.

        The policy is local agreement of two hypotheses (Liu, Spanakis and Niehues, "Low-latency sequence-to-sequence
        speech recognition and translation by partial hypothesis selection", Interspeech 2020).
        """
        words, before = text.split(), self._text.split()
        agreed = 0
        for word, other in zip(words, before, strict=False):
            if normalize(word) != normalize(other):
                break
            agreed += 1
        self._text = text
        return " ".join(words[:agreed])
