"""A few sentences per intent as a classifier: a softmax regression over what an intent model sees in a text.

A text is described by the model's own vector of it (hidden states, which know words that no example has) and by its
words, pairs of words and letters in fours, weighted by how rare they are (Spärck Jones 1972); values of slots also
count as their slot, and all numbers as one. The regression has a class per intent and one for everything else, and is
fitted by accelerated gradient descent (Nesterov 1983): a second or so for some hundred sentences.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from voicebox.errors import EngineError
from voicebox.skills.wording import number_words

__all__ = ["ELSE", "STEPS", "ExampleHead", "Words"]

ELSE = ""
"""The class of everything else."""

_WORD_SHARE = 0.4
"""Weight of words against vectors; this and the next two were chosen by leaving out templates of three skills."""
_DECAY = 3e-5
STEPS = 120
"""Of the descent, where a second counts."""
_NUMBERS = frozenset(number_words(value) for value in (*range(20), *range(20, 100, 10))) | {"hundred", "thousand"}
_MAX_FORM = 4


@dataclass(frozen=True, slots=True)
class Words:
    """Texts as weighted counts of words and of parts of words.

    `rarity` is the weight of each feature, `unseen` that of all others; `columns` are the features that count; `forms`
    says what each spoken form of a value is a value of.
    """

    rarity: Mapping[str, float]
    unseen: float
    columns: Mapping[str, int]
    forms: Mapping[tuple[str, ...], str]

    @classmethod
    def of(cls, texts: Sequence[str], own: Iterable[str], forms: Mapping[tuple[str, ...], str]) -> Words:
        """From all texts that a classifier is fitted on, and those of the new intents: only what these have counts."""
        count = Counter(feature for text in texts for feature in set(_features(text, forms)))
        rarity = {name: math.log((1 + len(texts)) / (1 + n)) + 1.0 for name, n in count.items()}
        names = dict.fromkeys(feature for text in own for feature in _features(text, forms))
        return cls(rarity, math.log(1 + len(texts)) + 1.0, {name: at for at, name in enumerate(names)}, forms)

    @property
    def width(self) -> int:
        """How many features there are."""
        return len(self.columns)

    def __call__(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Features, shape (texts, width); rows are of length 1 or less: words that no example has take their share."""
        out = np.zeros((len(texts), self.width), np.float32)
        for row, text in enumerate(texts):
            total = 0.0
            for name, count in Counter(_features(text, self.forms)).items():
                weight = (1.0 + math.log(count)) * self.rarity.get(name, self.unseen)
                total += weight * weight
                if (column := self.columns.get(name)) is not None:
                    out[row, column] = weight
            if total:
                out[row] /= math.sqrt(total)
        return out


def _features(text: str, forms: Mapping[tuple[str, ...], str]) -> list[str]:
    words = ["#" if word in _NUMBERS or word[:1].isdecimal() else word for word in text.split()]
    found = [f"w {word}" for word in words]
    found += [f"p {a} {b}" for a, b in zip(["^", *words], [*words, "$"], strict=True)]
    for word in words:
        framed = f"<{word}>"
        found += [f"l {framed[at : at + 4]}" for at in range(max(1, len(framed) - 3))]
    for size in range(1, _MAX_FORM + 1):
        for at in range(len(words) - size + 1):
            if (slot := forms.get(tuple(words[at : at + size]))) is not None:
                found.append(f"s {slot}")
    return found


@dataclass(frozen=True, slots=True)
class ExampleHead:
    """The fitted classifier.

    `matrix` has shape (features, labels + 1): the word features, one that is always 1, and the vector less `mean`,
    where the model has vectors.
    """

    words: Words
    labels: tuple[str, ...]
    mean: NDArray[np.float32] | None
    matrix: NDArray[np.float32]

    @classmethod
    def fit(
        cls,
        words: Words,
        texts: Sequence[str],
        vectors: NDArray[np.float32] | None,
        classes: Sequence[str],
        *,
        steps: int = STEPS,
    ) -> ExampleHead:
        """Learn sentences.

        Args:
            words: makes the word features.
            texts: normalized sentences.
            vectors: the model's vectors of them, shape (texts, width), or None where the model gives none.
            classes: their intents; `ELSE` for what is none of them.
            steps: of the descent.
        """
        labels = tuple(sorted(set(classes) - {ELSE}))
        names = (*labels, ELSE)
        known = np.array([names.index(name) for name in classes])
        mean = None if vectors is None else vectors[known == len(labels)].mean(axis=0)
        share = np.array([1.0 / max(1, len(labels))] * len(labels) + [1.0]) / 2.0
        weights = share[known] / np.bincount(known, minlength=len(names))[known]
        empty = cls(words, labels, mean, np.zeros((0, 0), np.float32))
        features = empty._inputs(texts, vectors)
        return replace(empty, matrix=_fit(features, known, weights.astype(np.float32), len(names), steps))

    def probabilities(self, text: str, vector: NDArray[np.float32] | None) -> NDArray[np.float64]:
        """P of each of `labels` and, last, of everything else, shape (labels + 1,), for a normalized text.

        Raises:
            EngineError: the vector is not one of the model that the classifier was fitted on.
        """
        row = self._inputs([text], None if vector is None else vector[None, :])
        if row.shape[1] != self.matrix.shape[0]:
            raise EngineError("The examples were learned on another intent model")
        return np.asarray(_softmax(row @ self.matrix)[0], dtype=np.float64)

    def _inputs(self, texts: Sequence[str], vectors: NDArray[np.float32] | None) -> NDArray[np.float32]:
        parts = [self.words(texts), np.ones((len(texts), 1), np.float32)]
        if self.mean is not None and vectors is not None and vectors.shape[1:] == self.mean.shape:
            parts[0] = parts[0] * _WORD_SHARE
            centred = vectors - self.mean
            parts.append(centred / np.maximum(np.linalg.norm(centred, axis=1, keepdims=True), 1e-9))
        return np.hstack(parts).astype(np.float32)


def _softmax(values: NDArray[np.float32]) -> NDArray[np.float32]:
    powers = np.exp(values - values.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True), dtype=np.float32)


def _fit(
    features: NDArray[np.float32], known: NDArray[np.int64], weights: NDArray[np.float32], classes: int, steps: int
) -> NDArray[np.float32]:
    """The matrix, shape (features, classes), that minimizes the weighted cross-entropy with a little weight decay."""
    matrix = np.zeros((features.shape[1], classes), np.float32)
    ahead, momentum = matrix.copy(), 1.0
    wanted = np.eye(classes, dtype=np.float32)[known]
    rate = 2.0 / (0.5 * float(np.square(features).sum(axis=1).max()) + _DECAY)
    for _ in range(steps):
        slope = features.T @ ((_softmax(features @ ahead) - wanted) * weights[:, None]) + _DECAY * ahead
        following = ahead - rate * slope
        grown = (1.0 + math.sqrt(1.0 + 4.0 * momentum * momentum)) / 2.0
        ahead = following + (momentum - 1.0) / grown * (following - matrix)
        matrix, momentum = following, grown
    return matrix
