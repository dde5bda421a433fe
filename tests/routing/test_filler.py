from __future__ import annotations

import itertools

from voicebox.routing.filler import FillerRules, Fillers


def test_nothing_is_said_before_half_a_second_and_something_soon_after() -> None:
    turn = Fillers().turn("s", 10.0)
    assert turn.due_s(10.0, words_there=False, wait_s=None) == 10.5
    assert turn.due_s(10.0, words_there=False, wait_s=3.0) == 10.5
    assert turn.due_s(10.0, words_there=False, wait_s=0.6) == 10.5, "it is judged when it is due"


def test_an_answer_that_is_about_to_come_is_waited_for_but_not_for_ever() -> None:
    turn = Fillers().turn("s", 10.0)
    assert turn.due_s(10.5, words_there=True, wait_s=None) == 10.65
    assert turn.due_s(10.5, words_there=False, wait_s=0.1) == 10.65
    assert turn.due_s(10.5, words_there=False, wait_s=0.2) == 10.5


def test_silence_after_a_filler_is_never_longer_than_the_rule() -> None:
    turn = Fillers().turn("s", 0.0)
    said = [turn.take()]
    for n in range(8):
        turn.sounds_until(4.0 * n)
        due = turn.due_s(4.0 * n, words_there=False, wait_s=None)
        assert due == 4.0 * n + 2.8
        said.append(turn.take())
    assert all(a != b for a, b in itertools.pairwise(said))
    assert said[0] not in said[1:]


def test_they_vary_from_turn_to_turn() -> None:
    fillers, heard = Fillers(), []
    for n in range(12):
        turn = fillers.turn("s", 10.0 * n)
        heard.append(turn.take())
        fillers.said("s", turn, 10.0 * n)
    assert all(heard[n] not in heard[max(0, n - 3) : n] for n in range(12))


def test_a_lookup_is_named() -> None:
    fillers = Fillers()
    assert fillers.turn("s", 0.0, domain="calendar", looks_up=True).first == "Let me look at your calendar."
    assert fillers.turn("s", 0.0, domain="calendar").first != "Let me look at your calendar.", "nothing is looked up"
    assert fillers.turn("s", 0.0, domain="bank", looks_up=True).first == "Let me check."


def test_the_gap_the_switch_and_unknown_languages() -> None:
    fillers = Fillers(FillerRules(gap_s=20.0))
    turn = fillers.turn("s", 0.0)
    turn.take()
    fillers.said("s", turn, 0.5)
    assert fillers.turn("s", 10.0).first == ""
    assert fillers.turn("other", 10.0).first
    assert fillers.turn("s", 30.0).first
    assert Fillers(FillerRules(enabled=False)).turn("s", 0.0).first == ""
    assert Fillers(language="fi").turn("s", 0.0).due_s(99.0, words_there=False, wait_s=None) is None
    assert Fillers(language="de-DE").turn("s", 0.0).first in Fillers(language="de").warm_phrases()


def test_what_was_heard_is_forgotten_with_the_session() -> None:
    fillers = Fillers()
    for n in range(3000):
        turn = fillers.turn(f"s{n}", 0.0)
        turn.take()
        fillers.said(f"s{n}", turn, 0.0)
    assert len(fillers._heard) == len(fillers._last_s) == 1024
    fillers.release("s2999")
    assert "s2999" not in fillers._heard
