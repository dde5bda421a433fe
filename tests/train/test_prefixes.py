from __future__ import annotations

import pytest

from voicebox.train.prefixes import MID_SENTENCE_PAUSE, Path, PrefixTree, WordSpan, path_of

TIMER, LIGHT = 0, 1
VALUES = {"duration": {"ten minutes", "five minutes", "an hour", "an hour and a half"}}


def _path(text: str, *spans: WordSpan) -> Path:
    return path_of(text.split(), spans, VALUES)


@pytest.fixture
def tree() -> PrefixTree:
    rows = [
        (_path("set a timer"), TIMER, 1.0),
        (_path("set a timer for ten minutes", (4, 6, "duration")), TIMER, 3.0),
        (_path("set a light"), LIGHT, 1.0),
        (_path("dim"), LIGHT, 1.0),
    ]
    return PrefixTree(rows, labels=2)


def test_a_path_has_a_node_per_prefix_and_one_step_per_slot() -> None:
    assert _path("set an hour and a half now", (1, 6, "duration")) == (
        (),
        ("set",),
        ("set", "~duration"),
        ("set", "{duration}"),
        ("set", "~duration"),
        ("set", "~duration"),
        ("set", "{duration}"),
        ("set", "{duration}", "now"),
    )
    assert _path("") == ((),)


def test_distributions_sum_to_one_and_sharpen_with_the_words(tree: PrefixTree) -> None:
    for text in ("", "set", "set a", "set a timer", "unknown", "set unknown"):
        assert sum(tree.distribution(_path(text))) == pytest.approx(1.0)
    vague, sure = tree.distribution(_path("set a")), tree.distribution(_path("set a timer"))
    assert vague[TIMER] < sure[TIMER]
    assert sure[TIMER] > 0.8


def test_weights_count(tree: PrefixTree) -> None:
    assert tree.distribution(_path("set"))[TIMER] > 0.7


def test_what_ends_at_a_node_counts_more_than_what_passes_it() -> None:
    rows = [(_path("stop"), LIGHT, 1.0), (_path("stop the timer"), TIMER, 5.0)]
    assert PrefixTree(rows, labels=2).distribution(_path("stop"))[LIGHT] > 0.6


def test_complete_is_zero_inside_and_one_at_ends_that_nothing_follows(tree: PrefixTree) -> None:
    assert tree.complete(_path("set")) == 0.0
    assert tree.complete(_path("never seen")) == 0.0
    assert tree.complete(_path("dim")) == 1.0


def test_a_value_that_was_never_seen_completes_like_the_others(tree: PrefixTree) -> None:
    path = _path("set a timer for three and a half hours", (4, 9, "duration"))
    assert tree.complete(path) == 1.0
    assert tree.complete(path[:-1]) == 0.0


def test_complete_weighs_a_pause_at_an_end_against_one_inside(tree: PrefixTree) -> None:
    share = 0.25
    expected = share / (share + (1 - share) * MID_SENTENCE_PAUSE)
    assert tree.complete(_path("set a timer")) == pytest.approx(expected)
