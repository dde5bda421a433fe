"""What a session promises, held against all that it tells and does.

At most one voice at a time; no side effect before the commit of its turn, and each once; nothing said twice; every
guess used or wasted; the history holds only what was heard; every turn and every reply ends; memory stays bounded.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tests.simulation.far_end import FarEnd
from voicebox.conversation import events as e
from voicebox.conversation.session import Session

__all__ = ["Watch"]

_LATE_S = 0.12
"""By how much the far end's clock and session time may differ: the frames on their way, and a timer's delay."""


class Watch:
    """Takes the events of one session; raises AssertionError at the first broken promise."""

    def __init__(self, now: Callable[[], float]) -> None:
        self.far = FarEnd()
        self.counts: Counter[str] = Counter()
        self.session: Session | None = None
        self._now = now
        self._open: dict[str, float] = {}
        self._ended: dict[str, str] = {}
        """Turn → committed or dropped: the last ones."""
        self._last: tuple[str, str] = ("", "")
        """The turn that was committed last, and its words."""
        self._typed: dict[str, str] = {}
        self._said: dict[str, str] = {}
        self._acted: set[str] = set()
        self._reply: str | None = None
        """The reply that more may be sent of."""
        self._turns: Counter[str] = Counter()
        """How many replies each turn was given."""
        self._unheard: dict[str, list[str]] = {}
        """Turn → the words of its broken-off reply that were heard."""
        self._ducked = False
        self._broken: AssertionError | None = None
        """The first promise that was broken: whoever called us may have caught it."""

    def typed(self, turn: str, text: str) -> None:
        """The client wrote this."""
        self._typed[turn] = self._said[turn] = text

    def acted(self, text: str) -> None:
        """A skill does what it was asked to do."""
        with self._noted():
            self._acts(text)

    def _acts(self, text: str) -> None:
        self.counts["side_effects"] += 1
        turn, words = self._last
        assert text in (words, *self._typed.values()), f"a side effect of {text!r}, which nobody has finished saying"
        if text == words:
            assert turn not in self._acted, f"the side effect of {turn} came twice"
            self._acted.add(turn)

    def __call__(self, event: e.SessionEvent) -> None:
        with self._noted():
            self._sees(event)

    @contextmanager
    def _noted(self) -> Iterator[None]:
        try:
            yield
        except AssertionError as broken:
            self._broken = self._broken or broken
            raise

    def check(self) -> None:
        """Raise what was found broken so far."""
        if self._broken is not None:
            raise self._broken

    def _sees(self, event: e.SessionEvent) -> None:
        self.counts[type(event).__name__] += 1
        now = self._now()
        match event:
            case e.SpeechStarted(turn):
                assert turn not in self._open, f"{turn} began twice"
                assert turn not in self._ended, f"{turn} began again after its end"
                assert not self._open, f"{turn} began while {set(self._open)} was open"
                self._open[turn] = now
            case e.TurnCommitted(turn):
                assert turn in self._open, f"{turn} was committed, and nobody knew of it"
                del self._open[turn]
                self._end(turn, "committed")
                self._last = (turn, "")
            case e.Transcript(turn, text):
                assert self._last == (turn, ""), "words of another turn than that which was committed"
                self._last = (turn, text)
                self._said[turn] = text
            case e.TurnDropped(turn, reason):
                self._open.pop(turn, None)
                self._end(turn, "dropped")
                self.counts[f"dropped: {reason}"] += 1
            case e.ReplyStarted(reply, turn):
                self._begins(reply, turn, now)
            case e.ReplyText(reply, text):
                assert reply == self._reply, f"{reply} went on after its end"
                self.far.text(reply, text)
            case e.ReplyAudio(reply, audio):
                assert reply == self._reply, f"{reply} sounded after its end"
                self.far.play(reply, audio, now)
            case e.Interrupted(reply, _, heard_text):
                self._interrupted(reply, heard_text.split(), now)
            case e.ReplyDone(reply):
                assert reply == self._reply, f"{reply} ended twice"
                self._reply = None
            case e.Ducked(_, on):
                assert on != self._ducked, "ducked twice" if on else "raised without being ducked"
                self._ducked = on
            case e.SessionError(code, message):
                self.counts[f"error: {code}"] += 1
                assert code != "internal", message
        self._account()

    def _end(self, turn: str, how: str) -> None:
        assert turn not in self._ended, f"{turn} ended twice: {self._ended.get(turn)}, {how}"
        self._ended[turn] = how
        for old in list(self._ended)[:-64]:
            del self._ended[old]
            self._said.pop(old, None)
            self._acted.discard(old)
            self._turns.pop(old, None)

    def _begins(self, reply: str, turn: str | None, now: float) -> None:
        assert self._reply is None, f"{reply} began before {self._reply} had ended"
        sounding = self.far.sounding(now - _LATE_S)
        assert sounding is None or sounding.ends_s - now < _LATE_S, f"{reply} began while {sounding} was heard"
        if turn is not None and turn not in self._typed:
            assert self._ended.get(turn) == "committed", f"{reply} answers {turn}, which is not committed"
        if turn is not None:
            self._turns[turn] += 1
            again = self._turns[turn] > 1
            assert not again or turn in self._unheard or turn in self._typed, f"{turn} was answered twice"
        self._reply = reply
        self._ducked = False
        self.far.begin(reply, turn)

    def _interrupted(self, reply: str, heard: list[str], now: float) -> None:
        played = self.far.replies[reply]
        self.far.cut(reply, now)
        really = played.heard(now)
        all_words = [word for words in played.texts for word in words]
        assert heard == all_words[: len(heard)], f"{reply}: {heard} was never said"
        assert abs(len(heard) - len(really)) <= 1, f"{reply}: {len(heard)} words in the account, {len(really)} heard"
        if played.turn is not None:
            self._unheard[played.turn] = heard
        self._ducked = False

    def _account(self) -> None:
        assert self.session is not None
        account = self.session.speculation
        assert account.made == account.used + account.wasted + (account.open is not None), account

    def look(self) -> None:
        """Hold the history and what the session keeps against the promises; nothing is under way at the far end."""
        self.check()
        session, now = self.session, self._now()
        assert session is not None
        lines = session._history.lines
        assert len(lines) <= 24
        assert sum(line.size for line in lines[:-1]) <= 4000
        for line in lines:
            if line.role == "user":
                assert self._said.get(line.id, line.text) == line.text, f"{line} was never said"
            elif (played := self.far.replies.get(line.id)) is not None and played.over(now - _LATE_S):
                words, heard = line.text.split(), played.heard(now)
                assert words == [w for text in played.texts for w in text][: len(words)]
                assert len(words) <= len(heard) + 1, f"{line} holds words that nobody heard: {heard}"
        sizes = self.sizes()
        assert sizes["tasks"] <= 40, sizes
        assert sizes["wakes"] <= 400, sizes
        assert sizes["playouts"] <= 8, sizes
        assert sizes["echo"] <= 8_000, sizes

    def sizes(self) -> dict[str, int]:
        """What the session keeps that could grow."""
        session = self.session
        assert session is not None
        return {
            "tasks": len(session._tasks),
            "wakes": len(session._wakes),
            "facts": len(session._facts),
            "backlog": len(session._backlog),
            "texts": len(session._texts),
            "history": len(session._history.lines),
            "earlier": len(session._history.earlier),
            "playouts": len(session._mouth._playouts),
            "done": len(session._mouth._done),
            "echo": len(session._ears.echo._played),
            "waiting": len(session._state.waiting),
        }

    def end(self) -> None:
        """Nothing was said or sent for long: all is over."""
        self.check()
        assert self.session is not None
        assert not self._open, f"{set(self._open)} never ended"
        assert self._reply is None, f"{self._reply} never ended"
        assert not self._ducked, "ducked for ever"
        assert self.session._state.quiet, self.session._state
        account = self.session.speculation
        assert account.open is None, account
        self.look()
