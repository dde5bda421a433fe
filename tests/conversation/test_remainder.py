from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from voicebox.conversation.playout import Playout, TimedWord
from voicebox.conversation.remainder import remainder
from voicebox.routing.answer import Piece
from voicebox.tts.types import SpokenPhrase, SpokenWord

RATE = 1000


def _piece(words: list[tuple[str, int]], *, pause: int = 0) -> Piece:
    """Words and their lengths in samples, and silence behind them."""
    at, spoken = 0, []
    for text, samples in words:
        spoken.append(SpokenWord(text, at, at + samples))
        at += samples
    text = " ".join(word for word, _ in words)
    audio = np.arange(at + pause, dtype=np.float32)
    return Piece(text, SpokenPhrase(text, audio, RATE, tuple(spoken), 1.0))


def test_it_begins_with_the_cut_word_and_goes_to_the_end() -> None:
    pieces = [
        _piece([("One", 200), ("two", 200)]),
        _piece([("three", 300), ("four", 300)], pause=50),
        _piece([("five", 99)]),
    ]
    rest = list(remainder(pieces, 0.4 + 0.3 + 0.1))
    assert [piece.text for piece in rest] == ["four", "five"]
    first = rest[0].spoken
    assert first is not None
    assert len(first.audio) == 350
    assert first.audio[-1] == 649
    assert first.audio[0] == 0
    assert first.words == (SpokenWord("four", 0, 300),)
    assert rest[1] is pieces[2]


def test_a_word_that_was_heard_for_the_greater_part_is_not_said_again() -> None:
    assert [piece.text for piece in remainder([_piece([("One", 200), ("two", 200)])], 0.31)] == []
    assert [piece.text for piece in remainder([_piece([("One", 200), ("two", 200)])], 0.29)] == ["two"]


def test_what_has_no_words_is_said_again_unless_it_was_over() -> None:
    sound = Piece("", SpokenPhrase("", np.zeros(100, np.float32), RATE, (), 1.0))
    assert list(remainder([sound], 0.05)) == [sound]
    assert list(remainder([sound], 0.1)) == []


def test_what_is_not_spoken_was_taken_in_at_once() -> None:
    assert list(remainder([Piece("text", None)], 0.0)) == []


@given(
    st.lists(st.lists(st.integers(1, 400), min_size=1, max_size=6), min_size=1, max_size=5),
    st.floats(0.0, 6.0),
)
def test_heard_and_rest_are_the_whole(phrases: list[list[int]], heard_s: float) -> None:
    pieces = [_piece([(f"w{i}.{j}", n) for j, n in enumerate(lengths)]) for i, lengths in enumerate(phrases)]
    playout = Playout("r")
    for piece in pieces:
        assert piece.spoken is not None
        words = [TimedWord(w.text, w.start / RATE, w.end / RATE) for w in piece.spoken.words]
        playout.queue(0.0, piece.spoken.duration_s, words)
    rest = " ".join(piece.text for piece in remainder(pieces, heard_s))
    assert f"{playout.heard_text(heard_s)} {rest}".strip() == playout.text
