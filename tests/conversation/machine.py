"""The turn machine in the hands of a test: it gives facts, checks every effect against the rules, and keeps the clock.

`Checked` knows nothing of how the machine works. It holds the promises that are made about it in docs/architecture.md:
at most one voice; nothing happens before a turn is committed; nothing is said twice; every preparation is used or
voided; every turn ends; nobody is spoken to out of a silence that was short, or twice in one; and a wake-up is ordered
for everything that is due at some time.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from voicebox.conversation import facts as f
from voicebox.conversation.states import Closing, Held, Quiet, Rules, Silent, Speaking, Speech, State
from voicebox.conversation.turn import step

__all__ = ["Checked"]


@dataclass
class Checked:
    """A machine whose effects are checked as they come; `now` is session time."""

    rules: Rules = field(default_factory=Rules)
    state: State = field(default_factory=State)
    now: float = 0.0
    wakes: list[float] = field(default_factory=list)
    effects: list[f.Effect] = field(default_factory=list)
    decodes: list[f.Decode] = field(default_factory=list)
    """Ordered and not yet answered by the test."""

    open_turns: dict[str, float] = field(default_factory=dict)
    typed: set[str] = field(default_factory=set)
    ended: set[str] = field(default_factory=set)
    committed: list[str] = field(default_factory=list)
    preparing: str | None = None
    prepared_text: str = ""
    answer_settled: bool = False
    """Whether the fact in hand is what came of the answer in the making."""
    pauses: dict[str, int] = field(default_factory=dict)
    """The newest decode that was ordered for each turn, by its pause."""
    heard: dict[tuple[str, int], str] = field(default_factory=dict)
    speaking: str | None = None
    ducked: bool = False
    held: bool = False
    noticed: set[str] = field(default_factory=set)
    replies: set[str] = field(default_factory=set)
    answered: set[str] = field(default_factory=set)
    announced: list[str] = field(default_factory=list)
    spoken_unasked: list[str] = field(default_factory=list)
    played_until: float = 0.0
    """When all that was sent of the newest reply will have been played."""
    active_s: float = 0.0
    """When somebody was last known to speak, or changed the rules."""
    nudged: int = 0
    """How often the caller's silence was remarked upon since the caller was last there."""
    nudges: int = 0

    def __post_init__(self) -> None:
        self.tell(f.Configured())

    def configure(self, rules: Rules) -> None:
        """Change the rules, as a client may at any time."""
        self.rules = rules
        self.tell(f.Configured())

    def tell(self, fact: f.Fact) -> tuple[f.Effect, ...]:
        """Give a fact now; returns the effects, all of which were checked."""
        if isinstance(fact, f.Asked):
            self.typed.add(fact.turn)
        if isinstance(fact, f.Unasked):
            self.announced.append(fact.text)
        if isinstance(fact, f.Nudged) and self.speaking is None and not self.open_turns:
            self.announced.append(fact.text)
        if isinstance(fact, f.Queued) and fact.reply == self.speaking:
            self.played_until = max(self.played_until, fact.ends_s)
        if isinstance(fact, f.Configured):
            self.active_s = self.now
        if isinstance(fact, f.Heard) and fact.kind is not f.Kind.PARTIAL:
            self.heard.setdefault((fact.turn, fact.pause), fact.text)
        self.answer_settled = isinstance(fact, f.ReplyReady | f.NothingToSay | f.ToolChosen | f.ReplyFailed)
        self.state, effects = step(self.state, fact, self.now, self.rules)
        for effect in effects:
            self.check(effect)
            self.effects.append(effect)
        self._check_state()
        return effects

    def advance(self, seconds: float) -> None:
        """Let time pass, with a tick at each wake-up that was ordered, as the session's timers give them."""
        until = self.now + seconds
        for _ in range(10_000):
            due = [at for at in self.wakes if at <= until]
            if not due:
                break
            self.now = max(self.now, min(due))
            self.wakes = [at for at in self.wakes if at > self.now]
            self.tell(f.Tick())
        else:
            raise AssertionError("the machine orders wake-ups without end")
        self.now = until

    def jump(self, seconds: float) -> None:
        """Time passes at once: the machine slept, and is told of one moment only, the last."""
        self.now += seconds
        self.wakes = [at for at in self.wakes if at > self.now]
        self.tell(f.Tick())

    def check(self, effect: f.Effect) -> None:
        """Hold one effect against the promises."""
        match effect:
            case f.Opened(turn):
                assert turn not in self.open_turns, f"{turn} was opened twice"
                assert turn not in self.ended, f"{turn} was opened again after its end"
                assert not self.open_turns, f"{turn} was opened while {self.open_turns} was open"
                self.open_turns[turn] = self.now
            case f.Noticed(turn):
                assert turn in self.open_turns
                assert turn not in self.typed, "the client knows what it has typed"
                assert turn not in self.noticed, f"{turn} was told of twice"
                self.noticed.add(turn)
            case f.Decode(turn):
                assert turn in self.open_turns
                self.decodes.append(effect)
                self.pauses[turn] = effect.pause
            case f.Speculate(turn, text):
                assert turn in self.open_turns
                assert text
                assert self.preparing is None, "a guess while the answer is in the making"
            case f.Prepare(turn, text):
                if turn in self.typed and not self.open_turns:
                    # Typed words, and words said before, have no `Opened`, and may be asked again.
                    self.open_turns[turn] = self.now
                    self.ended.discard(turn)
                    self.answered.discard(turn)
                assert turn in self.open_turns
                assert text, "an answer to nothing"
                assert self.preparing is None, "two answers in the making"
                if turn in self.pauses:
                    assert self.heard.get((turn, self.pauses[turn])) == text, (
                        "answered before the last words were heard"
                    )
                self.preparing, self.prepared_text = turn, text
            case f.Reopen(turn):
                assert turn not in self.typed, "typed words went on as speech"
                assert turn in self.open_turns, f"{turn} was reopened after its end"
                self.preparing = None
            case f.Abandon(turn):
                assert self.preparing == turn
                self.preparing = None
            case f.Commit(turn, text):
                assert turn in self.open_turns, f"{turn} was committed without being open"
                assert effect.closed_s <= self.now
                assert turn in self.noticed | self.typed, f"{turn} was committed before the client knew of it"
                del self.open_turns[turn]
                assert turn not in self.ended
                self.ended.add(turn)
                self.committed.append(turn)
                assert text == self.prepared_text, "other words were committed than answered"
                assert self.preparing is None or self.answer_settled, "an answer in the making was not voided"
                self.preparing = None
            case f.Drop(turn):
                assert turn in self.open_turns
                del self.open_turns[turn]
                self.ended.add(turn)
                self.preparing = None
            case f.Fail(turn):
                assert turn in self.ended
                assert turn not in self.answered
            case f.CallTool(turn):
                assert turn in self.ended, "a tool was called for a turn that was not over"
                assert turn not in self.answered, f"{turn} was answered twice"
                assert self.speaking is None, "a tool was called while a reply was spoken"
                self.answered.add(turn)
            case f.StartReply(reply, turn, text):
                self._check_start(reply, turn, text)
            case f.StopReply(reply) | f.FinishReply(reply):
                assert self.speaking == reply, f"{reply} ended without being spoken"
                assert not (self.held and isinstance(effect, f.FinishReply)), "a held reply was played to its end"
                self.speaking, self.ducked, self.held = None, False, False
            case f.HoldReply(reply):
                assert self.speaking == reply
                assert not self.held, "held twice"
                assert self.rules.interruptible
                assert self.open_turns.keys() <= self.noticed, "silent, and the client was not told why"
                self.held, self.ducked = True, False
            case f.ResumeReply(reply, next_reply):
                assert self.speaking == reply
                assert self.held, "went on without being held"
                assert next_reply not in self.replies
                self.replies.add(next_reply)
                self.speaking, self.held, self.played_until = next_reply, False, self.now
            case f.Duck(reply):
                assert self.speaking == reply
                assert not self.held
                assert not self.ducked, "ducked twice"
                self.ducked = True
            case f.Unduck(reply):
                assert self.speaking == reply
                assert self.ducked, "raised without being ducked"
                self.ducked = False
            case f.IdleTimedOut(since_s):
                timeout_s = self.rules.idle_timeout_s
                assert timeout_s is not None, "a silence was too long though none is"
                assert self.rules.server_vad, "a caller who pushes to talk may be silent"
                assert self.speaking is None, "the assistant spoke"
                assert not self.open_turns, "the caller spoke"
                assert since_s >= min(self.active_s, self.now), "counted from before somebody spoke"
                assert self.now >= since_s + timeout_s, "the silence was too short"
                assert self.nudged == 0, "twice in one silence"
                self.nudged += 1
                self.nudges += 1
            case f.WakeAt(at_s):
                assert at_s >= self.now, "woken in the past"
                self.wakes.append(at_s)
        self._note_activity(effect)

    def _note_activity(self, effect: f.Effect) -> None:
        match effect:
            case f.FinishReply():
                self.active_s = max(self.active_s, min(self.now, self.played_until))
            case f.StopReply() | f.Commit() | f.Drop():
                self.active_s = self.now
        if isinstance(effect, f.Commit) or (isinstance(effect, f.Drop) and effect.reason == "backchannel"):
            self.nudged = 0

    def _check_start(self, reply: str, turn: str | None, text: str) -> None:
        assert self.speaking is None, f"{reply} began while {self.speaking} was spoken"
        assert reply not in self.replies, f"{reply} began twice"
        self.replies.add(reply)
        self.speaking, self.played_until = reply, self.now
        if turn is None:
            self.spoken_unasked.append(text)
            assert not self.open_turns, "the assistant spoke by itself while the caller spoke"
            # Each once, in the order in which they came; none is left out but those that found no room.
            rest = iter(self.announced)
            assert all(any(text == other for other in rest) for text in self.spoken_unasked)
        else:
            assert turn in self.committed, f"{turn} was answered before it was committed"
            assert turn not in self.open_turns
            assert turn not in self.answered, f"{turn} was answered twice"
            self.answered.add(turn)

    def _check_state(self) -> None:
        caller, assistant = self.state.caller, self.state.assistant
        assert isinstance(caller, Quiet) == (not self.open_turns)
        if isinstance(caller, Speech):
            assert list(self.open_turns) == [caller.turn]
        if isinstance(caller, Closing):
            assert list(self.open_turns) == [caller.speech.turn]
        preparing = caller.speech.turn if isinstance(caller, Closing) and caller.text is not None else None
        assert self.preparing == preparing, "an answer in the making was neither used nor voided"
        assert isinstance(assistant, Silent) == (self.speaking is None)
        if isinstance(assistant, Speaking):
            assert assistant.reply == self.speaking
            assert not self.held
            assert (assistant.ducked_s is not None) == self.ducked
        if isinstance(assistant, Held):
            assert assistant.reply == self.speaking
            assert self.held
            assert self.open_turns, "held, and nobody speaks"
        if isinstance(assistant, Silent):
            assert self.open_turns.keys() <= self.noticed | self.typed, "the client does not know who speaks"
        assert len(self.state.waiting) <= 8
        assert self.state.quiet == (self.speaking is None and not self.open_turns and not self.state.waiting)
        if isinstance(caller, Quiet) and isinstance(assistant, Silent):
            assert not self.state.waiting, "there was room, and the assistant said nothing"
