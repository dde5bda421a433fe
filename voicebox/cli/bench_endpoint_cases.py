"""Recordings with a pause put inside the sentence, where one word ends and the next begins."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from voicebox.stt.types import SAMPLE_RATE, Audio, Clip, Hypothesis, Recognizer, Word

__all__ = ["Remembering", "room_tone", "split_points", "with_pause"]

_WINDOW = SAMPLE_RATE // 5
_SEARCH = SAMPLE_RATE // 10
_QUIET = SAMPLE_RATE // 50
_FADE = SAMPLE_RATE // 200


def split_points(audio: Audio, words: Sequence[Word]) -> list[int]:
    """Samples at which a recording, shape `(samples,)`, can be cut: between two words, where 20 ms are quietest.

    A recogniser's word times are off by some tens of milliseconds: the quietest place is looked for within 100 ms.
    """
    points = []
    for before, after in pairwise(words):
        middle = round((before.end_s + after.start_s) / 2 * SAMPLE_RATE)
        starts = range(max(0, middle - _SEARCH), min(len(audio) - _QUIET, middle + _SEARCH), _QUIET // 4)
        if starts:
            points.append(min(starts, key=lambda start: _energy(audio[start : start + _QUIET])) + _QUIET // 2)
    return points


def room_tone(audio: Audio, samples: int) -> Audio:
    """What the room sounds like while nobody speaks: the quietest 200 ms, forwards and backwards in turn."""
    if len(audio) < _WINDOW:
        return np.zeros(samples, np.float32)
    starts = range(0, len(audio) - _WINDOW + 1, _WINDOW // 8)
    quietest = min(starts, key=lambda start: _energy(audio[start : start + _WINDOW]))
    loop = audio[quietest : quietest + _WINDOW]
    loop = np.concatenate((loop, loop[::-1]))
    return np.tile(loop, samples // len(loop) + 1)[:samples].astype(np.float32)


def with_pause(audio: Audio, at: int, pause_ms: int) -> Audio:
    """The recording with room tone of `pause_ms` put in at sample `at`, faded over 5 ms on both sides."""
    before, after = audio[:at].copy(), audio[at:].copy()
    fade = np.linspace(1.0, 0.0, _FADE, dtype=np.float32)
    if len(before) >= _FADE:
        before[-_FADE:] *= fade
    if len(after) >= _FADE:
        after[:_FADE] *= fade[::-1]
    return np.concatenate((before, room_tone(audio, round(pause_ms / 1000 * SAMPLE_RATE)), after))


class Remembering:
    """A recogniser that decodes equal audio once: what was said before a pause does not depend on its length."""

    def __init__(self, recognizer: Recognizer) -> None:
        self._recognizer = recognizer
        self._known: dict[tuple[bytes, str], Hypothesis] = {}

    @property
    def name(self) -> str:
        """The model's name."""
        return self._recognizer.name

    def decode(self, clips: Sequence[Clip]) -> list[Hypothesis]:
        """Recognise clips, or remember what they were."""
        return [self._decode(clip) for clip in clips]

    def _decode(self, clip: Clip) -> Hypothesis:
        key = hashlib.sha1(clip.audio.tobytes()).digest(), f"{clip.word_times} {clip.retry_until_s} {clip.prompt}"
        if key not in self._known:
            (self._known[key],) = self._recognizer.decode([clip])
        return self._known[key]

    def forget(self) -> None:
        """The next recording comes."""
        self._known.clear()


def _energy(audio: Audio) -> float:
    return float(np.dot(audio, audio))
