"""Training batches: texts as written or changed, drawn by weight, with beginnings of sentences among them."""

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

__all__ = ["Batch", "Batcher"]

_QUEUED = 24
"""Batches that are drawn at once and sorted by length, so that little of a batch is padding."""
_LONGEST = 32
"""Words of a text that are used."""


@dataclass(frozen=True, slots=True)
class Batch:
    """`full` whole texts come first, then beginnings of sentences."""

    tokens: Tensor
    """(rows, time) int64."""
    mask: Tensor
    """(rows, time) bool."""
    examples: Tensor
    """(full,) int64: index of each whole text's example."""
    prefix_labels: Tensor
    """(rows − full, labels): distribution over the labels of each beginning."""
    complete: Tensor
    """(rows,): P(all is said)."""


class Batcher:
    """Makes batches.

    Args:
        examples: the training set.
        pieces: the tokenizer.
        labels: number of labels.
        beginnings: proper beginnings per whole text, on average.
        changed: share of the texts that are changed as recognisers and speakers do.
    """

    def __init__(
        self,
        examples: Sequence[Example],
        pieces: WordPieces,
        labels: int,
        *,
        beginnings: float = 0.5,
        changed: float = 0.85,
    ) -> None:
        self._examples = examples
        self._pieces = pieces
        self._beginnings = beginnings
        self._changed = changed
        self._tree, self._paths = prefix_tree(examples, labels)
        self._weights = [example.weight for example in examples]
        self._queue: list[list[int]] = []
        self._memo: dict[tuple[str, ...], tuple[list[float], float]] = {}
        self.labels = labels

    def draw(self, size: int, rng: random.Random) -> Batch:
        """A batch of about equally long texts, `size` of them, drawn by weight."""
        if not self._queue:
            pool = rng.choices(range(len(self._weights)), self._weights, k=_QUEUED * size)
            pool.sort(key=lambda index: len(self._examples[index].text))
            self._queue = [pool[start : start + size] for start in range(0, len(pool), size)]
            rng.shuffle(self._queue)
        return self.make(self._queue.pop(), rng)

    def make(self, indices: Sequence[int], rng: random.Random) -> Batch:
        """A batch of the given examples and beginnings of some of them."""
        rows: list[list[int]] = []
        beginnings: list[list[int]] = []
        complete: list[float] = []
        labels: list[list[float]] = []
        ended: list[float] = []
        for index in indices:
            words = self._words(index, rng)
            path = self._paths[index]
            rows.append(self._pieces.encode(" ".join(word for word, _ in words)))
            complete.append(self._known(path)[1])
            # Words before the sentence ("hello, set …") say nothing of it, and are sentences of their own.
            inside = [at for at, (_, said) in enumerate(words) if said][:-1]
            if inside and rng.random() < self._beginnings:
                cut = rng.choice(inside)
                beginnings.append(self._pieces.encode(" ".join(word for word, _ in words[: cut + 1])))
                distribution, over = self._known(path[: words[cut][1] + 1])
                labels.append(distribution)
                ended.append(over)
        tokens, mask = pad([*rows, *beginnings], self._pieces.pad)
        return Batch(
            tokens,
            mask,
            torch.tensor(list(indices)),
            torch.tensor(labels).reshape(len(labels), self.labels),
            torch.tensor([*complete, *ended]),
        )

    def _words(self, index: int, rng: random.Random) -> list[tuple[str, int]]:
        """An example's words, changed or not, each with how many words of the original have been said by its end."""
        text = self._examples[index].text
        if rng.random() < self._changed:
            return augment(text, rng)[:_LONGEST]
        return [(word, said) for said, word in enumerate(text.split()[:_LONGEST], start=1)]

    def _known(self, path: Path) -> tuple[list[float], float]:
        known = self._memo.get(path[-1])
        if known is None:
            known = self._memo[path[-1]] = (self._tree.distribution(path), self._tree.complete(path))
        return known
