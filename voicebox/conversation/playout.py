"""How much of a reply the caller has heard.

Audio is sent ahead of its playing. Until the far end tells its position, a pessimistic estimate holds: the audio plays
without a break from the moment at which it was sent, or after what was queued before it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

__all__ = ["Playout", "TimedWord"]


@dataclass(frozen=True, slots=True)
class TimedWord:
    """A word of the reply and where its audio lies, in seconds from the start of the reply's audio."""

    text: str
    start_s: float
    end_s: float


@dataclass(slots=True)
class Playout:
    """The account of one reply: what was queued when, and what of it was heard."""

    reply: str
    _words: list[TimedWord] = field(default_factory=list)
    _queued: list[tuple[float, float, float]] = field(default_factory=list)
    """(audio position, play start in session time, seconds) of each piece."""
    _audio_s: float = 0.0
    _ends_s: float = 0.0
    _reported_s: float | None = None

    def queue(self, now: float, seconds: float, words: Sequence[TimedWord]) -> float:
        """A phrase of `seconds` was sent at `now`; its words count from the phrase's start.

        Returns the session time at which it will have been played.
        """
        start = max(now, self._ends_s)
        self._queued.append((self._audio_s, start, seconds))
        self._words += [TimedWord(w.text, self._audio_s + w.start_s, self._audio_s + w.end_s) for w in words]
        self._audio_s += seconds
        self._ends_s = start + seconds
        return self._ends_s

    @property
    def audio_s(self) -> float:
        """Seconds of audio sent."""
        return self._audio_s

    @property
    def ends_s(self) -> float:
        """Session time at which all that was sent will have been played."""
        return self._ends_s

    @property
    def text(self) -> str:
        """All words sent."""
        return " ".join(w.text for w in self._words)

    def report(self, heard_s: float) -> None:
        """The far end's own clock says how far it has played; it overrides the estimate."""
        self._reported_s = min(max(heard_s, self._reported_s or 0.0), self._audio_s)

    def heard_s(self, now: float) -> float:
        """Seconds of the reply's audio that were heard by `now`."""
        if self._reported_s is not None:
            return self._reported_s
        heard = 0.0
        for position, start, seconds in self._queued:
            if now >= start:
                heard = position + min(seconds, now - start)
        return heard

    def heard_text(self, heard_s: float) -> str:
        """The words that were heard for the greater part when playing stopped at `heard_s`."""
        return " ".join(w.text for w in self._words if (w.start_s + w.end_s) / 2 <= heard_s)

    def playing_text(self, now: float, *, span_s: float = 3.0) -> str:
        """The words around what is being heard, for telling an echo from an answer."""
        at = self.heard_s(now)
        return " ".join(w.text for w in self._words if w.end_s >= at - span_s and w.start_s <= at + 0.5)
