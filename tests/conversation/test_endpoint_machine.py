"""What the turn machine makes of pauses: why turns end, what holds them, and what it asks for."""

from __future__ import annotations

import pytest

from tests.conversation.machine import Checked
from voicebox.conversation import facts as f
from voicebox.conversation.endpoint import EndpointPolicy, Hints, Said
from voicebox.conversation.states import Closing, Rules, Speech

MEDIUM = EndpointPolicy(eagerness="medium")


def machine(**rules: object) -> Checked:
    return Checked(Rules(endpoint=MEDIUM, **rules))  # type: ignore[arg-type]


def pause(m: Checked) -> f.Decode:
    """The caller speaks for half a second and pauses, which is noticed a frame later."""
    m.tell(f.VoiceStarted(m.now))
    m.advance(0.5)
    m.tell(f.VoicePaused(m.now))
    m.advance(0.032)
    return m.decodes.pop()


REQUEST = Hints(Said.REQUEST)


def hear(m: Checked, decode: f.Decode, text: str, complete: float | None = 1.0, hints: Hints = REQUEST) -> None:
    m.tell(f.Heard(decode.turn, decode.kind, decode.pause, text, complete, not text, hints=hints))


def answer(m: Checked) -> str:
    """The answer is ready; returns why the turn was taken to be over."""
    assert m.preparing is not None
    (commit,) = [e for e in m.tell(f.ReplyReady(m.preparing)) if isinstance(e, f.Commit)]
    return commit.reason


@pytest.mark.parametrize(
    ("text", "complete", "hints", "wait_s", "reason"),
    [
        ("Stop.", 1.0, Hints(Said.REQUEST), 0.2, "complete"),
        ("A latte.", 1.0, Hints(Said.EXTENDABLE), 0.266, "open_slots"),
        ("Set a timer for", 1.0, Hints(Said.MISSING), 1.7, "dangling"),
        ("Ten", 0.2, Hints(Said.ANSWER), 0.2, "answer"),
        ("Hm", None, Hints(), 0.5, "unknown"),
    ],
)
def test_a_turn_says_why_it_was_taken_to_be_over(
    text: str, complete: float | None, hints: Hints, wait_s: float, reason: str
) -> None:
    m = machine()
    hear(m, pause(m), text, complete, hints)
    m.advance(wait_s - 0.032 - 0.005)
    assert m.preparing is None
    m.advance(0.01)
    assert answer(m) == reason


def test_a_turn_that_the_client_ends_says_so() -> None:
    m = machine(server_vad=False)
    hear(m, pause(m), "Stop")
    m.tell(f.Committed())
    assert answer(m) == "client"


def test_a_turn_that_lasts_too_long_says_so() -> None:
    m = machine(max_turn_s=2.0)
    m.tell(f.VoiceStarted(0.0))
    m.advance(2.1)
    hear(m, m.decodes.pop(), "and so on and", 0.0)
    assert answer(m) == "too_long"


def test_late_words_that_want_more_open_the_turn_again() -> None:
    m = machine()
    decode = pause(m)
    m.advance(0.6)
    assert isinstance(m.state.caller, Closing)
    hear(m, decode, "Set a timer for", 0.0)
    assert isinstance(m.state.caller, Speech)
    m.advance(0.9)
    assert m.preparing is None
    m.advance(0.3)
    assert answer(m) == "dangling"


def test_late_words_that_are_all_are_answered_at_once() -> None:
    m = machine()
    decode = pause(m)
    m.advance(0.6)
    hear(m, decode, "Stop.")
    assert answer(m) == "complete"


def test_late_words_do_not_open_a_turn_that_the_client_ended() -> None:
    m = machine()
    decode = pause(m)
    m.tell(f.Committed())
    hear(m, decode, "Set a timer for", 0.0)
    assert answer(m) == "client"


def test_a_frame_of_voice_puts_the_end_off_for_as_long_as_the_next_one_takes() -> None:
    m = machine()
    hear(m, pause(m), "Stop.")
    m.advance(0.15)
    m.tell(f.Stirred())
    m.advance(0.045)
    assert m.preparing is None
    m.advance(0.01)
    assert m.preparing is not None


def test_the_sound_of_a_pause_is_asked_for_once_after_two_frames() -> None:
    m = machine(judged=True)
    decode = pause(m)
    assert not [e for e in m.effects if isinstance(e, f.Judge)]
    m.advance(0.05)
    hear(m, decode, "Turn off", 0.0)
    m.advance(0.5)
    assert [e for e in m.effects if isinstance(e, f.Judge)] == [f.Judge("turn_1", 1)]


@pytest.mark.parametrize("rules", [{"judged": False}, {"judged": True, "server_vad": False}])
def test_nobody_asks_for_the_sound_where_no_model_or_no_silence_decides(rules: dict[str, bool]) -> None:
    m = machine(**rules)
    pause(m)
    m.advance(5.0)
    assert not [e for e in m.effects if isinstance(e, f.Judge)]


def test_a_verdict_holds_the_pause_that_it_is_about_and_no_other() -> None:
    m = machine(judged=True)
    hear(m, pause(m), "Turn it off.", 0.8)
    m.tell(f.Voted("turn_1", 1, 0.01))
    m.advance(0.3)
    assert m.preparing is None, "held"
    m.tell(f.VoiceStarted(m.now))
    m.advance(0.3)
    m.tell(f.VoicePaused(m.now))
    hear(m, m.decodes.pop(), "Turn it off now.", 0.8)
    m.tell(f.Voted("turn_1", 1, 0.01))
    m.advance(0.21)
    assert m.preparing is not None, "the old verdict is about the old pause"


def test_a_caller_who_goes_on_gets_more_time_from_then_on() -> None:
    m = Checked(Rules(endpoint=EndpointPolicy(eagerness="auto")))
    hear(m, pause(m), "Turn off", 0.0)
    m.advance(1.2)
    m.tell(f.VoiceStarted(m.now))
    assert m.state.habits.pace > 1.0
    m.advance(0.5)
    m.tell(f.VoicePaused(m.now))
    hear(m, m.decodes.pop(), "Turn off the light.")
    m.advance(0.21)
    assert m.preparing is None
    m.advance(0.1)
    assert answer(m) == "complete+pace"


def test_a_caller_who_speaks_as_soon_as_the_reply_begins_had_been_cut_off() -> None:
    m = Checked(Rules(endpoint=EndpointPolicy(eagerness="auto")))
    hear(m, pause(m), "Turn it off.")
    m.advance(0.2)
    answer(m)
    before = m.state.habits.inner_ms
    m.advance(0.3)
    late = m.state
    m.tell(f.VoiceStarted(m.now))
    assert m.state.habits.inner_ms == before, "time enough to react to the reply"
    m.state, m.now = late, m.now - 0.2
    m.open_turns.clear()
    m.ducked = False
    m.tell(f.VoiceStarted(m.now))
    assert m.state.habits.inner_ms > before
