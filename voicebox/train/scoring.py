"""Many texts through an intent model, as arrays."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from voicebox.llm.types import IntentModel

__all__ = ["Scored", "score_texts", "time_texts"]

_TOGETHER = 16


@dataclass(frozen=True, slots=True)
class Scored:
    """`labels` (n, labels) are probabilities in the model's order, `complete` (n,) is P(all is said)."""

    labels: NDArray[np.float64]
    complete: NDArray[np.float64]


def score_texts(model: IntentModel, texts: Sequence[str]) -> Scored:
    """Score texts, several at a time.

    Raises:
        EngineError: the model is closed or failed.
    """
    column = {label: index for index, label in enumerate(model.labels)}
    labels = np.zeros((len(texts), len(column)))
    complete = np.zeros(len(texts))
    for start in range(0, len(texts), _TOGETHER):
        part = texts[start : start + _TOGETHER]
        futures = [model.score(text, session=f"row {index}") for index, text in enumerate(part)]
        for row, future in enumerate(futures, start=start):
            score = future.result()
            for name, probability in score.ranked:
                labels[row, column[name]] = probability
            complete[row] = score.complete
    for index in range(_TOGETHER):
        model.release(f"row {index}")
    return Scored(labels, complete)


def time_texts(model: IntentModel, texts: Sequence[str]) -> NDArray[np.float64]:
    """Milliseconds of each text, one after another, shape (n,); each as a caller's first text."""
    out = []
    for text in texts:
        began = time.perf_counter()
        model.score(text, session="timed").result()
        out.append((time.perf_counter() - began) * 1000)
        model.release("timed")
    return np.array(out)
