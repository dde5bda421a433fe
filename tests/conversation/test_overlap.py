from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicebox.conversation.overlap import Overlap, judge

PLAYING = "Your timer is set for ten minutes"


@pytest.mark.parametrize(
    ("heard", "verdict"),
    [
        ("", Overlap.NONE),
        ("...", Overlap.NONE),
        ("timer", Overlap.ECHO),
        ("timer is set for ten", Overlap.ECHO),
        ("Your time is set for ten minutes.", Overlap.ECHO),
        ("mm-hm", Overlap.BACKCHANNEL),
        ("Uh-huh, okay.", Overlap.BACKCHANNEL),
        ("yeah great", Overlap.BACKCHANNEL),
        ("All right.", Overlap.BACKCHANNEL),
        ("That's right, I see.", Overlap.BACKCHANNEL),
        ("That's wrong.", Overlap.INTERRUPTION),
        ("I want tea.", Overlap.INTERRUPTION),
        ("I see.", Overlap.BACKCHANNEL),
        ("yeah okay right great", Overlap.INTERRUPTION),
        ("Yeah. Yeah. Yeah. Yeah. Okay.", Overlap.BACKCHANNEL),
        ("M.H.M.H.", Overlap.BACKCHANNEL),
        ("set a mm-hm", Overlap.BACKCHANNEL),
        ("set for mum okay", Overlap.BACKCHANNEL),
        ("set a stop okay", Overlap.INTERRUPTION),
        ("set a pizza", Overlap.INTERRUPTION),
        ("stop", Overlap.INTERRUPTION),
        ("no make it twenty minutes", Overlap.INTERRUPTION),
        ("okay stop", Overlap.INTERRUPTION),
    ],
)
def test_verdicts(heard: str, verdict: Overlap) -> None:
    assert judge(heard, PLAYING) is verdict


def test_an_echo_of_silence_is_none() -> None:
    assert judge("timer", "") is Overlap.INTERRUPTION


def test_a_backchannel_that_is_being_said_is_an_echo() -> None:
    assert judge("okay", "Okay, ten minutes") is Overlap.ECHO


@given(st.lists(st.sampled_from(PLAYING.split()), min_size=1, max_size=7))
def test_any_run_of_what_is_said_is_an_echo(words: list[str]) -> None:
    in_order = sorted(set(words), key=PLAYING.split().index)
    assert judge(" ".join(in_order), PLAYING) is Overlap.ECHO


def test_a_hum_that_was_written_down_as_words_takes_no_turn() -> None:
    assert judge("and the Meacham", PLAYING, doubtful=True) is Overlap.BACKCHANNEL
    assert judge("and the Meacham", PLAYING) is Overlap.INTERRUPTION
    assert judge("stop the Meacham", PLAYING, doubtful=True) is Overlap.INTERRUPTION


@given(st.text(max_size=60), st.text(max_size=60))
def test_any_text_gets_a_verdict(heard: str, playing: str) -> None:
    assert judge(heard, playing) in Overlap


@pytest.mark.parametrize("heard", ["yes", "okay", "mm-hm", "yeah sure"])
def test_after_a_question_a_listeners_noise_is_the_answer(heard: str) -> None:
    assert judge(heard, "Shall I set a timer for it?") is Overlap.INTERRUPTION
    assert judge(heard, "I set a timer for it.") is Overlap.BACKCHANNEL
