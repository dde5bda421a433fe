"""The assistant's voice: what was sent of each reply, what was heard of it, and what stays in the history."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from voicebox.conversation import events as e
from voicebox.conversation.history import History
from voicebox.conversation.playout import Playout, TimedWord
from voicebox.conversation.ports import Emit
from voicebox.errors import VoiceboxError

if TYPE_CHECKING:
    from voicebox.routing.answer import Piece

__all__ = ["Mouth", "loudness"]

_KNEE = 0.8
_KEPT_PLAYOUTS = 8
_SLACK_S = 0.05
"""A client's count of played audio may be off by a frame or two."""


def loudness(audio: NDArray[np.float32], gain: float) -> NDArray[np.float32]:
    """Audio, shape `(samples,)`, `gain` times as loud; what would pass 0.8 of full scale bends instead of clipping."""
    if gain == 1.0:
        return audio
    louder = audio * np.float32(gain)
    size = np.abs(louder)
    bent = _KNEE + (1 - _KNEE) * np.tanh((size - _KNEE) / (1 - _KNEE))
    return np.where(size > _KNEE, np.sign(louder) * bent, louder).astype(np.float32)


class Mouth:
    """One session's replies. All times are session seconds; `gain` is the factor of loudness asked for each phrase."""

    def __init__(self, emit: Emit, history: History, *, gain: Callable[[], float] = lambda: 1.0) -> None:
        self._emit = emit
        self._gain = gain
        self._history = history
        self._playouts: OrderedDict[str, Playout] = OrderedDict()
        self._done: set[str] = set()
        self.current: str | None = None
        """The reply that is being spoken or still played."""

    def begin(self, reply: str, turn: str | None, tier: str) -> None:
        """A reply starts."""
        self.current = reply
        self._playouts[reply] = Playout(reply)
        while len(self._playouts) > _KEPT_PLAYOUTS:
            old, _ = self._playouts.popitem(last=False)
            self._done.discard(old)
        self._emit(e.ReplyStarted(reply, turn, tier))

    def send(self, reply: str, piece: Piece, now: float) -> float:
        """Send the next phrase; returns when it will have been played."""
        self._emit(e.ReplyText(reply, piece.text))
        playout = self._playouts[reply]
        if piece.spoken is None:
            return playout.queue(now, 0.0, [TimedWord(word, 0.0, 0.0) for word in piece.text.split()])
        spoken = piece.spoken
        words = [TimedWord(word.text, word.start / spoken.rate, word.end / spoken.rate) for word in spoken.words]
        ends_s = playout.queue(now, spoken.duration_s, words)
        self._emit(e.ReplyAudio(reply, loudness(spoken.audio, self._gain()), spoken.rate))
        return ends_s

    def end(self, reply: str, error: VoiceboxError | None) -> str:
        """Nothing more comes for the reply; returns all that was sent of it."""
        text = self._playouts[reply].text
        self._history.add(reply, "assistant", text)
        self._done.add(reply)
        if error is None:
            self._emit(e.ReplyDone(reply, "completed", text))
        else:
            self._emit(e.ReplyDone(reply, "failed", text, error.message))
        return text

    def finish(self) -> None:
        """The current reply was played to its end."""
        self.current = None

    def stop(self, reply: str, reason: str, now: float) -> str:
        """Be silent: the caller heard the reply up to now; returns the heard words."""
        self.current = None
        playout = self._playouts[reply]
        heard_s = playout.heard_s(now)
        heard = playout.heard_text(heard_s)
        self._emit(e.Interrupted(reply, round(heard_s * 1000), heard))
        if reply in self._done:
            self._history.cut(reply, heard)
        else:
            self._history.add(reply, "assistant", heard)
            self._done.add(reply)
            self._emit(e.ReplyDone(reply, "cancelled", heard, reason))
        return heard

    def truncate(self, reply: str, heard_ms: int) -> str:
        """The client played this much and no more; returns the heard words.

        Raises:
            VoiceboxError: the reply is unknown, or the position is outside of its audio.
        """
        playout = self._playouts.get(reply)
        if playout is None:
            raise VoiceboxError(f"there is no reply {reply!r}", cure="Truncate a recent reply of this session")
        if not 0 <= heard_ms / 1000 <= playout.audio_s + _SLACK_S:
            length = round(playout.audio_s * 1000)
            raise VoiceboxError(f"{heard_ms} ms is outside of the reply's audio", cure=f"It is {length} ms long")
        playout.report(heard_ms / 1000)
        heard = playout.heard_text(heard_ms / 1000)
        self._history.cut(reply, heard)
        return heard

    def played(self, reply: str, played_ms: int) -> None:
        """The far end's clock; replies that are gone are ignored."""
        if (playout := self._playouts.get(reply)) is not None:
            playout.report(played_ms / 1000)

    def playing_text(self, now: float) -> str:
        """The words around what is being heard; empty when silent."""
        return self._playouts[self.current].playing_text(now) if self.current else ""
