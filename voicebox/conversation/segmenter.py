"""From speech probabilities of frames to the facts "voice began" and "voice stopped"."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Segmenter", "VoicePaused", "VoiceStarted"]


_SURELY_SILENT = 0.05
"""A frame below this ends voice at once: consonants that interrupt it stay above."""


@dataclass(frozen=True, slots=True)
class VoiceStarted:
    """Voice was heard again, from `at_s` on (session time)."""

    at_s: float


@dataclass(frozen=True, slots=True)
class VoicePaused:
    """Voice stopped; the last voiced frame ended at `last_s` (session time)."""

    last_s: float


class Segmenter:
    """Debounces a detector with two thresholds (hysteresis).

    Voice begins after `onset_frames` frames at or above `threshold`, and is paused after `pause_frames` frames below
    `threshold - 0.15`, or after one that is surely silent. One call per frame; times are the ends of frames in
    session seconds.
    """

    def __init__(
        self, *, threshold: float = 0.5, frame_s: float = 0.032, onset_frames: int = 2, pause_frames: int = 2
    ) -> None:
        self.threshold = threshold
        self._frame_s = frame_s
        self._onset_frames = onset_frames
        self._pause_frames = pause_frames
        self._voiced = 0
        self._unvoiced = 0
        self._last_voiced_s = 0.0
        self._speaking = False

    @property
    def speaking(self) -> bool:
        """Whether voice is on (not paused)."""
        return self._speaking

    @property
    def voiced(self) -> bool:
        """Whether the last frame was voiced: a pause may begin with one that was not."""
        return self._speaking and self._unvoiced == 0

    def push(self, probability: float, end_s: float) -> VoiceStarted | VoicePaused | None:
        """Account for the next frame, which ends at `end_s`; a NaN probability counts as silence."""
        level = self.threshold - 0.15 if self._speaking else self.threshold
        if probability >= level:
            self._voiced += 1
            self._unvoiced = 0
            self._last_voiced_s = end_s
            if not self._speaking and self._voiced >= self._onset_frames:
                self._speaking = True
                return VoiceStarted(end_s - self._voiced * self._frame_s)
            return None
        self._voiced = 0
        self._unvoiced += 1
        sure = probability < _SURELY_SILENT
        if self._speaking and (sure or self._unvoiced >= self._pause_frames):
            self._speaking = False
            return VoicePaused(self._last_voiced_s)
        return None

    def reset(self) -> None:
        """Forget what was heard."""
        self._voiced = self._unvoiced = 0
        self._speaking = False
