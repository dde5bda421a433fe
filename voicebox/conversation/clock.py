"""Session time: the input audio's own clock, kept going by the wall clock when no audio comes."""

from __future__ import annotations

__all__ = ["SessionClock"]


class SessionClock:
    """Seconds since the session began.

    While audio comes in real time, session time is audio time. Audio that comes faster pushes it forward, so that a
    recording sent at once is cut into turns as it would have been live. When audio stops coming, it follows the wall
    clock, and a gap that has passed counts as silence. Session time never runs backwards, whatever the wall clock does.

    All `wall` arguments are seconds on a monotonic clock.
    """

    _SLACK_S = 0.2
    """Network jitter up to this is not a gap."""

    def __init__(self, wall: float) -> None:
        self._began_wall = wall
        self._audio_s = 0.0
        self._gap_s = 0.0
        self._anchor_wall = wall
        self._anchor_s = 0.0
        self._now = 0.0

    def advance(self, wall: float, seconds: float) -> float:
        """Audio of this length arrived; returns the session time of its end."""
        expected = self._anchor_s + max(0.0, wall - self._anchor_wall)
        end_s = self._audio_s + self._gap_s + seconds
        if expected - end_s > self._SLACK_S:
            self._gap_s += expected - end_s
            end_s = expected
        self._audio_s += seconds
        self._anchor_wall, self._anchor_s = wall, end_s
        self._now = max(self._now, end_s)
        return end_s

    def now(self, wall: float) -> float:
        """Session time at `wall`."""
        self._now = max(self._now, self._anchor_s + max(0.0, wall - self._anchor_wall))
        return self._now

    def ahead_s(self, wall: float) -> float:
        """How far the audio is ahead of real time; little or below 0 for a live caller."""
        return self._audio_s + self._gap_s - (wall - self._began_wall)

    @property
    def audio_s(self) -> float:
        """Seconds of audio received."""
        return self._audio_s

    def audio_ms_at(self, session_s: float) -> int:
        """Where in the received audio (ms from its start) a moment of the current stretch of speech lies."""
        return max(0, round((session_s - self._gap_s) * 1000))
