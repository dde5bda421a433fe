from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicebox.stt.loops import Repetition, cut_repeats, find_repetition, token_budget


def ids(text: str) -> list[int]:
    return [ord(c) for c in text]


def cut(text: str, *, finished: bool = True, silent: str = "", fold: bool = False) -> str:
    sounds = [0 if c in silent else ord(c.lower() if fold else c) for c in text]
    return "".join(chr(i) for i in cut_repeats(ids(text), sounds, finished=finished))


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("abcde", "abcde"),
        ("abcdeabcde", "abcde"),
        ("abcdeabcdeabc", "abcde"),
        ("xyabcabcabcab", "xyabc"),
        ("abab", "abab"),
        ("aaaa", "aaaa"),
        ("aaaaaaaa", "aaa"),
        ("abcdefabc", "abcdef"),
        ("abcdefab", "abcdefab"),
        ("", ""),
        ("a", "a"),
    ],
)
def test_a_run_that_repeats_at_once_is_cut(said: str, kept: str) -> None:
    assert cut(said) == kept


def test_a_repetition_that_was_stopped_is_cut_wherever_it_began() -> None:
    assert cut("xyabcdefabc", finished=False) == "xyabcdef"
    assert cut("xyabcdefabc", finished=True) == "xyabcdefabc"


def test_case_and_punctuation_do_not_hide_a_loop() -> None:
    assert cut("Abcd.abcd,ABCD", silent=".,", fold=True) == "Abcd."
    assert cut("abc, de", silent=", ") == "abc, de"


def test_the_ids_themselves_are_compared_without_sounds() -> None:
    assert cut_repeats([0, 1, 2, 0, 1, 2]) == [0, 1, 2]


@given(st.text("abc.", max_size=24), st.booleans())
def test_what_is_kept_is_a_beginning_and_has_no_loop(said: str, finished: bool) -> None:
    kept = cut(said, finished=finished, silent=".")
    assert said.startswith(kept)
    assert len(kept) == len(said) or len(kept) >= 3
    heard = kept.replace(".", "")
    for run in range(3, len(heard) // 2 + 1):
        assert all(heard[at - run : at] != heard[at : at + run] for at in range(run, len(heard) - run + 1))


def test_the_budget_grows_with_the_clip() -> None:
    assert token_budget(0, 3) == 4
    assert token_budget(2.1, 3) == 11


def test_the_first_repetition_has_an_end() -> None:
    assert find_repetition(ids("xabcabcabc")) == Repetition(at=4, end=7)
    assert find_repetition(ids("abcdefabc")) == Repetition(at=6, end=9)
    assert find_repetition(ids("abc.abc."), [*ids("abc"), 0] * 2) == Repetition(at=4, end=7)
    assert find_repetition(ids("abcdef")) is None
