"""How long this caller pauses inside what they say: what `eagerness = "auto"` adapts to."""

from __future__ import annotations

from dataclasses import dataclass, replace

__all__ = ["Habits"]

_TYPICAL_MS = 450.0
"""The median pause inside a sentence that is long enough to be noticed, over 50 readers (docs/endpointing.md)."""
_LEAST_MS, _MOST_MS = 250.0, 1500.0
_SHORTEST_MS = 200.0
"""Pauses below this are breaths and stops of consonants, and end no turn."""
_UP, _DOWN = 0.35, 0.1
"""How fast the estimate follows longer pauses, and shorter ones: who was cut off once is not to be cut off again."""
_CUT_OFF = 1.5
_REACTION_S = 0.25
"""Nobody answers a reply sooner than this after it began: who speaks by then was not done."""


@dataclass(frozen=True, slots=True)
class Habits:
    """One caller's pauses so far. Pure: every method returns the new state.

    `inner_ms` is a running estimate of the caller's pauses between parts of one request, bounded. `resumed` says
    whether the turn that is open has gone on after a pause; `spoke_s` and `committed_s` are when the last turn's voice
    ended and when that turn was committed (session seconds).
    """

    inner_ms: float = _TYPICAL_MS
    resumed: bool = False
    spoke_s: float = -1.0
    committed_s: float = -1.0

    @property
    def pace(self) -> float:
        """What waits are multiplied by: 1 for a caller nothing is known of, 0.8 to 1.5."""
        return float(min(1.5, max(0.8, (self.inner_ms / _TYPICAL_MS) ** 0.5)))

    def went_on(self, pause_ms: float) -> Habits:
        """The caller went on after a pause of this length."""
        if not pause_ms >= _SHORTEST_MS:
            return self
        pause_ms = min(_MOST_MS, pause_ms)
        follow = _UP if pause_ms > self.inner_ms else _DOWN
        return replace(self, inner_ms=self._bounded(self.inner_ms + follow * (pause_ms - self.inner_ms)), resumed=True)

    def opened(self, at_s: float) -> Habits:
        """A new turn began at `at_s`: if too soon to be an answer to anything, the last one had been cut off."""
        if at_s > self.committed_s + _REACTION_S:
            return self
        # However short the pause was, the wait was shorter: the estimate must rise.
        return self.went_on(max((at_s - self.spoke_s) * 1000, _CUT_OFF * self.inner_ms))

    def ended(self, spoke_s: float, now: float) -> Habits:
        """The turn was committed at `now`; its voice had ended at `spoke_s`. Without a pause inside it waits shrink."""
        inner_ms = self.inner_ms if self.resumed else self.inner_ms + _DOWN * (_LEAST_MS - self.inner_ms)
        return Habits(self._bounded(inner_ms), False, spoke_s, now)

    @staticmethod
    def _bounded(inner_ms: float) -> float:
        return min(_MOST_MS, max(_LEAST_MS, inner_ms))
