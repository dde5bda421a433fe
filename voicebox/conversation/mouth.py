"""The assistant's voice: what was sent of each reply, what was heard of it, and what stays in the history."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from voicebox.conversation import events as e
from voicebox.conversation.echo import EchoDetector
from voicebox.conversation.history import History
from voicebox.conversation.playout import Playout, TimedWord
from voicebox.conversation.ports import Emit
from voicebox.conversation.remainder import remainder
from voicebox.errors import VoiceboxError

if TYPE_CHECKING:
    from voicebox.routing.answer import Piece

__all__ = ["Mouth", "loudness"]

_KNEE = 0.8
_KEPT_PLAYOUTS = 8
_SPAN_S, _BEFORE_WORDS = 3.0, 8
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


@dataclass(slots=True)
class _Saying:
    """The reply at hand, and what was made of it so far; `before` was heard of it before it was broken off.

    `held_s` is when it was broken off; what is made from then on is kept back: the pieces after the first `sent`.
    """

    reply: str
    turn: str | None
    tier: str
    speaks: bool = True
    tag: object = None
    usage: e.Tokens | None = None
    cut: bool = False
    before: str = ""
    pieces: list[Piece] = field(default_factory=list)
    sent: int = 0
    complete: bool = False
    error: VoiceboxError | None = None
    held_s: float | None = None


class Mouth:
    """One session's replies. All times are session seconds.

    Args:
        emit: tells the transport.
        history: what was said; it keeps what was heard.
        echo: is told what is played.
        gain: the factor of loudness asked for each phrase.
    """

    def __init__(
        self,
        emit: Emit,
        history: History,
        *,
        echo: EchoDetector | None = None,
        gain: Callable[[], float] = lambda: 1.0,
    ) -> None:
        self._emit = emit
        self._gain = gain
        self._history = history
        self._echo = echo
        self._playouts: OrderedDict[str, Playout] = OrderedDict()
        self._done: set[str] = set()
        self._saying: _Saying | None = None
        self._last: _Saying | None = None
        """The reply that was played to its end last."""

    @property
    def reply(self) -> str | None:
        """The reply that is being spoken, still played, or held."""
        return None if self._saying is None else self._saying.reply

    @property
    def holding(self) -> bool:
        """Whether the reply is broken off and may go on."""
        return self._saying is not None and self._saying.held_s is not None

    def begin(self, reply: str, turn: str | None, tier: str, *, speaks: bool = True, tag: object = None) -> None:
        """A reply starts: spoken, or text alone; the transport gets `tag` with it."""
        self._saying = _Saying(reply, turn, tier, speaks, tag)
        self._playouts[reply] = Playout(reply)
        while len(self._playouts) > _KEPT_PLAYOUTS:
            old, _ = self._playouts.popitem(last=False)
            self._done.discard(old)
        self._emit(e.ReplyStarted(reply, turn, tier, speaks, tag))

    def send(self, piece: Piece, now: float) -> float | None:
        """The next phrase is there: send it; returns when it will have been played, None while the reply is held."""
        saying = self._at_hand()
        saying.pieces.append(piece)
        return None if self.holding else self._send(saying, piece, now)

    def _send(self, saying: _Saying, piece: Piece, now: float) -> float:
        saying.sent += 1
        reply = saying.reply
        self._emit(e.ReplyText(reply, piece.text))
        playout = self._playouts[reply]
        if piece.spoken is None:
            return playout.queue(now, 0.0, [TimedWord(word, 0.0, 0.0) for word in piece.text.split()])
        spoken = piece.spoken
        words = [TimedWord(word.text, word.start / spoken.rate, word.end / spoken.rate) for word in spoken.words]
        ends_s = playout.queue(now, spoken.duration_s, words)
        audio = loudness(spoken.audio, self._gain())
        if self._echo is not None:
            self._echo.play(audio, spoken.rate, ends_s - spoken.duration_s)
        self._emit(e.ReplyAudio(reply, audio, spoken.rate))
        return ends_s

    def end(self, error: VoiceboxError | None, *, usage: e.Tokens | None = None, cut: bool = False) -> str | None:
        """Nothing more comes for the reply; returns all that was sent of it, None while it is held.

        `usage` is what a model read and wrote for it; `cut` says that the client's bound on tokens ended it.
        """
        saying = self._at_hand()
        saying.complete, saying.error, saying.usage, saying.cut = True, error, usage, cut
        return None if self.holding else self._end(saying)

    def _end(self, saying: _Saying) -> str:
        reply, error = saying.reply, saying.error
        text = self._playouts[reply].text
        self._history.add(reply, "assistant", text)
        self._done.add(reply)
        if error is None:
            self._emit(e.ReplyDone(reply, "incomplete" if saying.cut else "completed", text, usage=saying.usage))
        else:
            self._emit(e.ReplyDone(reply, "failed", text, error.message))
        return f"{saying.before} {text}".strip()

    def duck(self, reply: str, *, on: bool) -> None:
        """Ask for a lower level, or for full level again; not every far end knows how to."""
        self._listen_closely(not on)
        self._emit(e.Ducked(reply, on=on))

    def _listen_closely(self, on: bool) -> None:
        if self._echo is not None:
            self._echo.frozen = not on

    def finish(self) -> None:
        """The current reply was played to its end."""
        self._listen_closely(True)
        self._last, self._saying = self._saying, None

    def hold(self, now: float) -> None:
        """Be silent now: the caller heard the reply up to here, and may hear the rest."""
        saying = self._at_hand()
        self._break_off(saying.reply, "interrupted", now)
        saying.held_s = now

    def resume(self, next_reply: str, now: float) -> tuple[list[float], str | None]:
        """Say the rest of what was held, as `next_reply`.

        Returns when each phrase will have been played, and, if nothing more comes, all that was said.
        """
        held = self._at_hand()
        assert held.held_s is not None, "only what is held goes on"
        playout = self._playouts[held.reply]
        heard_s = playout.heard_s(held.held_s)
        rest = [*remainder(held.pieces[: held.sent], heard_s), *held.pieces[held.sent :]]
        self.begin(next_reply, held.turn, held.tier, speaks=held.speaks, tag=held.tag)
        saying = self._at_hand()
        saying.usage, saying.cut = held.usage, held.cut
        saying.before = f"{held.before} {playout.heard_text(heard_s)}".strip()
        saying.complete, saying.error, saying.pieces = held.complete, held.error, rest
        ends_s = [self._send(saying, piece, now) for piece in rest]
        return ends_s, self._end(saying) if saying.complete else None

    def stop(self, reply: str, reason: str, now: float) -> str:
        """Be silent for good: the caller heard the reply up to now; returns the heard words."""
        saying, self._saying = self._at_hand(), None
        if saying.held_s is not None:
            playout = self._playouts[reply]
            heard = playout.heard_text(playout.heard_s(saying.held_s))
        else:
            heard = self._break_off(reply, reason, now)
        return f"{saying.before} {heard}".strip()

    def _break_off(self, reply: str, reason: str, now: float) -> str:
        playout = self._playouts[reply]
        heard_s = playout.heard_s(now)
        heard = playout.heard_text(heard_s)
        self._listen_closely(True)
        if self._echo is not None:
            self._echo.stop(now)
        self._emit(e.Interrupted(reply, round(heard_s * 1000), heard))
        if reply in self._done:
            self._history.cut(reply, heard)
        else:
            self._history.add(reply, "assistant", heard)
            self._done.add(reply)
            self._emit(e.ReplyDone(reply, "cancelled", heard, reason))
        return heard

    def _at_hand(self) -> _Saying:
        assert self._saying is not None, "no reply is at hand"
        return self._saying

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

    def playing_text(self, now: float, seconds: float = 0.0) -> str:
        """The words of the last so many seconds, three at least, and those that come next; empty when silent, and was
        silent all that time."""
        saying = self._saying or self._last
        if saying is None or (self._saying is None and now - seconds > self._playouts[saying.reply].ends_s):
            return ""
        at = now if saying.held_s is None else saying.held_s
        playing = self._playouts[saying.reply].playing_text(at, span_s=max(_SPAN_S, seconds + 1.0))
        # What was said before the reply was broken off may still come back as an echo.
        return " ".join((*saying.before.split()[-_BEFORE_WORDS:], playing))
