from __future__ import annotations

import pytest

from scripts.train.prefixes import MID_SENTENCE_PAUSE, PrefixTree

TIMER, LIGHT = 0, 1


@pytest.fixture
def tree() -> PrefixTree:
    rows = [
        ("set a timer", TIMER, 1.0),
        ("set a timer for ten minutes", TIMER, 3.0),
        ("set a light", LIGHT, 1.0),
        ("dim", LIGHT, 1.0),
    ]
    return PrefixTree(((text.split(), label, weight) for text, label, weight in rows), labels=2)


def test_distributions_sum_to_one_and_sharpen_with_the_words(tree: PrefixTree) -> None:
    for words in ([], ["set"], ["set", "a"], ["set", "a", "timer"], ["unknown"], ["set", "unknown"]):
        assert sum(tree.distribution(words)) == pytest.approx(1.0)
    vague, sure = tree.distribution(["set", "a"]), tree.distribution(["set", "a", "timer"])
    assert vague[TIMER] < sure[TIMER]
    assert sure[TIMER] > 0.8


def test_an_unknown_word_keeps_what_the_words_before_it_said(tree: PrefixTree) -> None:
    assert tree.distribution(["set", "unknown"]) == tree.distribution(["set"])


def test_weights_count(tree: PrefixTree) -> None:
    assert tree.distribution(["set"])[TIMER] > tree.distribution([])[TIMER]


def test_complete_is_zero_inside_and_one_at_ends_that_nothing_follows(tree: PrefixTree) -> None:
    assert tree.complete(["set"]) == 0.0
    assert tree.complete(["never", "seen"]) == 0.0
    assert tree.complete(["dim"]) == 1.0
    assert tree.complete("set a timer for ten minutes".split()) == 1.0


def test_complete_weighs_a_pause_at_an_end_against_one_inside(tree: PrefixTree) -> None:
    share = 0.25
    expected = share / (share + (1 - share) * MID_SENTENCE_PAUSE)
    assert tree.complete(["set", "a", "timer"]) == pytest.approx(expected)
