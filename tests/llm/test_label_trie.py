from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from voicebox.errors import EngineError
from voicebox.llm.label_trie import LabelTrie, Search

END = 99
TIMER_SET, TIMER_CANCEL, LIGHT, LIGHT_ON, NONE = (1, 5, 2), (1, 5, 3), (4, 6), (4, 6, 7, 8), (9,)
LABELS = (TIMER_SET, TIMER_CANCEL, LIGHT, LIGHT_ON, NONE)


def logits(answers: Mapping[int, float], ids: tuple[int, ...]) -> NDArray[np.float32]:
    return np.array([answers.get(token, 0.0) for token in ids], np.float32)


def run(search: Search, answers: Mapping[tuple[int, ...], Mapping[int, float]]) -> list[tuple[int, ...]]:
    """Answer all questions; what was asked."""
    asked = []
    while (question := search.next()) is not None:
        prefix, ids = question
        asked.append(prefix)
        search.add(logits(answers.get(prefix, {}), ids))
    return asked


def test_only_the_places_where_labels_part_are_asked_about() -> None:
    search = Search(LabelTrie(LABELS, end=END), floor=0.0)
    assert search.next() == ((), (1, 4, 9))
    assert sorted(run(search, {})) == [(), (1, 5), (4, 6)]


def test_probabilities_multiply_along_the_way() -> None:
    search = Search(LabelTrie(LABELS, end=END), floor=0.0)
    run(search, {(): {1: np.log(2), 4: np.log(1), 9: np.log(1)}, (1, 5): {2: np.log(3), 3: np.log(1)}})
    assert search.result() == pytest.approx([0.375, 0.125, 0.125, 0.125, 0.25])


def test_a_label_that_others_begin_with_ends_with_the_end_token() -> None:
    search = Search(LabelTrie(LABELS, end=END), floor=0.0)
    run(search, {(): {4: 50.0}, (4, 6): {END: np.log(4), 7: 0.0}})
    assert search.result()[2:4] == pytest.approx([0.8, 0.2])


def test_improbable_branches_share_their_probability_unasked() -> None:
    search = Search(LabelTrie(LABELS, end=END), floor=0.1)
    asked = run(search, {(): {1: 0.0, 4: np.log(0.05), 9: 0.0}})
    assert asked == [(), (1, 5)]
    light, light_on = search.result()[2:4]
    assert light == light_on > 0
    assert search.result().sum() == pytest.approx(1.0)


def test_the_likeliest_branch_is_asked_about_first() -> None:
    assert run(Search(LabelTrie(LABELS, end=END), floor=0.0), {(): {4: 1.0}}) == [(), (4, 6), (1, 5)]


def test_labels_that_all_begin_alike_are_asked_about_behind_that() -> None:
    search = Search(LabelTrie([TIMER_SET, TIMER_CANCEL], end=END), floor=0.0)
    assert search.next() == ((1, 5), (2, 3))


@given(
    st.lists(st.lists(st.integers(0, 3), min_size=1, max_size=4), min_size=2, max_size=12, unique_by=tuple),
    st.integers(0, 2**32 - 1),
)
def test_any_labels_get_the_probability_of_their_tokens(labels: list[list[int]], seed: int) -> None:
    random = np.random.default_rng(seed)
    table: dict[tuple[int, ...], NDArray[np.float32]] = {}

    def answer(prefix: tuple[int, ...]) -> NDArray[np.float32]:
        return table.setdefault(prefix, random.standard_normal(100).astype(np.float32))

    search = Search(LabelTrie(labels, end=END), floor=0.0)
    while (question := search.next()) is not None:
        prefix, ids = question
        search.add(answer(prefix)[list(ids)])
    whole = [tuple(label) for label in labels]
    spelt = [(*label, END) if any(o != label and o[: len(label)] == label for o in whole) else label for label in whole]
    expected = []
    for label in spelt:
        probability = 1.0
        for at, token in enumerate(label):
            nexts = sorted({o[at] for o in spelt if o[:at] == label[:at] and len(o) > at})
            if len(nexts) > 1:
                powers = np.exp(answer(label[:at])[nexts].astype(np.float64))
                probability *= powers[nexts.index(token)] / powers.sum()
        expected.append(probability)
    assert search.result() == pytest.approx(expected)


@pytest.mark.parametrize("labels", [[], [(1,)], [(1,), ()], [(1, 2), (1, 2)]])
def test_labels_that_cannot_be_told_apart_are_refused(labels: list[tuple[int, ...]]) -> None:
    with pytest.raises(EngineError, match="differ in their tokens"):
        LabelTrie(labels, end=END)


def test_logits_that_are_no_numbers_are_refused() -> None:
    search = Search(LabelTrie(LABELS, end=END), floor=0.0)
    with pytest.raises(EngineError, match="no usable logits"):
        search.add(np.array([0.0, np.nan, 0.0], np.float32))
