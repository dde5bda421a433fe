"""Training batches: texts and variants of them, drawn by weight, with beginnings of sentences among them."""

# mypy: disable-error-code="misc,no-any-return,unused-ignore"

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from voicebox.train.augment import augment
from voicebox.train.examples import Example, prefix_tree
from voicebox.train.net import pad
from voicebox.train.prefixes import Path
from voicebox.train.wordpiece import WordPieces

__all__ = ["Batch", "Batcher", "Variant", "vary"]

_QUEUED = 24
"""Batches that are drawn at once and sorted by length, so that little of a batch is padding."""
_LONGEST = 32
"""Words of a text that are used."""


@dataclass(frozen=True, slots=True)
class Variant:
    """A text to train on: example `example`, as it is or changed.

    `words` are pairs of a word and how many words of the original have been said by its end.
    """

    example: int
    words: tuple[tuple[str, int], ...]

    @property
    def text(self) -> str:
        """The words as one text."""
        return " ".join(word for word, _ in self.words)


@dataclass(frozen=True, slots=True)
class Batch:
    """`full` whole texts come first, then beginnings of sentences."""

    tokens: Tensor
    """(rows, time) int64."""
    mask: Tensor
    """(rows, time) bool."""
    variants: Tensor
    """(full,) int64: index of each text in the batcher's variants."""
    prefix_labels: Tensor
    """(rows − full, labels): distribution over the labels of each beginning."""
    complete: Tensor
    """(rows,): P(all is said)."""


class Batcher:
    """Makes batches.

    Args:
        examples: the training set.
        variants: its texts; every example has at least one.
        pieces: the tokenizer.
        labels: number of labels.
        beginnings: proper beginnings per whole text, on average.
    """

    def __init__(
        self,
        examples: Sequence[Example],
        variants: Sequence[Variant],
        pieces: WordPieces,
        labels: int,
        *,
        beginnings: float = 0.5,
    ) -> None:
        self._variants = variants
        self._pieces = pieces
        self._beginnings = beginnings
        self._tree, self._paths = prefix_tree(examples, labels)
        self._weights = [example.weight for example in examples]
        self._of: list[list[int]] = [[] for _ in examples]
        for index, variant in enumerate(variants):
            self._of[variant.example].append(index)
        self._queue: list[list[int]] = []
        self._memo: dict[tuple[str, ...], tuple[list[float], float]] = {}
        self.labels = labels

    def draw(self, size: int, rng: random.Random) -> Batch:
        """A batch of about equally long texts, `size` of them, drawn by weight."""
        if not self._queue:
            drawn = rng.choices(range(len(self._weights)), self._weights, k=_QUEUED * size)
            # Half of what is drawn is as it was written, half is changed.
            pool = [self._of[index][0] if rng.random() < 0.5 else rng.choice(self._of[index]) for index in drawn]
            pool.sort(key=lambda index: len(self._variants[index].words))
            self._queue = [pool[start : start + size] for start in range(0, len(pool), size)]
            rng.shuffle(self._queue)
        return self.make(self._queue.pop(), rng)

    def make(self, indices: Sequence[int], rng: random.Random) -> Batch:
        """A batch of the given variants and beginnings of some of them."""
        rows: list[list[int]] = []
        complete: list[float] = []
        for index in indices:
            variant = self._variants[index]
            rows.append(self._pieces.encode(" ".join(word for word, _ in variant.words[:_LONGEST])))
            complete.append(self._known(self._paths[variant.example])[1])
        labels: list[list[float]] = []
        for index in indices:
            variant = self._variants[index]
            # Words before the sentence ("hello, set …") say nothing of it, and are sentences of their own.
            inside = [at for at, (_, said) in enumerate(variant.words[: _LONGEST - 1]) if said][:-1]
            if not inside or rng.random() >= self._beginnings:
                continue
            cut = rng.choice(inside)
            rows.append(self._pieces.encode(" ".join(word for word, _ in variant.words[: cut + 1])))
            distribution, ended = self._known(self._paths[variant.example][: variant.words[cut][1] + 1])
            labels.append(distribution)
            complete.append(ended)
        tokens, mask = pad(rows, self._pieces.pad)
        return Batch(
            tokens,
            mask,
            torch.tensor(list(indices)),
            torch.tensor(labels).reshape(len(labels), self.labels),
            torch.tensor(complete),
        )

    def complete(self, example: int, words: int) -> float:
        """P(all is said) behind the first `words` words of an example."""
        return self._known(self._paths[example][: words + 1])[1]

    def _known(self, path: Path) -> tuple[list[float], float]:
        known = self._memo.get(path[-1])
        if known is None:
            known = self._memo[path[-1]] = (self._tree.distribution(path), self._tree.complete(path))
        return known


def vary(examples: Sequence[Example], copies: int, rng: random.Random, *, strength: float = 1.0) -> list[Variant]:
    """Every example as it is, then `copies` changed ones of each; all originals come first."""
    out = [
        Variant(index, tuple((word, at) for at, word in enumerate(example.text.split(), start=1)))
        for index, example in enumerate(examples)
    ]
    for _ in range(copies):
        out += [
            Variant(index, tuple(augment(example.text, rng, strength=strength)))
            for index, example in enumerate(examples)
        ]
    return out
