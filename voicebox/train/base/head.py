"""The trained part of an intent model on base features: two regressions, in one matrix.

Vectors are standardized for the regressions (so that one penalty fits all columns), and the standardization is folded
into the matrix.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from voicebox.train.base.regression import Linear, fit_logistic, fit_softmax

__all__ = ["PENALTIES", "HeadData", "fit_head"]

PENALTIES = (3e-4, 1e-3, 3e-3)
"""What is tried for the weights' penalty."""
_FOLDS = 4
_TUNED_ON = 6000
"""Most rows that the penalty is chosen on."""

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class HeadData:
    """What a head learns from.

    Args:
        vectors: (n, width), of `joined`.
        labels: (n, labels), distributions.
        complete: (n,), P(all is said).
        weights: (n,).
        whole: (n,) whether the row is a whole text, not a beginning of one.
        group: (n,) numbers; rows of one group are in the same fold.
    """

    vectors: Floats
    labels: Floats
    complete: Floats
    weights: Floats
    whole: NDArray[np.bool_]
    group: NDArray[np.intp]


def fit_head(data: HeadData, *, penalties: Sequence[float] = PENALTIES, seed: int = 7) -> tuple[Floats, float]:
    """The matrix (labels + 1, width + 1) of `features_file.py`, and the penalty that cross-validation chose."""
    mean = data.vectors.mean(axis=0)
    spread = data.vectors.std(axis=0) + 1e-6
    x = ((data.vectors - mean) / spread).astype(np.float32)
    penalty = _choose(x, data, penalties, seed) if len(penalties) > 1 else penalties[0]
    labels = fit_softmax(x, data.labels, weights=data.weights, penalty=penalty)
    complete = fit_logistic(x, data.complete, weights=data.weights, penalty=penalty)
    rows = [_fold(part, mean, spread) for part in (labels, complete)]
    return np.concatenate(rows).astype(np.float32), penalty


def _fold(part: Linear, mean: Floats, spread: Floats) -> Floats:
    weights = part.weights / spread
    return np.concatenate((weights, (part.bias - weights @ mean)[:, None]), axis=1)


def _choose(x: Floats, data: HeadData, penalties: Sequence[float], seed: int) -> float:
    """The penalty under which one fold of groups is likeliest, given the others."""
    rng = np.random.default_rng(seed)
    groups = rng.permutation(np.unique(data.group))
    kept = np.isin(data.group, groups[: max(2, round(len(groups) * min(1.0, _TUNED_ON / len(x))))])
    tested = kept & np.isin(data.group, groups[::_FOLDS])
    fitted = kept & ~tested
    tested &= data.whole
    if not tested.any() or not fitted.any():
        return penalties[len(penalties) // 2]
    losses = []
    start: Linear | None = None
    for penalty in sorted(penalties, reverse=True):
        start = fit_softmax(x[fitted], data.labels[fitted], weights=data.weights[fitted], penalty=penalty, start=start)
        logits = start(x[tested]).astype(np.float64)
        log = logits - logits.max(axis=1, keepdims=True)
        log -= np.log(np.exp(log).sum(axis=1, keepdims=True))
        losses.append((float(-(data.labels[tested] * log).sum(axis=1) @ data.weights[tested]), penalty))
    return min(losses)[1]
