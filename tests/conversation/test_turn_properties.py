"""The promises of the turn machine hold whatever happens in whatever order."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, note, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tests.conversation.machine import Checked
from voicebox.conversation import facts as f
from voicebox.conversation.endpoint import EndpointPolicy
from voicebox.conversation.overlap import Overlap
from voicebox.conversation.states import Quiet, Rules, Speaking, State
from voicebox.conversation.turn import step

TEXTS = st.sampled_from(["", "stop", "set a timer", "set a timer for ten minutes", "yeah"])
COMPLETE = st.one_of(st.none(), st.floats(0, 1))
OVERLAPS = st.sampled_from(Overlap)
SECONDS = st.sampled_from([0.0, 0.001, 0.05, 0.25, 0.6, 1.0, 3.0, 31.0])
RULES = st.builds(
    Rules,
    endpoint=st.builds(
        EndpointPolicy,
        eagerness=st.sampled_from(["low", "medium", "high", "auto"]),
        fixed_ms=st.sampled_from([None, 0, 300]),
    ),
    server_vad=st.booleans(),
    interruptible=st.booleans(),
    idle_timeout_s=st.sampled_from([None, 0.5, 5.0]),
    judged=st.booleans(),
)


class Conversation(RuleBasedStateMachine):
    """A session as wild as it may get: late, doubled and invented facts among those that fit."""

    @initialize(rules=RULES)
    def begin(self, rules: Rules) -> None:
        self.m = Checked(rules)
        self.voiced = False
        self.typed = 0

    @property
    def turn(self) -> str:
        """The turn that is open, or one that never was."""
        return next(iter(self.m.open_turns), "turn_99")

    @rule(seconds=SECONDS)
    def time_passes(self, seconds: float) -> None:
        self.m.advance(seconds)

    @rule(seconds=st.sampled_from([0.5, 45.0, 3_600.0, 1e6]))
    def time_jumps(self, seconds: float) -> None:
        """A machine that was suspended, a clock that leapt: no tick came at the moments that were ordered."""
        self.m.jump(seconds)

    @rule(off=st.sampled_from([-1e6, -200.0, -1.0, 1.0, 200.0, 1e6]), starts=st.booleans())
    def voice_of_another_time(self, off: float, starts: bool) -> None:
        """A frame that comes very late, or is dated ahead."""
        at_s = self.m.now + off
        self.m.tell(f.VoiceStarted(at_s) if starts else f.VoicePaused(at_s))

    @rule()
    def voice(self) -> None:
        self.voiced = True
        self.m.tell(f.VoiceStarted(max(0.0, self.m.now - 0.064)))

    @rule(ago=st.sampled_from([0.0, 0.064, 0.2]))
    def pause(self, ago: float) -> None:
        self.voiced = False
        self.m.tell(f.VoicePaused(max(0.0, self.m.now - ago)))

    @rule()
    def voice_stirs(self) -> None:
        self.m.tell(f.Stirred())

    @rule(done=st.floats(0, 1), pause=st.integers(0, 4))
    def sound_is_judged(self, done: float, pause: int) -> None:
        self.m.tell(f.Voted(self.turn, pause, done))

    @rule(text=TEXTS, overlap=OVERLAPS)
    def partial(self, text: str, overlap: Overlap) -> None:
        self.m.tell(f.Heard(self.turn, f.Kind.PARTIAL, 0, text, noise=not text, overlap=overlap))

    @precondition(lambda self: self.m.decodes)
    @rule(data=st.data(), text=TEXTS, complete=COMPLETE, overlap=OVERLAPS, noise=st.booleans())
    def decoded(self, data: st.DataObject, text: str, complete: float | None, overlap: Overlap, noise: bool) -> None:
        """A decode that was ordered comes back: any of them, in any order, perhaps more than once."""
        decode = data.draw(st.sampled_from(self.m.decodes))
        if data.draw(st.booleans()):
            self.m.decodes.remove(decode)
        self.m.tell(f.Heard(decode.turn, decode.kind, decode.pause, text, complete, noise or not text, overlap))

    @rule(complete=COMPLETE, overlap=OVERLAPS)
    def utterance(self, complete: float | None, overlap: Overlap) -> None:
        """What mostly happens: words, a pause, and its decode in time."""
        self.voice()
        self.partial("set a timer", overlap)
        self.m.advance(0.1)
        self.pause(0.064)
        if self.m.decodes and self.m.open_turns:
            decode = self.m.decodes.pop()
            self.m.tell(f.Heard(decode.turn, decode.kind, decode.pause, "set a timer", complete, False, overlap))

    @precondition(lambda self: self.m.preparing)
    @rule(sent=st.booleans(), seconds=SECONDS)
    def answered(self, sent: bool, seconds: float) -> None:
        """The answer that is in the making is ready, and its first audio goes out."""
        self.m.tell(f.ReplyReady(self.m.preparing or ""))
        self.audio_is_sent(seconds)
        if sent:
            self.all_is_sent()

    @rule(answer=st.sampled_from([f.ReplyReady, f.NothingToSay, f.ToolChosen]))
    def prepared(self, answer: type[f.ReplyReady] | type[f.NothingToSay] | type[f.ToolChosen]) -> None:
        self.m.tell(answer(self.turn))

    @rule()
    def failed(self) -> None:
        self.m.tell(f.ReplyFailed(self.turn, "broken"))

    @rule(seconds=SECONDS)
    def audio_is_sent(self, seconds: float) -> None:
        if isinstance(self.m.state.assistant, Speaking) and not self.m.state.assistant.said:
            self.m.tell(f.Queued(self.m.state.assistant.reply, self.m.now + seconds))

    @rule()
    def all_is_sent(self) -> None:
        self.m.tell(f.Said(self.m.speaking or "reply_99"))

    @rule()
    def client_commits(self) -> None:
        self.m.tell(f.Committed())

    @rule()
    def client_clears(self) -> None:
        self.m.tell(f.Cleared())

    @rule()
    def client_cancels(self) -> None:
        self.m.tell(f.Cancelled())
        assert self.m.speaking is None or self.m.spoken_unasked

    @rule()
    def far_end_stops(self) -> None:
        self.m.tell(f.Truncated(self.m.speaking or "reply_99"))

    @rule(again=st.booleans())
    def client_asks(self, again: bool) -> None:
        if not again or not self.typed:
            self.typed += 1
        if f"text_{self.typed}" not in self.m.open_turns:
            self.m.tell(f.Asked(f"text_{self.typed}", "hello"))

    @rule(times=st.sampled_from([1, 2, 12]))
    def timers_ring(self, times: int) -> None:
        for _ in range(times):
            self.m.tell(f.Unasked(f"ring {len(self.m.announced)}"))

    @rule()
    def words_for_a_silent_caller(self) -> None:
        self.m.tell(f.Nudged(f"nudge {len(self.m.announced)}"))

    @rule(rules=RULES)
    def client_configures(self, rules: Rules) -> None:
        self.m.configure(rules)

    @rule(kind=st.sampled_from(f.Kind), text=TEXTS)
    def facts_of_a_turn_that_is_over_change_nothing(self, kind: f.Kind, text: str) -> None:
        self.m.advance(0.0)
        before = self.m.state
        for over in self.m.ended - set(self.m.open_turns) or {"turn_77"}:
            for fact in (
                f.Heard(over, kind, 1, text, 1.0),
                f.ReplyReady(over),
                f.NothingToSay(over),
                f.ToolChosen(over),
                f.Voted(over, 1, 0.5),
                f.ReplyFailed(over, "late"),
            ):
                assert self.m.tell(fact) == ()
        for over in self.m.replies - {self.m.speaking} or {"reply_77"}:
            for late in (f.Queued(over, self.m.now + 9), f.Said(over), f.Truncated(over)):
                assert self.m.tell(late) == ()
        assert self.m.state == before

    @invariant()
    def nothing_is_due_without_a_wake_up(self) -> None:
        """Between two wake-ups that were ordered a tick has nothing to do: the session sleeps through nothing."""
        if not hasattr(self, "m"):
            return
        next_wake = min(self.m.wakes, default=self.m.now + 1_000)
        if next_wake <= self.m.now:
            return
        moment = max(self.m.now, next_wake - 1e-6)
        state, effects = step(self.m.state, f.Tick(), moment, self.m.rules)
        assert effects == (), f"due by {moment} though the next wake-up is at {next_wake}"
        assert state == self.m.state

    def teardown(self) -> None:
        """From wherever it is, every turn ends by the clock alone, and every reply that was all sent."""
        if not hasattr(self, "m"):
            return
        m = self.m
        note(f"at the end: {m.state}")
        limits = 4 * m.rules.max_turn_s + 4 * m.rules.max_prepare_s
        m.advance(limits)
        assert isinstance(m.state.caller, Quiet), f"a turn did not end in {limits:.0f} s"
        for _ in range(len(m.announced) + 2):
            if m.speaking is not None:
                m.tell(f.Said(m.speaking))
                m.advance(60.0)
        assert m.speaking is None
        assert not m.ducked, "ducked, and nothing came of it"
        assert not m.held, "held, and nothing came of it"
        assert m.preparing is None
        assert set(m.answered) <= set(m.committed)


Conversation.TestCase.settings = settings(max_examples=300, stateful_step_count=40, deadline=None, derandomize=True)
TestConversation = Conversation.TestCase


FACTS = st.one_of(
    st.builds(f.VoiceStarted, st.floats(0, 100)),
    st.builds(f.VoicePaused, st.floats(0, 100)),
    st.builds(f.Heard, st.sampled_from(["turn_1", "turn_2"]), st.sampled_from(f.Kind), st.integers(0, 3), TEXTS),
    st.just(f.Tick()),
    st.builds(f.ReplyReady, st.sampled_from(["turn_1", "turn_2"])),
    st.builds(f.ToolChosen, st.sampled_from(["turn_1", "turn_2"])),
    st.just(f.Committed()),
    st.just(f.Cleared()),
    st.just(f.Cancelled()),
    st.builds(f.Asked, st.just("text_1"), st.just("hello")),
    st.builds(f.Unasked, st.just("ring")),
    st.just(f.Nudged("hello?")),
    st.just(f.Configured()),
    st.builds(f.Said, st.just("reply_1")),
)


@given(st.lists(st.tuples(FACTS, SECONDS), max_size=30), RULES)
def test_the_same_facts_give_the_same_effects(story: list[tuple[f.Fact, float]], rules: Rules) -> None:
    def run() -> list[tuple[State, tuple[f.Effect, ...]]]:
        state, now, out = State(), 0.0, []
        for fact, seconds in story:
            now += seconds
            state, effects = step(state, fact, now, rules)
            out.append((state, effects))
        return out

    assert run() == run()


@given(st.lists(st.tuples(FACTS, SECONDS), max_size=30), RULES)
def test_a_state_is_never_changed_in_place(story: list[tuple[f.Fact, float]], rules: Rules) -> None:
    state, now = State(), 0.0
    for fact, seconds in story:
        now += seconds
        copy = replace(state)
        following, _ = step(state, fact, now, rules)
        assert state == copy
        state = following


@pytest.mark.parametrize(
    "wrong",
    [
        f.StartReply("reply_1", "turn_1"),
        f.Commit("turn_2", "", 0.0, 0.0),
        f.Opened("turn_2", 0.0),
        f.Prepare("turn_1", ""),
        f.StopReply("reply_1", "cancelled"),
        f.Unduck("reply_1"),
        f.Reopen("turn_3"),
        f.Abandon("turn_1"),
        f.Speculate("turn_2", "hello", False),
        f.WakeAt(-1.0),
    ],
)
def test_the_checks_can_fail(wrong: f.Effect) -> None:
    """A machine that breaks a promise is caught: the properties above are no tautologies."""
    checked = Checked()
    checked.open_turns["turn_1"] = 0.0
    with pytest.raises(AssertionError):
        checked.check(wrong)
