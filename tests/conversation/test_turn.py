from __future__ import annotations

from typing import TypeVar

import pytest

from tests.conversation.machine import Checked
from voicebox.conversation import facts as f
from voicebox.conversation.endpoint import EndpointPolicy
from voicebox.conversation.overlap import Overlap
from voicebox.conversation.states import Closing, Quiet, Rules, Silent, Speaking, Speech

E = TypeVar("E", bound=f.Effect)


def _of(effects: tuple[f.Effect, ...], kind: type[E]) -> list[E]:
    return [effect for effect in effects if isinstance(effect, kind)]


def _kinds(effects: tuple[f.Effect, ...]) -> list[str]:
    return [type(effect).__name__ for effect in effects if not isinstance(effect, f.WakeAt)]


def _say(m: Checked, text: str, *, complete: float | None = 1.0, overlap: Overlap = Overlap.NONE) -> None:
    """The caller speaks for half a second and pauses; the decode is there 60 ms later."""
    m.tell(f.VoiceStarted(m.now))
    m.advance(0.5)
    m.tell(f.VoicePaused(m.now - 0.064))
    m.advance(0.06)
    _decoded(m, text, complete=complete, overlap=overlap)


def _decoded(m: Checked, text: str, *, complete: float | None = 1.0, overlap: Overlap = Overlap.NONE) -> None:
    decode = m.decodes.pop()
    m.tell(f.Heard(decode.turn, decode.kind, decode.pause, text, complete, not text, overlap))


def _reply(m: Checked, seconds: float = 2.0) -> str:
    """A spoken question that is being answered; returns the reply."""
    _say(m, "what time is it")
    m.advance(0.3)
    m.tell(f.ReplyReady(m.preparing or ""))
    assert m.speaking is not None
    m.tell(f.Queued(m.speaking, m.now + seconds))
    return m.speaking


def test_a_turn_from_first_word_to_last_sound() -> None:
    m = Checked()
    assert _kinds(m.tell(f.VoiceStarted(0.0))) == ["Opened", "Noticed"]
    m.advance(0.5)
    assert m.tell(f.Heard("turn_1", f.Kind.PARTIAL, 0, "what time")) == (f.Speculate("turn_1", "what time", False),)
    m.advance(0.5)
    assert _kinds(m.tell(f.VoicePaused(0.95))) == ["Decode"]
    m.advance(0.05)
    heard = f.Heard("turn_1", f.Kind.PAUSE, 1, "what time is it", 1.0)
    assert _of(m.tell(heard), f.Speculate) == [f.Speculate("turn_1", "what time is it", True)]
    assert m.preparing is None
    m.advance(0.11)
    assert m.preparing == "turn_1"
    assert m.committed == []
    effects = m.tell(f.ReplyReady("turn_1"))
    assert _kinds(effects) == ["Commit", "StartReply"]
    commit = _of(effects, f.Commit)[0]
    assert (commit.text, commit.last_voice_s) == ("what time is it", 0.95)
    assert commit.closed_s == pytest.approx(1.15)
    m.tell(f.Queued("reply_1", m.now + 1.5))
    m.tell(f.Said("reply_1"))
    m.advance(1.4)
    assert m.speaking == "reply_1"
    m.advance(0.1)
    assert m.speaking is None
    assert m.effects[-1] == f.FinishReply("reply_1")


@pytest.mark.parametrize(("complete", "text", "wait_s"), [(1.0, "stop", 0.2), (None, "stop", 0.5), (0.0, "stop", 1.7)])
def test_the_wait_follows_what_was_said(complete: float | None, text: str, wait_s: float) -> None:
    m = Checked()
    _say(m, text, complete=complete)
    last_voice_s = 0.5 - 0.064
    m.advance(last_voice_s + wait_s - m.now - 0.01)
    assert m.preparing is None
    m.advance(0.02)
    assert m.preparing == "turn_1"


def test_a_slow_decode_does_not_lose_the_turn() -> None:
    m = Checked()
    m.tell(f.VoiceStarted(0.0))
    m.advance(1.0)
    m.tell(f.VoicePaused(1.0))
    m.advance(0.6)
    assert isinstance(m.state.caller, Closing)
    assert m.preparing is None
    _decoded(m, "what time is it")
    assert m.preparing == "turn_1"


def test_going_on_in_time_reopens_the_turn() -> None:
    m = Checked()
    _say(m, "a latte")
    m.advance(0.2)
    assert m.preparing == "turn_1"
    assert _of(m.tell(f.VoiceStarted(m.now)), f.Reopen) == [f.Reopen("turn_1")]
    assert m.tell(f.ReplyReady("turn_1")) == ()
    m.advance(0.4)
    m.tell(f.VoicePaused(m.now))
    _decoded(m, "a latte with milk")
    m.advance(0.3)
    m.tell(f.ReplyReady("turn_1"))
    assert [e.text for e in m.effects if isinstance(e, f.Commit)] == ["a latte with milk"]


def test_a_decode_of_an_earlier_pause_does_not_end_the_turn() -> None:
    m = Checked()
    m.tell(f.VoiceStarted(0.0))
    m.advance(0.5)
    m.tell(f.VoicePaused(m.now))
    m.tell(f.VoiceStarted(m.now))
    m.advance(0.5)
    m.tell(f.VoicePaused(m.now))
    m.advance(0.6)
    first, second = m.decodes
    m.tell(f.Heard(first.turn, first.kind, first.pause, "a latte", 1.0))
    assert m.preparing is None
    m.tell(f.Heard(second.turn, second.kind, second.pause, "a latte with milk", 1.0))
    assert m.prepared_text == "a latte with milk"


def test_noise_is_dropped() -> None:
    m = Checked()
    _say(m, "")
    m.advance(2.0)
    assert _of(tuple(m.effects), f.Drop) == [f.Drop("turn_1", "no_speech")]
    assert isinstance(m.state.caller, Quiet)


def test_speech_without_an_end_is_cut() -> None:
    m = Checked(Rules(max_turn_s=10.0))
    m.tell(f.VoiceStarted(0.0))
    m.advance(10.0)
    assert m.decodes[-1].kind is f.Kind.FINAL
    _decoded(m, "on and on")
    assert m.preparing == "turn_1"


def test_an_answer_that_never_comes_is_admitted() -> None:
    m = Checked(Rules(max_prepare_s=5.0))
    _say(m, "what time is it")
    m.advance(0.3)
    m.advance(5.0)
    assert _kinds(tuple(m.effects))[-3:] == ["Abandon", "Commit", "Fail"]
    assert m.tell(f.ReplyReady("turn_1")) == ()


@pytest.mark.parametrize(
    ("fact", "kinds"),
    [(f.NothingToSay("turn_1"), ["Commit"]), (f.ReplyFailed("turn_1", "broken"), ["Commit", "Fail"])],
)
def test_a_turn_without_an_answer_is_committed(fact: f.Fact, kinds: list[str]) -> None:
    m = Checked()
    _say(m, "thanks")
    m.advance(0.3)
    assert _kinds(m.tell(fact)) == kinds


# Speech over the assistant


def test_an_interruption_ducks_at_once_and_stops_on_words() -> None:
    m = Checked()
    reply = _reply(m)
    assert _kinds(m.tell(f.VoiceStarted(m.now))) == ["Opened", "Duck"]
    m.advance(0.2)
    effects = m.tell(f.Heard("turn_2", f.Kind.PARTIAL, 0, "no stop", overlap=Overlap.INTERRUPTION))
    assert _kinds(effects) == ["Speculate", "Noticed", "HoldReply"]
    m.tell(f.VoicePaused(m.now))
    decode = m.decodes.pop()
    effects = m.tell(f.Heard("turn_2", decode.kind, decode.pause, "no stop it", overlap=Overlap.INTERRUPTION))
    assert _of(effects, f.StopReply) == [f.StopReply(reply, "interrupted")]


def test_voice_that_goes_on_stops_the_reply_without_words() -> None:
    m = Checked(Rules(voice_decides_s=1.5))
    _reply(m)
    m.tell(f.VoiceStarted(m.now))
    m.advance(1.49)
    assert m.held
    m.advance(0.02)
    assert m.speaking is None


def test_a_cough_is_forgiven() -> None:
    m = Checked()
    reply = _reply(m)
    m.tell(f.VoiceStarted(m.now))
    m.advance(0.1)
    m.tell(f.VoicePaused(m.now))
    _decoded(m, "")
    m.advance(1.0)
    assert m.speaking == reply
    assert not m.ducked


@pytest.mark.parametrize(("overlap", "reason"), [(Overlap.BACKCHANNEL, "backchannel"), (Overlap.ECHO, "echo")])
def test_a_listener_and_an_echo_take_no_turn(overlap: Overlap, reason: str) -> None:
    m = Checked()
    reply = _reply(m, seconds=5.0)
    m.tell(f.VoiceStarted(m.now))
    assert m.ducked
    m.advance(0.2)
    m.tell(f.VoicePaused(m.now))
    m.advance(0.06)
    _decoded(m, "yeah", overlap=overlap)
    assert not m.ducked
    m.advance(1.0)
    assert m.speaking == reply
    assert _of(tuple(m.effects), f.Drop) == [f.Drop("turn_2", reason)]
    assert "turn_2" not in m.noticed


@pytest.mark.parametrize(("overlap", "reason"), [(Overlap.BACKCHANNEL, "backchannel"), (Overlap.ECHO, "echo")])
def test_a_reply_that_was_broken_off_for_nothing_goes_on(overlap: Overlap, reason: str) -> None:
    m = Checked()
    reply = _reply(m, seconds=5.0)
    m.tell(f.VoiceStarted(m.now))
    m.advance(0.24)
    assert not m.held
    m.advance(0.02)
    assert m.held
    assert "turn_2" in m.noticed
    m.tell(f.VoicePaused(m.now))
    m.advance(0.06)
    decode = m.decodes.pop()
    effects = m.tell(f.Heard(decode.turn, decode.kind, decode.pause, "yeah yeah", 1.0, overlap=overlap))
    assert f.ResumeReply(reply, "reply_2") in effects
    assert m.speaking == "reply_2"
    m.advance(2.0)
    assert m.speaking == "reply_2"
    assert _of(tuple(m.effects), f.Drop) == [f.Drop("turn_2", reason)]


def test_a_noise_breaks_a_reply_off_and_it_goes_on() -> None:
    m = Checked()
    reply = _reply(m, seconds=5.0)
    m.tell(f.VoiceStarted(m.now))
    m.advance(0.3)
    assert m.held
    m.tell(f.VoicePaused(m.now))
    _decoded(m, "")
    m.advance(2.0)
    assert f.ResumeReply(reply, "reply_2") in m.effects
    assert m.speaking == "reply_2"


def test_a_voice_that_goes_on_without_words_is_an_interruption() -> None:
    m = Checked()
    reply = _reply(m, seconds=5.0)
    m.tell(f.VoiceStarted(m.now))
    m.advance(1.6)
    assert f.StopReply(reply, "interrupted") in m.effects
    assert m.speaking is None


def test_a_client_that_cuts_what_it_plays_leaves_a_held_reply_held() -> None:
    m = Checked()
    reply = _reply(m, seconds=5.0)
    m.tell(f.VoiceStarted(m.now))
    m.advance(0.3)
    m.tell(f.Truncated(reply))
    assert m.held


def test_a_reply_that_is_nearly_over_is_not_broken_off() -> None:
    m = Checked()
    reply = _reply(m, seconds=0.5)
    m.tell(f.Said(reply))
    m.tell(f.VoiceStarted(m.now))
    m.advance(0.6)
    assert f.FinishReply(reply) in m.effects
    assert not _of(tuple(m.effects), f.HoldReply)
    assert "turn_2" in m.noticed


@pytest.mark.parametrize("first", [Overlap.ECHO, Overlap.BACKCHANNEL])
def test_what_began_like_an_echo_may_be_an_interruption(first: Overlap) -> None:
    m = Checked()
    reply = _reply(m, seconds=5.0)
    m.tell(f.VoiceStarted(m.now))
    m.advance(0.2)
    assert f.Unduck(reply) in m.tell(f.Heard("turn_2", f.Kind.PARTIAL, 0, "okay", overlap=first))
    m.advance(0.5)
    assert m.speaking == reply
    m.tell(f.Heard("turn_2", f.Kind.PARTIAL, 0, "okay but stop", overlap=Overlap.INTERRUPTION))
    assert m.held
    m.tell(f.VoicePaused(m.now))
    _decoded(m, "okay but stop it", overlap=Overlap.INTERRUPTION)
    assert m.speaking is None


def test_who_may_not_be_interrupted_is_not() -> None:
    m = Checked(Rules(interruptible=False))
    reply = _reply(m, seconds=9.0)
    assert _kinds(m.tell(f.VoiceStarted(m.now))) == ["Opened"]
    m.tell(f.Heard("turn_2", f.Kind.PARTIAL, 0, "stop", overlap=Overlap.INTERRUPTION))
    m.advance(2.0)
    assert m.speaking == reply


def test_the_answer_to_an_interruption_replaces_the_reply() -> None:
    m = Checked()
    first = _reply(m, seconds=9.0)
    m.tell(f.VoiceStarted(m.now))
    m.advance(0.1)
    m.tell(f.VoicePaused(m.now))
    m.advance(0.7)
    assert m.speaking == first
    _decoded(m, "stop", overlap=Overlap.INTERRUPTION)
    m.advance(1.0)
    m.tell(f.ReplyReady("turn_2"))
    assert m.speaking == "reply_2"


# What the client orders


def test_push_to_talk_ends_the_turn_when_the_client_says_so() -> None:
    m = Checked(Rules(server_vad=False))
    _say(m, "what time is it")
    m.advance(5.0)
    assert isinstance(m.state.caller, Speech)
    m.tell(f.Committed())
    assert m.preparing == "turn_1"


def test_a_fixed_silence_is_kept() -> None:
    m = Checked(Rules(endpoint=EndpointPolicy(fixed_ms=800)))
    _say(m, "what time is it", complete=1.0)
    m.advance(0.5 - 0.064 + 0.79 - m.now)
    assert m.preparing is None
    m.advance(0.02)
    assert m.preparing == "turn_1"


def test_cancelling_voids_the_answer_in_the_making_and_the_one_that_is_spoken() -> None:
    m = Checked()
    reply = _reply(m)
    assert _kinds(m.tell(f.Cancelled())) == ["StopReply"]
    assert m.tell(f.Cancelled()) == ()
    _say(m, "what day is it")
    m.advance(0.3)
    assert _kinds(m.tell(f.Cancelled())) == ["Abandon", "Commit"]
    assert m.replies == {reply}


def test_clearing_forgets_the_turn() -> None:
    m = Checked()
    m.tell(f.VoiceStarted(0.0))
    assert m.tell(f.Cleared()) == (f.Drop("turn_1", "cleared"),)
    assert m.tell(f.Cleared()) == ()


def test_the_far_end_may_stop_the_reply() -> None:
    m = Checked()
    reply = _reply(m)
    assert m.tell(f.Truncated("reply_9")) == ()
    assert _kinds(m.tell(f.Truncated(reply))) == ["StopReply"]


# Typed questions


def test_a_typed_question_is_answered() -> None:
    m = Checked()
    m.tell(f.Asked("text_1", "hello"))
    assert _kinds(m.tell(f.ReplyReady("text_1"))) == ["Commit", "StartReply"]


def test_a_newer_question_takes_the_place_of_the_older() -> None:
    m = Checked()
    m.tell(f.Asked("text_1", "hello"))
    assert _kinds(m.tell(f.Asked("text_2", "what time is it"))) == ["Drop", "Prepare"]
    assert m.tell(f.ReplyReady("text_1")) == ()


def test_speech_is_a_turn_of_its_own_and_comes_before_a_typed_question() -> None:
    m = Checked()
    m.tell(f.Asked("text_1", "hello"))
    assert _kinds(m.tell(f.VoiceStarted(m.now))) == ["Abandon", "Commit", "Opened", "Noticed"]
    m.advance(0.5)
    m.tell(f.VoicePaused(m.now))
    _decoded(m, "what time is it")
    m.advance(0.3)
    assert m.preparing == "turn_1"
    m.tell(f.ReplyReady("turn_1"))
    assert m.answered == {"turn_1"}


def test_noise_does_not_cost_a_typed_question_its_answer() -> None:
    m = Checked()
    m.tell(f.Asked("text_1", "hello"))
    _say(m, "")
    m.advance(2.0)
    assert m.preparing == "text_1"
    m.tell(f.ReplyReady("text_1"))
    assert m.answered == {"text_1"}


# Unasked


def test_what_nobody_asked_for_waits_for_room() -> None:
    m = Checked()
    reply = _reply(m, seconds=1.0)
    assert m.tell(f.Unasked("Your timer is over.")) == ()
    m.tell(f.Said(reply))
    m.advance(1.0)
    assert m.spoken_unasked == ["Your timer is over."]
    assert isinstance(m.state.assistant, Speaking)


def test_too_many_announcements_are_not_kept() -> None:
    m = Checked()
    m.tell(f.VoiceStarted(0.0))
    for i in range(20):
        m.tell(f.Unasked(f"{i}"))
    m.tell(f.Cleared())
    for _ in range(20):
        if m.speaking is not None:
            m.tell(f.Said(m.speaking))
            m.advance(1.0)
    assert m.spoken_unasked == [f"{i}" for i in range(8)]
    assert isinstance(m.state.assistant, Silent)


def test_a_break_within_the_first_words_does_not_hold_an_interruption_up() -> None:
    m = Checked()
    _reply(m, seconds=5.0)
    m.tell(f.VoiceStarted(m.now))
    m.advance(0.15)
    m.tell(f.VoicePaused(m.now))
    m.advance(0.12)
    assert m.ducked
    m.tell(f.VoiceStarted(m.now))
    assert m.held


def test_an_echo_that_outlasts_the_reply_is_dropped_all_the_same() -> None:
    m = Checked()
    reply = _reply(m, seconds=0.5)
    m.tell(f.Said(reply))
    m.advance(0.3)
    m.tell(f.VoiceStarted(m.now))
    m.advance(0.4)
    assert f.FinishReply(reply) in m.effects
    m.tell(f.VoicePaused(m.now))
    _decoded(m, "the end of the reply", overlap=Overlap.ECHO)
    m.advance(1.0)
    assert f.Drop("turn_2", "echo") in m.effects
