"""A growing utterance: its audio, what of it is settled, and what two successive hypotheses agree on.

Whisper takes 30 s at a time, and to decode a minute of speech anew for every partial would cost more than a core. So a
long utterance is settled piece by piece: once the caller goes on after a pause, the words up to that pause stay, and
only what follows is decoded, with those words as text that was spoken before. Speech without any pause is cut
where it is quietest. The pieces do not overlap: nothing is heard twice, and nothing is left out.

The agreement of two successive hypotheses is LocalAgreement-2 (Liu, Spanakis and Niehues, "Low-latency
sequence-to-sequence speech recognition and translation by partial hypothesis selection", 2020), here only to show and
to speculate: the text of a pause is always decoded afresh.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from voicebox.stt.pieces import quiet_cut
from voicebox.stt.stream import normalize
from voicebox.stt.types import SAMPLE_RATE, Audio

__all__ = ["Said", "Stretch", "Utterance"]

_SETTLE_S = 10.0
"""A stretch of this length is settled at its next pause: shorter ones gain from being heard as a whole."""
_LIMIT_S = 24.0
"""A stretch of this length is settled without a pause."""
_GAP_S = 0.25
"""Silence that a pause needs for a cut: the closure of a consonant is shorter."""
_LONG_GAP_S = 3.0
"""After so much silence any stretch is settled: what Whisper would have to hear through breeds inventions."""
_LEAD_S = 0.3
"""Silence that is kept before the speech that follows a cut."""
_CONTEXT_WORDS = 24


@dataclass(frozen=True, slots=True)
class Stretch:
    """What one decode covers: samples `start` to `end` of the utterance, said after the words `before`.

    `settles` tells of the head of a stretch that has become too long: its words are no text of the whole.
    """

    audio: Audio
    start: int
    end: int
    before: str = ""
    settles: bool = False

    @property
    def context(self) -> str:
        """The last of the words before: what the recogniser takes as spoken before."""
        return " ".join(self.before.split()[-_CONTEXT_WORDS:])

    def joined(self, words: str) -> str:
        """All words of the utterance up to `end`, if these are the stretch's own."""
        return " ".join([*self.before.split(), *words.split()])


@dataclass(frozen=True, slots=True)
class Said:
    """What a decode means for the whole utterance; `stable` is the beginning of `text` that the decode before had too.

    `newest` is false for a decode that came back after one of more audio. All is empty if nothing was said, and for a
    stretch that only settles.
    """

    text: str = ""
    stable: str = ""
    newest: bool = True


class Utterance:
    """One caller's speech since it began, and its latest hypothesis.

    Args:
        pre_roll: audio before the detector noticed the speech, shape `(samples,)`.
    """

    def __init__(self, pre_roll: Audio | None = None) -> None:
        self._buffer = np.zeros(4 * SAMPLE_RATE, np.float32)
        self._samples = 0
        self._start = 0
        self._newest = 0
        self._settled = ""
        self._last: list[str] = []
        self._pause: tuple[Stretch, str] | None = None
        self._resumed: list[int] = []
        if pre_roll is not None:
            self.append(pre_roll)

    @property
    def audio(self) -> Audio:
        """All audio so far, shape `(samples,)`, read-only: it does not change when more is appended."""
        return self._view(0, self._samples)

    @property
    def duration_s(self) -> float:
        """Seconds of audio so far."""
        return self._samples / SAMPLE_RATE

    @property
    def open_s(self) -> float:
        """Seconds of audio that the next decode covers: what is not settled."""
        return (self._samples - self._start) / SAMPLE_RATE

    @property
    def settled(self) -> str:
        """The words that stay: those of all audio that is not decoded again."""
        return self._settled

    def append(self, audio: Audio) -> None:
        """More speech, shape `(samples,)`."""
        end = self._samples + len(audio)
        if end > len(self._buffer):
            grown = np.zeros(max(end, 2 * len(self._buffer)), np.float32)
            grown[: self._samples] = self._buffer[: self._samples]
            self._buffer = grown
        self._buffer[self._samples : end] = audio
        self._samples = end

    def stretch(self, *, partial: bool = False) -> Stretch:
        """What is to be decoded now: all that is not settled, or for a partial of too much of it the head."""
        if partial and self.open_s >= _LIMIT_S:
            limit = self._start + int(_LIMIT_S * SAMPLE_RATE)
            half = (self._start + limit) // 2
            end = half + quiet_cut(self._view(half, limit))
            return Stretch(self._view(self._start, end), self._start, end, self._settled, settles=True)
        return Stretch(self._view(self._start, self._samples), self._start, self._samples, self._settled)

    def heard(self, stretch: Stretch, words: str, *, at_pause: bool = False) -> Said:
        """A decode came back with these words (none: no speech).

        `at_pause`: the stretch ends in a pause. Decodes may come back late, or not in order: what was settled
        meanwhile stays.
        """
        text = stretch.joined(words)
        current = stretch.start == self._start
        if stretch.settles:
            if current:
                self._settle(stretch.end, text)
            return Said()
        if at_pause and current and words.strip():
            self._pause = stretch, text
            self._settle_pause()
        if stretch.end < self._newest:
            return Said(text, newest=False)
        self._newest = stretch.end
        stable, text = self.agree(text)
        return Said(text, stable)

    def resumed(self, ago_s: float = 0.0) -> None:
        """Voice went on, `ago_s` seconds before the end of the audio so far."""
        self._resumed.append(self._samples - round(ago_s * SAMPLE_RATE))
        self._settle_pause()

    def would_settle(self, gap_s: float) -> bool:
        """Whether all so far would be settled by a pause of this length: for recordings, where the pause is known."""
        return _settles(self._samples - self._start, round(gap_s * SAMPLE_RATE))

    def agree(self, hypothesis: str) -> tuple[str, str]:
        """Take the next hypothesis of the whole utterance; returns `(stable, text)`.

        `stable` is the leading part of `text` whose normalized words the previous hypothesis had too. It can shrink:
        a longer hypothesis may revise what was stable, but never what is settled.
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

    def _settle_pause(self) -> None:
        if self._pause is None:
            return
        stretch, text = self._pause
        resumed = next((at for at in self._resumed if at >= stretch.end), None)
        if resumed is None:
            return
        self._pause = None
        if _settles(stretch.end - stretch.start, resumed - stretch.end):
            self._settle(max(stretch.end, resumed - round(_LEAD_S * SAMPLE_RATE)), text)

    def _settle(self, at: int, text: str) -> None:
        self._start, self._settled, self._pause = at, text, None

    def _view(self, start: int, end: int) -> Audio:
        view = self._buffer[start:end]
        view.flags.writeable = False
        return view


def _settles(samples: int, gap: int) -> bool:
    long = samples >= _SETTLE_S * SAMPLE_RATE
    return gap >= _LONG_GAP_S * SAMPLE_RATE or (long and gap >= _GAP_S * SAMPLE_RATE)


def _leading(words: Sequence[str], keys: Sequence[str]) -> Sequence[str]:
    """The most words that normalize to a beginning of `keys`: numbers may be several words, or several keys one."""
    for count in range(min(len(words), len(keys) * 4 + 4), 0, -1):
        got = normalize(" ".join(words[:count])).split()
        if got == list(keys[: len(got)]) and got:
            return words[:count]
    return ()
