"""What is known after the first words of a sentence: soft labels for every prefix.

All training sentences form a tree of words. What the sentences below a node want is the distribution over labels
there, interpolated with the nodes above (Witten and Bell, 1991), so that a node that one rare sentence passes is not
certain of it. Which of them end at the node tells how likely the request is complete when the speaker pauses there.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

__all__ = ["MID_SENTENCE_PAUSE", "PrefixTree"]

MID_SENTENCE_PAUSE = 0.3
"""How likely people pause inside a sentence at a given place, relative to its end; turns the share of sentences that
end at a node into the probability that a speaker who pauses there is done."""


@dataclass(slots=True)
class _Node:
    labels: dict[int, float] = field(default_factory=dict)
    ended: float = 0.0
    next_words: set[str] = field(default_factory=set)


class PrefixTree:
    """Counts over all prefixes.

    Args:
        sentences: (normalized words, label index, weight).
        labels: number of labels.
    """

    def __init__(self, sentences: Iterable[tuple[Sequence[str], int, float]], labels: int) -> None:
        self._labels = labels
        self._nodes: defaultdict[tuple[str, ...], _Node] = defaultdict(_Node)
        for words, label, weight in sentences:
            for end in range(len(words) + 1):
                node = self._nodes[tuple(words[:end])]
                node.labels[label] = node.labels.get(label, 0.0) + weight
                if end < len(words):
                    node.next_words.add(words[end])
                else:
                    node.ended += weight

    def distribution(self, words: Sequence[str]) -> list[float]:
        """P(label | sentence begins with these words), shape (labels,); sums to 1."""
        mixed = [1.0 / self._labels] * self._labels
        for end in range(len(words) + 1):
            node = self._nodes.get(tuple(words[:end]))
            if node is None:
                break
            total = sum(node.labels.values())
            doubt = 0.5 * max(1, len(node.next_words))
            scale = total + doubt
            mixed = [(node.labels.get(label, 0.0) + doubt * mixed[label]) / scale for label in range(self._labels)]
        return mixed

    def complete(self, words: Sequence[str]) -> float:
        """P(all is said | the speaker pauses after these words), 0 to 1."""
        node = self._nodes.get(tuple(words))
        if node is None or not node.labels:
            return 0.0
        share = node.ended / sum(node.labels.values())
        return share / (share + (1.0 - share) * MID_SENTENCE_PAUSE) if share else 0.0
