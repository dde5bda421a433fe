from __future__ import annotations

from collections import Counter

import pytest

from voicebox.train.examples import hold_out, label_names, make_examples, prefix_tree, slot_values
from voicebox.train.rows import Row, Slot

LABELS = ["a", "b", "oos"]


def test_labels_are_sorted_and_out_of_scope_is_last_even_without_rows() -> None:
    assert label_names([Row("x", "oos"), Row("y", "b"), Row("z", "a")]) == LABELS
    assert label_names([Row("y", "b"), Row("z", "a")]) == LABELS


def test_texts_are_normalized_and_equal_ones_add_up() -> None:
    examples = make_examples([Row("Set it!", "a", weight=1.0), Row("set it", "a", weight=3.0), Row("x", "b")], LABELS)
    assert [(example.text, example.label) for example in examples] == [("set it", 0), ("x", 1)]
    assert examples[0].weight == pytest.approx(4 * examples[1].weight)
    assert sum(example.weight for example in examples) == pytest.approx(2)


def test_slots_become_spans_of_words() -> None:
    text = "Wake me at 7:30am, please"
    example = make_examples([Row(text, "a", (Slot(11, 17, "time"),)), Row("x", "b")], LABELS)[0]
    words = example.text.split()
    (start, end, name) = example.spans[0]
    assert (" ".join(words[start:end]), name) == ("7:30 am", "time")
    assert slot_values([example]) == {"time": {"7:30 am"}}


def test_a_slot_that_normalization_cuts_through_is_left_out() -> None:
    example = make_examples([Row("100,000 points", "a", (Slot(0, 3, "n"),)), Row("x", "b")], LABELS)[0]
    assert example.text == "100000 points"
    assert example.spans == ()


def test_out_of_scope_counts_for_a_tenth_where_its_rows_are_few() -> None:
    rows = [Row(f"a{i}", "a") for i in range(95)] + [Row(f"o{i}", "oos") for i in range(5)]
    examples = make_examples(rows, LABELS)
    outside = sum(example.weight for example in examples if example.label == 2)
    assert outside / len(examples) == pytest.approx(0.1)
    many = make_examples([*rows, *(Row(f"p{i}", "oos") for i in range(50))], LABELS)
    assert {example.weight for example in many} == {1.0}


def test_whole_groups_are_held_out_of_every_label() -> None:
    rows = [Row(f"text {i} {label}", label, group=f"{label}{i // 4}") for label in "ab" for i in range(400)]
    kept, held = hold_out(make_examples(rows, LABELS), 0.1, seed=1)
    assert {e.group for e in kept}.isdisjoint({e.group for e in held})
    counts = Counter(e.label for e in held)
    assert counts[0] == pytest.approx(40, abs=4)
    assert counts[1] == pytest.approx(40, abs=4)
    assert hold_out(make_examples(rows, LABELS), 0.1, seed=1) == (kept, held)


def test_what_has_one_group_is_not_held_out() -> None:
    rows = [Row(f"text {i}", "a", group="only") for i in range(30)] + [Row("b one", "b"), Row("b two", "b")]
    kept, held = hold_out(make_examples(rows, LABELS), 0.5, seed=1)
    assert held == []
    assert len(kept) == 32


def test_the_tree_says_where_sentences_end() -> None:
    rows = [Row(f"set a timer for {n} minutes", "a", (Slot(16, 16 + len(n), "n"),)) for n in ("ten", "two", "six")]
    examples = make_examples([*rows, Row("stop", "b")], LABELS)
    tree, paths = prefix_tree(examples, 3)
    assert tree.complete(paths[0]) == 1.0
    assert tree.complete(paths[0][:3]) == 0.0
    assert tree.distribution(paths[0][:2])[0] > 0.6
