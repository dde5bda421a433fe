"""Training batches: sampled, augmented, tokenized, with soft labels for a few prefixes of every sentence."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from tokenizers import Tokenizer
from torch import Tensor

from scripts.train.dataset import Example
from scripts.train.tokenizer import token_id
from voicebox.llm.intent_text import ASK, BOS
from voicebox.train.augment import augment
from voicebox.train.prefixes import Path, PrefixTree

__all__ = ["Batch", "Batcher", "WordTokenizer"]

_BUCKETS = 24
"""Batches that are drawn at once and sorted by length, so that little of a batch is padding."""


class WordTokenizer:
    """Token ids word by word. Byte-level BPE never merges across a space, so words can be cached one by one."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        self._cache: dict[str, list[int]] = {}
        self.bos = token_id(tokenizer, BOS)
        self.ask = token_id(tokenizer, ASK)

    def encode(self, words: Sequence[str]) -> list[list[int]]:
        """Token ids of each word of a text."""
        return [self._ids(word if index == 0 else f" {word}") for index, word in enumerate(words)]

    def _ids(self, word: str) -> list[int]:
        ids = self._cache.get(word)
        if ids is None:
            ids = self._cache[word] = self._tokenizer.encode(word, add_special_tokens=False).ids
        return ids


@dataclass(frozen=True, slots=True)
class Batch:
    """What one step needs. `asks` and the label tensors have one row per scored prefix, full sentences first."""

    tokens: Tensor
    positions: Tensor
    mask: Tensor
    asks: Tensor
    examples: Tensor
    """(rows,) index of the example of each full sentence."""
    prefix_labels: Tensor
    """(prefixes, labels): soft labels of the rows after the full sentences."""
    complete: Tensor
    """(rows + prefixes,): P(complete)."""


class Batcher:
    """Makes batches from a training set.

    Args:
        examples: the training set.
        tokenizer: of words.
        tree: prefix statistics of the same set.
        paths: the examples' nodes in the tree.
        prefixes: how many proper prefixes of a sentence are scored with it, at most.
        longest: longer sentences (in words) are cut.
    """

    def __init__(
        self, examples: Sequence[Example], tokenizer: WordTokenizer, tree: PrefixTree, paths: Sequence[Path], *,
        prefixes: int = 3, longest: int = 28,
    ) -> None:  # fmt: skip
        self._examples = examples
        self._tokenizer = tokenizer
        self._tree = tree
        self._paths = paths
        self._prefixes = prefixes
        self._longest = longest
        self._weights = [example.weight for example in examples]
        self._queue: list[list[int]] = []
        self._memo: dict[tuple[str, ...], tuple[list[float], float]] = {}

    def draw(self, size: int, rng: random.Random) -> Batch:
        """A batch of about equally long sentences, `size` of them, drawn by weight."""
        if not self._queue:
            pool = rng.choices(range(len(self._examples)), self._weights, k=_BUCKETS * size)
            pool.sort(key=lambda index: len(self._examples[index].text))
            self._queue = [pool[start : start + size] for start in range(0, len(pool), size)]
            rng.shuffle(self._queue)
        return self.make(self._queue.pop(), rng)

    def make(self, indices: Sequence[int], rng: random.Random, *, strength: float = 1.0) -> Batch:
        """A batch of the given examples; `strength` 0 leaves them as they are."""
        rows: list[tuple[list[int], list[tuple[int, int]]]] = []
        for index in indices:
            words = augment(self._examples[index].text, rng, strength=strength)[: self._longest]
            pieces = self._tokenizer.encode([word for word, _ in words])
            ends: list[int] = []
            for piece in pieces:
                ends.append((ends[-1] if ends else 0) + len(piece))
            # Words before the sentence ("hello, set …") say nothing of it, and are sentences of their own.
            inside = [index for index, (_, said) in enumerate(words[:-1]) if said]
            cuts = rng.sample(inside, min(self._prefixes, len(inside)))
            marks = [(ends[-1], -1), *((ends[cut], words[cut][1]) for cut in sorted(cuts))]
            rows.append(([token for piece in pieces for token in piece], marks))
        return self._collate(indices, rows)

    def _collate(self, indices: Sequence[int], rows: Sequence[tuple[list[int], list[tuple[int, int]]]]) -> Batch:
        time = max(1 + len(tokens) + len(marks) for tokens, marks in rows)
        tokens = torch.full((len(rows), time), self._tokenizer.ask)
        positions = torch.zeros(len(rows), time, dtype=torch.int64)
        mask = torch.zeros(len(rows), time, time, dtype=torch.bool)
        causal = torch.ones(time, time, dtype=torch.bool).tril()
        full: list[tuple[int, int]] = []
        partial: list[tuple[int, int]] = []
        complete_full: list[float] = []
        complete_partial: list[float] = []
        labels: list[list[float]] = []
        mask[:, range(time), range(time)] = True
        for row, (ids, marks) in enumerate(rows):
            text = 1 + len(ids)
            tokens[row, 0] = self._tokenizer.bos
            tokens[row, 1:text] = torch.tensor(ids)
            positions[row, :text] = torch.arange(text)
            mask[row, :text, :text] = causal[:text, :text]
            path = self._paths[indices[row]]
            for offset, (seen, said) in enumerate(marks):
                column = text + offset
                positions[row, column] = 1 + seen
                mask[row, column, : 1 + seen] = True
                distribution, complete = self._known(path if said < 0 else path[: said + 1])
                if said < 0:
                    full.append((row, column))
                    complete_full.append(complete)
                else:
                    partial.append((row, column))
                    labels.append(distribution)
                    complete_partial.append(complete)
        return Batch(
            tokens, positions, mask, torch.tensor(full + partial), torch.tensor(indices),
            torch.tensor(labels), torch.tensor(complete_full + complete_partial),
        )  # fmt: skip

    def _known(self, path: Path) -> tuple[list[float], float]:
        known = self._memo.get(path[-1])
        if known is None:
            known = self._memo[path[-1]] = (self._tree.distribution(path), self._tree.complete(path))
        return known
