from __future__ import annotations

import pytest

from tests.conversation.machine import Checked
from voicebox.conversation import facts as f
from voicebox.conversation.overlap import Overlap
from voicebox.conversation.states import Rules

RULES = Rules(idle_timeout_s=5.0)


def _replied(m: Checked, seconds: float = 2.0) -> str:
    """A typed question is answered by so much audio, all of which was sent; returns the reply."""
    m.tell(f.Asked("text_1", "hello"))
    m.tell(f.ReplyReady("text_1"))
    reply = m.speaking
    assert reply is not None
    m.tell(f.Queued(reply, m.now + seconds))
    m.tell(f.Said(reply))
    return reply


def _noise(m: Checked, overlap: Overlap = Overlap.NONE, text: str = "") -> None:
    m.tell(f.VoiceStarted(m.now))
    m.advance(0.1)
    m.tell(f.VoicePaused(m.now))
    decode = m.decodes.pop()
    m.tell(f.Heard(decode.turn, decode.kind, decode.pause, text, 1.0, not text, overlap))
    m.advance(1.0)


def test_a_session_in_which_nobody_speaks_times_out_once() -> None:
    m = Checked(RULES)
    m.advance(4.999)
    assert m.nudges == 0
    m.advance(0.001)
    assert m.nudges == 1
    m.advance(100.0)
    assert m.nudges == 1


def test_it_is_off_unless_asked_for() -> None:
    m = Checked()
    m.advance(1_000.0)
    assert m.nudges == 0


def test_the_silence_counts_from_the_end_of_what_was_heard_not_of_what_was_sent() -> None:
    m = Checked(RULES)
    _replied(m, seconds=4.0)
    m.advance(8.9)
    assert m.nudges == 0
    m.advance(0.11)
    assert m.effects[-1] == f.IdleTimedOut(4.0)


def test_an_end_that_is_noticed_late_counts_from_when_it_was() -> None:
    m = Checked(RULES)
    _replied(m, seconds=2.0)
    m.now = 10.0
    assert f.IdleTimedOut(2.0) in m.tell(f.Tick())


def test_words_for_the_silence_are_spoken_at_once() -> None:
    m = Checked(RULES)
    m.advance(5.0)
    assert m.tell(f.Nudged("Are you still there?")) == (f.StartReply("reply_1", None, "Are you still there?"),)


def test_words_for_a_silence_that_is_over_are_never_spoken() -> None:
    m = Checked(RULES)
    m.advance(5.0)
    m.tell(f.VoiceStarted(m.now))
    assert m.tell(f.Nudged("Are you still there?")) == ()
    m.tell(f.Cleared())
    m.advance(60.0)
    assert m.speaking is None


def test_what_the_assistant_says_itself_begins_no_new_silence_of_the_caller() -> None:
    m = Checked(RULES)
    m.advance(5.0)
    m.tell(f.Nudged("Are you still there?"))
    m.tell(f.Said("reply_1"))
    m.advance(60.0)
    assert m.nudges == 1


def test_a_caller_who_was_there_again_may_be_silent_anew() -> None:
    m = Checked(RULES)
    m.advance(6.0)
    _replied(m)
    m.advance(7.0)
    assert m.nudges == 2


def test_a_noise_starts_the_count_afresh_but_is_no_sign_of_a_caller() -> None:
    m = Checked(RULES)
    m.advance(4.0)
    _noise(m)
    m.advance(4.0)
    assert m.nudges == 0
    m.advance(3.0)
    assert m.nudges == 1
    _noise(m)
    m.advance(60.0)
    assert m.nudges == 1


def test_a_listeners_noise_is_a_sign_of_a_caller() -> None:
    m = Checked(RULES)
    m.advance(6.0)
    m.tell(f.Nudged("Are you still there?"))
    m.tell(f.Queued("reply_1", m.now + 3.0))
    _noise(m, Overlap.BACKCHANNEL, "mm-hm")
    m.tell(f.Said("reply_1"))
    m.advance(10.0)
    assert m.nudges == 2


def test_nobody_is_interrupted_by_it() -> None:
    m = Checked(RULES)
    m.tell(f.VoiceStarted(0.0))
    m.advance(60.0)
    assert m.nudges == 0


def test_a_caller_who_pushes_to_talk_may_be_silent() -> None:
    m = Checked(Rules(idle_timeout_s=5.0, server_vad=False))
    m.advance(60.0)
    assert m.nudges == 0


@pytest.mark.parametrize("before", [None, 30.0])
def test_a_new_timeout_counts_from_when_it_was_set(before: float | None) -> None:
    m = Checked(Rules(idle_timeout_s=before))
    m.advance(20.0)
    m.configure(RULES)
    assert m.nudges == 0
    m.advance(4.9)
    assert m.nudges == 0
    m.advance(0.1)
    assert m.nudges == 1


def test_other_waits_follow_new_rules_at_once() -> None:
    """A pause that was to be waited out for long ends when the client asks for short ones."""
    m = Checked()
    m.tell(f.VoiceStarted(0.0))
    m.tell(f.VoicePaused(0.5))
    decode = m.decodes.pop()
    m.tell(f.Heard(decode.turn, decode.kind, decode.pause, "for how", 0.0))
    m.advance(0.8)
    assert m.preparing is None
    m.configure(Rules(endpoint=m.rules.endpoint.__class__(fixed_ms=400)))
    m.advance(0.1)
    assert m.preparing == "turn_1"
