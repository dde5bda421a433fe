"""What is known after the first words of a sentence: soft labels for every prefix.

All training sentences form a tree of words, in which a slot's words are one step: what follows "set a timer for" does
not depend on which duration it is. What the sentences below a node want is the distribution over labels there,
interpolated with the nodes above (Witten and Bell, 1991), so that a node that one rare sentence passes is not certain
of it. Which of them end at the node tells how likely the request is complete when the speaker pauses there.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

__all__ = ["MID_SENTENCE_PAUSE", "Path", "PrefixTree", "WordSpan", "path_of"]

MID_SENTENCE_PAUSE = 0.05
"""How likely people pause after a given word inside a sentence, relative to its end (one or two pauses in a sentence of
ten words, half of them heard as such); turns the share of sentences that end at a node into the probability that a
speaker who pauses there is done."""

WordSpan = tuple[int, int, str]
"""Words `[start, end)` that fill a slot."""
Path = tuple[tuple[str, ...], ...]
"""The nodes that a sentence passes: before its first word, after it, … after its last."""


def path_of(words: Sequence[str], spans: Sequence[WordSpan], values: dict[str, set[str]]) -> Path:
    """The nodes of a sentence.

    Args:
        words: the sentence.
        spans: the words that fill slots, in order.
        values: known values by slot; a value's first words may be a value themselves ("seven" of "seven thirty").

    Returns:
        One node per prefix: plain words, `{slot}` for a value, `~slot` for a value that is not all said.
    """
    steps: list[str] = []
    nodes: list[tuple[str, ...]] = [()]
    at = 0
    for start, end, slot in (*spans, (len(words), len(words), "")):
        for word in words[at:start]:
            steps.append(word)
            nodes.append(tuple(steps))
        for stop in range(start + 1, end + 1):
            said = " ".join(words[start:stop])
            whole = stop == end or said in values.get(slot, ())
            nodes.append((*steps, f"{{{slot}}}" if whole else f"~{slot}"))
        if end > start:
            steps.append(f"{{{slot}}}")
        at = end
    return tuple(nodes)


@dataclass(slots=True)
class _Node:
    labels: dict[int, float] = field(default_factory=dict)
    ended: dict[int, float] = field(default_factory=dict)
    children: set[tuple[str, ...]] = field(default_factory=set)


class PrefixTree:
    """Counts over all prefixes.

    Args:
        sentences: (path, label index, weight).
        labels: number of labels.
    """

    def __init__(self, sentences: Iterable[tuple[Path, int, float]], labels: int) -> None:
        self._labels = labels
        self._nodes: defaultdict[tuple[str, ...], _Node] = defaultdict(_Node)
        for path, label, weight in sentences:
            for index, key in enumerate(path):
                node = self._nodes[key]
                node.labels[label] = node.labels.get(label, 0.0) + weight
                if index + 1 < len(path):
                    node.children.add(path[index + 1])
                else:
                    node.ended[label] = node.ended.get(label, 0.0) + weight

    def distribution(self, path: Path) -> list[float]:
        """P(label | the speaker pauses at the end of this path), shape (labels,); sums to 1."""
        mixed = [1.0 / self._labels] * self._labels
        for index, key in enumerate(path):
            node = self._nodes.get(key)
            if node is None:
                break
            counts = node.labels
            if index + 1 == len(path):
                counts = {
                    label: MID_SENTENCE_PAUSE * count + (1.0 - MID_SENTENCE_PAUSE) * node.ended.get(label, 0.0)
                    for label, count in counts.items()
                }
            doubt = 0.5 * max(1, len(node.children)) * sum(counts.values()) / sum(node.labels.values())
            scale = sum(counts.values()) + doubt
            mixed = [(counts.get(label, 0.0) + doubt * mixed[label]) / scale for label in range(self._labels)]
        return mixed

    def complete(self, path: Path) -> float:
        """P(all is said | the speaker pauses at the end of this path), 0 to 1."""
        node = self._nodes.get(path[-1])
        if node is None or not node.labels:
            return 0.0
        share = sum(node.ended.values()) / sum(node.labels.values())
        return share / (share + (1.0 - share) * MID_SENTENCE_PAUSE) if share else 0.0
