from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicebox.conversation.playout import Playout, TimedWord

HELLO = [TimedWord("Hello", 0.0, 0.4), TimedWord("there.", 0.5, 0.9)]
BYE = [TimedWord("Good", 0.0, 0.3), TimedWord("bye.", 0.3, 0.8)]


def test_audio_plays_from_when_it_was_sent() -> None:
    playout = Playout("reply_1")
    assert playout.queue(10.0, 1.0, HELLO) == 11.0
    assert playout.heard_s(9.0) == 0.0
    assert playout.heard_s(10.25) == 0.25
    assert playout.heard_s(99.0) == 1.0


def test_a_second_phrase_plays_after_the_first() -> None:
    playout = Playout("reply_1")
    playout.queue(10.0, 1.0, HELLO)
    assert playout.queue(10.2, 0.8, BYE) == 11.8
    assert (playout.audio_s, playout.ends_s) == (1.8, 11.8)
    assert playout.text == "Hello there. Good bye."
    assert playout.heard_text(playout.heard_s(11.5)) == "Hello there. Good"


def test_a_gap_between_phrases_is_not_heard() -> None:
    playout = Playout("reply_1")
    playout.queue(10.0, 1.0, HELLO)
    playout.queue(15.0, 0.8, BYE)
    assert playout.heard_s(14.9) == 1.0
    assert playout.heard_s(15.2) == pytest.approx(1.2)


def test_a_word_counts_once_the_greater_part_was_heard() -> None:
    playout = Playout("reply_1")
    playout.queue(0.0, 1.0, HELLO)
    assert playout.heard_text(0.0) == ""
    assert playout.heard_text(0.19) == ""
    assert playout.heard_text(0.21) == "Hello"
    assert playout.heard_text(0.69) == "Hello"
    assert playout.heard_text(0.71) == "Hello there."


def test_the_far_end_knows_better() -> None:
    playout = Playout("reply_1")
    playout.queue(0.0, 1.0, HELLO)
    playout.report(0.3)
    assert playout.heard_s(5.0) == 0.3
    playout.report(0.1)
    assert playout.heard_s(5.0) == 0.3, "playing does not go back"
    playout.report(99.0)
    assert playout.heard_s(5.0) == 1.0, "no more can be heard than was sent"


def test_text_without_audio_is_read_at_once() -> None:
    playout = Playout("reply_1")
    playout.queue(1.0, 0.0, [TimedWord("Hello", 0.0, 0.0)])
    assert playout.heard_text(playout.heard_s(1.0)) == "Hello"


def test_the_words_around_the_position_are_what_may_echo() -> None:
    playout = Playout("reply_1")
    for i in range(10):
        playout.queue(0.0, 1.0, [TimedWord(f"w{i}", 0.0, 1.0)])
    assert playout.playing_text(6.2, span_s=2.0) == "w4 w5 w6"
    assert playout.playing_text(0.0) == "w0"


PIECES = st.lists(st.tuples(st.floats(0, 5), st.floats(0, 3)), min_size=1, max_size=8)


def _played(pieces: list[tuple[float, float]]) -> Playout:
    playout, now = Playout("reply_1"), 0.0
    for i, (wait, seconds) in enumerate(pieces):
        now += wait
        playout.queue(now, seconds, [TimedWord(f"w{i}", 0.0, seconds)])
    return playout


@given(PIECES, st.lists(st.floats(0, 100), min_size=2, max_size=10))
def test_what_was_heard_only_grows(pieces: list[tuple[float, float]], moments: list[float]) -> None:
    playout = _played(pieces)
    heard = [playout.heard_s(now) for now in sorted(moments)]
    assert heard == sorted(heard)
    assert all(0 <= h <= playout.audio_s + 1e-9 for h in heard)
    texts = [playout.heard_text(h) for h in heard]
    assert all(longer.startswith(shorter) for shorter, longer in itertools.pairwise(texts))


@given(PIECES)
def test_in_the_end_all_was_heard(pieces: list[tuple[float, float]]) -> None:
    playout = _played(pieces)
    assert playout.heard_s(playout.ends_s) == pytest.approx(playout.audio_s)
    assert playout.heard_text(playout.audio_s) == playout.text


@given(PIECES, st.lists(st.floats(-1, 50), max_size=6))
def test_reports_never_go_back_nor_past_the_end(pieces: list[tuple[float, float]], reports: list[float]) -> None:
    playout, last = _played(pieces), 0.0
    for heard_s in reports:
        playout.report(heard_s)
        assert last <= playout.heard_s(0.0) <= playout.audio_s
        last = playout.heard_s(0.0)
