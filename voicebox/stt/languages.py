"""Which language each session speaks, as far as its finals have shown."""

from __future__ import annotations

import threading
from collections import OrderedDict

from voicebox.stt.types import Hypothesis

__all__ = ["SpokenLanguages"]

_SURE = 0.6
_LONG_S = 1.0


class SpokenLanguages:
    """The last sure language of each session; sessions that were quiet for longest are forgotten. Thread-safe."""

    def __init__(self, most: int = 1_024) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._of: OrderedDict[str, str] = OrderedDict()

    def of(self, session: str) -> str:
        """A session's language; empty if nothing sure was heard yet."""
        with self._lock:
            return self._of.get(session, "")

    def heard(self, session: str, hypothesis: Hypothesis) -> None:
        """Learn from a hypothesis of speech that was long enough and surely in its language."""
        if hypothesis.rejected or hypothesis.audio_s < _LONG_S or hypothesis.language_probability < _SURE:
            return
        with self._lock:
            self._of[session] = hypothesis.language
            self._of.move_to_end(session)
            if len(self._of) > self._most:
                self._of.popitem(last=False)
