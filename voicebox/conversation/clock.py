"""Session time: the input audio's own clock, kept going by the wall clock when no audio comes."""

from __future__ import annotations

from collections import deque

__all__ = ["SessionClock"]


class SessionClock:
    """Seconds since the session began.

    While audio comes in real time, session time is audio time. Audio comes in blocks and with jitter: the block that
    was least late of the last second tells how audio time and wall time relate, and the others do not hold it back.
    Audio that comes faster pushes session time forward, so that a recording sent at once is cut into turns as it would
    have been live. When audio stops coming, it follows the wall clock, and a gap that has passed counts as silence.
    Session time never runs backwards, whatever the wall clock does.

    All `wall` arguments are seconds on a monotonic clock.
    """

    _SLACK_S = 0.2
    """Network jitter up to this is not a gap; what passes before the first audio is one, however short."""
    _WINDOW_S = 1.0
    """A delay that lasts longer than this is the network's new normal."""

    def __init__(self, wall: float) -> None:
        self._began_wall = wall
        self._wall = wall
        self._audio_s = 0.0
        self._gap_s = 0.0
        self._leads = deque([(wall, -wall)])
        """When audio arrived, and how far it was ahead of the wall clock: what no later one exceeded."""
        self._now = 0.0

    def advance(self, wall: float, seconds: float) -> float:
        """Audio of this length arrived; returns the session time of its end."""
        wall = self._wall = max(wall, self._wall)
        while len(self._leads) > 1 and self._leads[0][0] < wall - self._WINDOW_S:
            self._leads.popleft()
        expected = self._leads[0][1] + wall
        end_s = self._audio_s + self._gap_s + seconds
        if expected - end_s > (self._SLACK_S if self._audio_s else 0.0):
            self._gap_s += expected - end_s
            end_s = expected
        self._audio_s += seconds
        lead = end_s - wall
        while self._leads and self._leads[-1][1] <= lead:
            self._leads.pop()
        self._leads.append((wall, lead))
        self._now = max(self._now, end_s)
        return end_s

    def now(self, wall: float) -> float:
        """Session time at `wall`."""
        self._wall = max(wall, self._wall)
        self._now = max(self._now, self._leads[0][1] + self._wall)
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
