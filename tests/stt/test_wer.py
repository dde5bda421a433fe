from __future__ import annotations

import pytest

from voicebox.stt.wer import ErrorRate, score_words, word_error_rate, word_errors


@pytest.mark.parametrize(
    ("reference", "hypothesis", "errors", "words"),
    [
        ("set a timer", "Set a timer.", 0, 3),
        ("set a timer", "set timer", 1, 3),
        ("set a timer", "set a loud timer", 1, 3),
        ("set a timer", "get a dimer", 2, 3),
        ("it's ten o'clock", "It is 10 o’clock", 0, 4),
        ("i cannot go", "I can't go", 0, 4),
        ("we will not", "we won't", 0, 3),
        ("um hello", "Hello [music]", 0, 1),
        ("", "hello", 1, 0),
        ("", "", 0, 0),
    ],
)
def test_errors_are_words_that_differ(reference: str, hypothesis: str, errors: int, words: int) -> None:
    assert word_errors(reference, hypothesis) == ErrorRate(errors, words)


def test_rates_add_up_by_words() -> None:
    total = word_error_rate([("one two three four", "one two three"), ("yes", "no")])
    assert total == ErrorRate(2, 5)
    assert total.rate == pytest.approx(0.4)
    assert ErrorRate(0, 0).rate == 0
    assert ErrorRate(2, 0).rate == 1


def test_possessives_are_not_verbs() -> None:
    assert score_words("the dog's bone") == ["the", "dogs", "bone"]
