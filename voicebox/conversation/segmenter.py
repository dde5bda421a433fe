"""From speech probabilities of frames to the facts "voice began" and "voice stopped"."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Segmenter", "VoicePaused", "VoiceStarted"]


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

    Voice begins after `onset_frames` frames at or above `threshold`. It is paused after one frame below
    `threshold - 0.15`, so that what was said is decoded without delay; as that frame may be a consonant, one more at or
    above the lower threshold right after it undoes the pause. One call per frame; times are the ends of frames in
    session seconds.
    """

    def __init__(self, *, threshold: float = 0.5, frame_s: float = 0.032, onset_frames: int = 2) -> None:
        self.threshold = threshold
        self._frame_s = frame_s
        self._onset_frames = onset_frames
        self._voiced = 0
        self._last_voiced_s = 0.0
        self._speaking = False
        self._doubted = False

    @property
    def speaking(self) -> bool:
        """Whether voice is on (not paused)."""
        return self._speaking

    @property
    def stirring(self) -> bool:
        """Whether the last frame was voiced, and too few were for voice to be on."""
        return not self._speaking and self._voiced > 0

    def push(self, probability: float, end_s: float) -> VoiceStarted | VoicePaused | None:
        """Account for the next frame, which ends at `end_s`; a NaN probability counts as silence."""
        doubted, self._doubted = self._doubted, False
        level = self.threshold - 0.15 if self._speaking or doubted else self.threshold
        if probability >= level:
            self._voiced += 1
            self._last_voiced_s = end_s
            if not self._speaking and (doubted or self._voiced >= self._onset_frames):
                self._speaking = True
                return VoiceStarted(end_s - self._voiced * self._frame_s)
            return None
        self._voiced = 0
        if self._speaking:
            self._speaking, self._doubted = False, True
            return VoicePaused(self._last_voiced_s)
        return None

    def reset(self) -> None:
        """Forget what was heard."""
        self._voiced = 0
        self._speaking = self._doubted = False
