"""Label names as a tree of tokens, so that a language model's next-token logits give a distribution over the labels.

Where all labels that begin alike go on alike, nothing is asked: only the nodes at which they part cost a decode. Within
such a node the model chooses among the tokens that a label can go on with, which is what decoding under a grammar of
the labels does, token by token.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from voicebox.errors import EngineError

__all__ = ["LabelTrie", "Search"]


@dataclass(frozen=True, slots=True)
class _Node:
    """`tokens` lead here from the root; `branches` are the next tokens, each with the labels (by index) behind it."""

    tokens: tuple[int, ...]
    branches: tuple[tuple[int, tuple[int, ...]], ...]


class LabelTrie:
    """The labels' tokens as a tree of the places at which they part.

    Args:
        labels: each label's tokens, in order.
        end: the token that says that a label ends where others, which begin with it, go on.

    Raises:
        EngineError: fewer than two labels, a label without tokens, or two with the same.
    """

    def __init__(self, labels: Sequence[Sequence[int]], *, end: int) -> None:
        whole = [tuple(tokens) for tokens in labels]
        if len(whole) < 2 or not all(whole) or len(set(whole)) != len(whole):
            raise EngineError("Labels must be two or more, and all differ in their tokens")
        self._labels = tuple((*tokens, end) if _goes_on(tokens, whole) else tokens for tokens in whole)
        self.root = self._node((), tuple(range(len(whole))))

    def __len__(self) -> int:
        return len(self._labels)

    def child(self, labels: tuple[int, ...]) -> _Node:
        """The node at which these labels, two or more of one branch, part."""
        return self._node(self._common(labels), labels)

    def _node(self, tokens: tuple[int, ...], labels: tuple[int, ...]) -> _Node:
        tokens = tokens or self._common(labels)
        branches: dict[int, list[int]] = {}
        for label in labels:
            branches.setdefault(self._labels[label][len(tokens)], []).append(label)
        return _Node(tokens, tuple((token, tuple(group)) for token, group in branches.items()))

    def _common(self, labels: tuple[int, ...]) -> tuple[int, ...]:
        first = self._labels[labels[0]]
        end = 0
        while all(self._labels[label][end : end + 1] == first[end : end + 1] for label in labels):
            end += 1
        return first[:end]


@dataclass(slots=True)
class Search:
    """The distribution over the labels, best first: `next` says what to ask the model, `add` takes its answer.

    Nodes with a smaller probability than `floor` are not asked about: their labels share it evenly.
    """

    trie: LabelTrie
    floor: float
    _probability: NDArray[np.float64] = field(init=False)
    _open: list[tuple[float, _Node]] = field(init=False)

    def __post_init__(self) -> None:
        self._probability = np.zeros(len(self.trie))
        self._open = [(1.0, self.trie.root)]

    def next(self) -> tuple[tuple[int, ...], tuple[int, ...]] | None:
        """The tokens to put behind the prompt and those to get the logits of; None when there is no more to ask."""
        if not self._open or self._open[0][0] < self.floor:
            return None
        node = self._open[0][1]
        return node.tokens, tuple(token for token, _ in node.branches)

    def add(self, logits: NDArray[np.float32]) -> None:
        """Take the logits that `next` asked for, in its order.

        Raises:
            EngineError: they are not numbers.
        """
        if not np.isfinite(logits).all():
            raise EngineError("The instruct model gave no usable logits")
        mass, node = self._open.pop(0)
        powers = np.exp(logits.astype(np.float64) - float(logits.max()))
        for (_, labels), share in zip(node.branches, powers / powers.sum(), strict=True):
            if len(labels) == 1:
                self._probability[labels[0]] = mass * float(share)
            else:
                self._open.append((mass * float(share), self.trie.child(labels)))
        self._open.sort(key=lambda item: -item[0])

    def result(self) -> NDArray[np.float64]:
        """Probability of each label, in the trie's order; they sum to one."""
        probability = self._probability.copy()
        for mass, node in self._open:
            labels = [label for _, group in node.branches for label in group]
            probability[labels] += mass / len(labels)
        return probability


def _goes_on(tokens: tuple[int, ...], others: Sequence[tuple[int, ...]]) -> bool:
    return any(other != tokens and other[: len(tokens)] == tokens for other in others)
