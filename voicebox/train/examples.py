"""Rows as the trainer uses them: normalized, with label numbers, word spans and weights; a part is held out."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from voicebox.llm.intent_text import normalize_text
from voicebox.llm.types import OUT_OF_SCOPE
from voicebox.train.prefixes import Path as PrefixPath
from voicebox.train.prefixes import PrefixTree, WordSpan, path_of
from voicebox.train.rows import Row

__all__ = ["Example", "hold_out", "label_names", "make_examples", "pauses", "prefix_tree", "slot_values"]

OUT_OF_SCOPE_SHARE = 0.1
"""Least share of the weight that out-of-scope rows have, where there are any …"""
_MOST_RAISED = 10.0
"""… and by how much their weights are raised for it at most."""


@dataclass(frozen=True, slots=True)
class Example:
    """A row for training: `text` is normalized, `spans` are the words of its slots, `label` is an index."""

    text: str
    label: int
    weight: float = 1.0
    spans: tuple[WordSpan, ...] = ()
    group: str = ""


def label_names(rows: Iterable[Row]) -> list[str]:
    """All labels: the intents by name, then out of scope (also where no row has it)."""
    return [*sorted({row.intent for row in rows} - {OUT_OF_SCOPE}), OUT_OF_SCOPE]


def make_examples(rows: Iterable[Row], labels: Sequence[str]) -> list[Example]:
    """One example per normalized text (weights add up), with weights that sum to their number."""
    number = {label: index for index, label in enumerate(labels)}
    found: dict[tuple[str, int], Example] = {}
    for row in rows:
        text, spans = _normalized(row)
        example = Example(text, number[row.intent], row.weight, spans, row.group or text)
        same = found.get((text, example.label))
        found[text, example.label] = replace(same, weight=same.weight + row.weight) if same else example
    examples = list(found.values())
    if not examples:
        return []
    outside = number[OUT_OF_SCOPE]
    total = sum(example.weight for example in examples)
    ours = sum(example.weight for example in examples if example.label == outside)
    raised = 1.0
    if 0 < ours < OUT_OF_SCOPE_SHARE * total:
        raised = min(_MOST_RAISED, OUT_OF_SCOPE_SHARE / (1 - OUT_OF_SCOPE_SHARE) * (total - ours) / ours)
    scale = len(examples) / (total + (raised - 1.0) * ours)
    return [
        replace(example, weight=example.weight * scale * (raised if example.label == outside else 1.0))
        for example in examples
    ]


def hold_out(examples: Sequence[Example], share: float, seed: int) -> tuple[list[Example], list[Example]]:
    """Split off whole groups for calibration, about `share` of the examples of each label.

    A label keeps at least two thirds of its groups; what has one or two groups is not held out.
    """
    rng = random.Random(seed)
    groups: defaultdict[int, list[str]] = defaultdict(list)
    for label, group in sorted({(example.label, example.group) for example in examples}):
        groups[label].append(group)
    held: set[tuple[int, str]] = set()
    for label, names in groups.items():
        rng.shuffle(names)
        # Stochastic rounding: a tenth of five groups is one in half of the labels.
        count = min(int(share * len(names) + rng.random()), len(names) // 3)
        held |= {(label, name) for name in names[:count]}
    kept = [example for example in examples if (example.label, example.group) not in held]
    return kept, [example for example in examples if (example.label, example.group) in held]


def slot_values(examples: Iterable[Example]) -> dict[str, set[str]]:
    """All values of each slot that occur in the examples."""
    values: defaultdict[str, set[str]] = defaultdict(set)
    for example in examples:
        words = example.text.split()
        for start, end, slot in example.spans:
            values[slot].add(" ".join(words[start:end]))
    return values


def prefix_tree(examples: Sequence[Example], labels: int) -> tuple[PrefixTree, list[PrefixPath]]:
    """The statistics of all prefixes, and each example's path through them."""
    values = slot_values(examples)
    paths = [path_of(example.text.split(), example.spans, values) for example in examples]
    rows = ((path, example.label, example.weight) for example, path in zip(examples, paths, strict=True))
    return PrefixTree(rows, labels), paths


def pauses(
    held: Sequence[Example], known: Sequence[Example], labels: int, seed: int, *, most: int = 1500
) -> list[tuple[str, float]]:
    """Held-out texts and beginnings of them, with P(all is said) by what all texts say about these places."""
    tree, paths = prefix_tree([*known, *held], labels)
    rng = random.Random(seed)
    rows = list(zip(held, paths[len(known) :], strict=True))
    out: list[tuple[str, float]] = []
    for example, path in rng.sample(rows, min(most, len(rows))):
        words = example.text.split()
        out.append((example.text, tree.complete(path)))
        if len(words) > 1:
            cut = rng.randrange(1, len(words))
            out.append((" ".join(words[:cut]), tree.complete(path[: cut + 1])))
    return out


def _normalized(row: Row) -> tuple[str, tuple[WordSpan, ...]]:
    """The normalized text with its slots as word spans; none where normalization reaches across a slot's edge."""
    text = normalize_text(row.text)
    words: list[str] = []
    spans: list[WordSpan] = []
    at = 0
    for slot in row.slots:
        words += normalize_text(row.text[at : slot.start]).split()
        start = len(words)
        words += normalize_text(row.text[slot.start : slot.end]).split()
        if len(words) > start:
            spans.append((start, len(words), slot.name))
        at = slot.end
    words += normalize_text(row.text[at:]).split()
    return text, tuple(spans) if " ".join(words) == text else ()
