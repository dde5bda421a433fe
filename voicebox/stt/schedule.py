"""When a growing utterance is decoded again: often while it is short, seldom where a decode is dear."""

from __future__ import annotations

__all__ = ["PartialSchedule", "partial_interval_ms"]

_QUICK_S = 2.0
"""Speech up to this long is decoded at the shortest interval: commands are over before a longer one would pay."""
_SHARE = 0.3
"""Most of the time that one session's partials may take of a recogniser."""


def partial_interval_ms(
    load: float, *, audio_s: float = 0.0, decode_ms: float = 0.0, base_ms: float = 240.0, max_ms: float = 1_500.0
) -> float:
    """Milliseconds between two partial decodes of a session.

    A decode takes longer the more there is to decode, so the interval grows with the speech: the cost of a second of
    speech stays about the same, however long it goes on. Unhurried up to half load; beyond, the interval grows so that
    the time left over is shared by all sessions.

    Args:
        load: the recogniser's, 0 to 1.
        audio_s: seconds of speech that a decode covers.
        decode_ms: what the last partial took; partials take at most 30 % of the time. 0 where nobody measured.
        base_ms: the shortest interval.
        max_ms: the longest that load alone brings about.
    """
    idle = max(1.0 - min(max(load, 0.0), 1.0), 1e-6)
    wanted_ms = base_ms * max(1.0, audio_s / _QUICK_S)
    return max(wanted_ms, decode_ms / _SHARE, min(max_ms, wanted_ms * max(1.0, 0.5 / idle)))


class PartialSchedule:
    """When a growing utterance is decoded again.

    Args:
        base_ms: the interval when the recogniser has time.
        max_ms: the longest that load alone brings about.
        first_ms: audio that the first partial waits for: less holds no word.
    """

    def __init__(self, *, base_ms: float = 240.0, max_ms: float = 1_500.0, first_ms: float = 400.0) -> None:
        self._base_ms = base_ms
        self._max_ms = max_ms
        self._first_ms = first_ms
        self._last_s: float | None = None
        self._decode_ms = 0.0

    def took(self, decode_ms: float) -> None:
        """The last partial took so long: the next keep to their share of the time."""
        self._decode_ms = max(0.0, decode_ms)

    def poll(self, now_s: float, *, audio_s: float, load: float) -> bool:
        """Whether a partial of `audio_s` seconds is due; if so, it counts as made at `now_s` (any steady clock)."""
        if audio_s * 1000 < self._first_ms:
            return False
        interval_ms = partial_interval_ms(
            load, audio_s=audio_s, decode_ms=self._decode_ms, base_ms=self._base_ms, max_ms=self._max_ms
        )
        # A tenth of a millisecond for the rounding of clocks.
        if self._last_s is not None and (now_s - self._last_s) * 1000 < interval_ms - 0.1:
            return False
        self._last_s = now_s
        return True
