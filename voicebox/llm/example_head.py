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

import numpy as np
from numpy.typing import NDArray

from voicebox.skills.wording import number_words

__all__ = ["ELSE", "ExampleHead", "Words"]

ELSE = ""
"""The class of everything else."""

_WORD_SHARE = 0.4
"""Weight of words against vectors; this and the next two were chosen by leaving out templates of three skills."""
_DECAY = 3e-5
_STEPS = 120
_NUMBERS = frozenset(number_words(value) for value in (*range(20), *range(20, 100, 10))) | {"hundred", "thousand"}
_MAX_FORM = 4


class Words:
    """Texts as weighted counts of words and of parts of words.

    Args:
        texts: all that the classifier is fitted on, for the rarity of features.
        own: those of the new intents: only what occurs in them is a feature.
        forms: what each spoken form of a value is a value of.
    """

    def __init__(self, texts: Sequence[str], own: Iterable[str], forms: Mapping[tuple[str, ...], str]) -> None:
        self._forms = forms
        count = Counter(feature for text in texts for feature in set(self._features(text)))
        self._rarity = {name: math.log((1 + len(texts)) / (1 + n)) + 1.0 for name, n in count.items()}
        self._unseen = math.log(1 + len(texts)) + 1.0
        names = dict.fromkeys(feature for text in own for feature in self._features(text))
        self._index = {name: index for index, name in enumerate(names)}

    @property
    def width(self) -> int:
        """How many features there are."""
        return len(self._index)

    def __call__(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Features, shape (texts, width); rows are of length 1 or less: words that no example has take their share."""
        out = np.zeros((len(texts), self.width), np.float32)
        for row, text in enumerate(texts):
            total = 0.0
            for name, count in Counter(self._features(text)).items():
                weight = (1.0 + math.log(count)) * self._rarity.get(name, self._unseen)
                total += weight * weight
                if (column := self._index.get(name)) is not None:
                    out[row, column] = weight
            if total:
                out[row] /= math.sqrt(total)
        return out

    def _features(self, text: str) -> list[str]:
        words = ["#" if word in _NUMBERS or word[:1].isdecimal() else word for word in text.split()]
        found = [f"w {word}" for word in words]
        found += [f"p {a} {b}" for a, b in zip(["^", *words], [*words, "$"], strict=True)]
        for word in words:
            framed = f"<{word}>"
            found += [f"l {framed[at : at + 4]}" for at in range(max(1, len(framed) - 3))]
        for size in range(1, _MAX_FORM + 1):
            for at in range(len(words) - size + 1):
                if (slot := self._forms.get(tuple(words[at : at + size]))) is not None:
                    found.append(f"s {slot}")
        return found


class ExampleHead:
    """The fitted classifier.

    Args:
        words: makes the word features.
        texts: normalized sentences.
        vectors: the model's vectors of them, shape (texts, width), or None where the model gives none.
        classes: their intents; `ELSE` for what is none of them.
    """

    def __init__(
        self, words: Words, texts: Sequence[str], vectors: NDArray[np.float32] | None, classes: Sequence[str]
    ) -> None:
        self._words = words
        self.labels = tuple(sorted(set(classes) - {ELSE}))
        names = (*self.labels, ELSE)
        known = np.array([names.index(name) for name in classes])
        self._mean = None
        if vectors is not None:
            self._mean = vectors[known == len(self.labels)].mean(axis=0)
        share = np.array([1.0 / max(1, len(self.labels))] * len(self.labels) + [1.0]) / 2.0
        weights = share[known] / np.bincount(known, minlength=len(names))[known]
        self._matrix = _fit(self._features(texts, vectors), known, weights.astype(np.float32), len(names))

    def probabilities(self, text: str, vector: NDArray[np.float32] | None) -> NDArray[np.float64]:
        """P of each of `labels` and, last, of everything else, shape (labels + 1,), for a normalized text."""
        row = self._features([text], None if vector is None else vector[None, :])
        return np.asarray(_softmax(row @ self._matrix)[0], dtype=np.float64)

    def _features(self, texts: Sequence[str], vectors: NDArray[np.float32] | None) -> NDArray[np.float32]:
        parts = [self._words(texts), np.ones((len(texts), 1), np.float32)]
        if self._mean is not None and vectors is not None:
            parts[0] = parts[0] * _WORD_SHARE
            centred = vectors - self._mean
            parts.append(centred / np.maximum(np.linalg.norm(centred, axis=1, keepdims=True), 1e-9))
        return np.hstack(parts).astype(np.float32)


def _softmax(values: NDArray[np.float32]) -> NDArray[np.float32]:
    powers = np.exp(values - values.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True), dtype=np.float32)


def _fit(
    features: NDArray[np.float32], known: NDArray[np.int64], weights: NDArray[np.float32], classes: int
) -> NDArray[np.float32]:
    """The matrix, shape (features, classes), that minimizes the weighted cross-entropy with a little weight decay."""
    matrix = np.zeros((features.shape[1], classes), np.float32)
    ahead, momentum = matrix.copy(), 1.0
    wanted = np.eye(classes, dtype=np.float32)[known]
    rate = 2.0 / (0.5 * float(np.square(features).sum(axis=1).max()) + _DECAY)
    for _ in range(_STEPS):
        slope = features.T @ ((_softmax(features @ ahead) - wanted) * weights[:, None]) + _DECAY * ahead
        following = ahead - rate * slope
        grown = (1.0 + math.sqrt(1.0 + 4.0 * momentum * momentum)) / 2.0
        ahead = following + (momentum - 1.0) / grown * (following - matrix)
        matrix, momentum = following, grown
    return matrix
