"""The trained part of an intent model on base features: regressions, in one matrix.

Each base has a softmax regression of its own, and their logits are added, weighted (a logarithmic opinion pool, Genest
and Zidek 1986): with few sentences per intent this generalizes better than one regression on all columns. Vectors are
standardized for the regressions (so that one penalty fits all columns), and all of it is folded into the matrix.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from voicebox.train.base.lbfgs import minimize
from voicebox.train.base.regression import Linear, fit_logistic, fit_softmax, log_softmax

__all__ = ["PENALTIES", "Head", "HeadData", "fit_head", "fit_shares"]

PENALTIES = (3e-4, 1e-3, 3e-3)
"""What is tried for the weights' penalty."""
_FOLDS = 4
_TUNED_ON = 8000
"""Most rows that penalties and shares are chosen on."""

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class HeadData:
    """What a head learns from.

    Args:
        vectors: one array (n, width) per base.
        labels: (n, labels), distributions.
        complete: (n,), P(all is said).
        weights: (n,).
        whole: (n,) whether the row is a whole text, not a beginning of one.
        group: (n,) numbers; rows of one group are in the same fold.
    """

    vectors: tuple[Floats, ...]
    labels: Floats
    complete: Floats
    weights: Floats
    whole: NDArray[np.bool_]
    group: NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Head:
    """`matrix` as in `features_file.py`, (labels + 1, width + 1); penalty and share of each base."""

    matrix: Floats
    penalties: tuple[float, ...]
    shares: tuple[float, ...]


def fit_head(data: HeadData, *, penalties: Sequence[float] = PENALTIES, seed: int = 7) -> Head:
    """Fit the matrix; a fold of groups chooses each base's penalty and share."""
    means = [part.mean(axis=0) for part in data.vectors]
    spreads = [part.std(axis=0) + 1e-6 for part in data.vectors]
    inputs = [
        np.asarray((part - mean) / spread, np.float32)
        for part, mean, spread in zip(data.vectors, means, spreads, strict=True)
    ]
    fitted, tested = _fold_of(data, seed)
    tuned = [_tune(x, data, fitted, tested, penalties) for x in inputs]
    shares = (
        fit_shares([logits for _, logits in tuned], data.labels[tested], data.weights[tested])
        if len(inputs) > 1 and tested.any()
        else np.full(len(inputs), 1.0 / len(inputs))
    )
    rows, bias = [], np.zeros(data.labels.shape[1])
    for x, (penalty, _), share, mean, spread in zip(inputs, tuned, shares, means, spreads, strict=True):
        part = fit_softmax(x, data.labels, weights=data.weights, penalty=penalty)
        rows.append(share * part.weights / spread)
        bias += share * part.bias - rows[-1] @ mean
    joint = np.concatenate(inputs, axis=1)
    end = fit_logistic(joint, data.complete, weights=data.weights, penalty=max(penalty for penalty, _ in tuned))
    end_row = end.weights / np.concatenate(spreads)
    end_bias = end.bias - end_row @ np.concatenate(means)
    matrix = np.concatenate(
        (
            np.concatenate((*rows, bias[:, None]), axis=1),
            np.concatenate((end_row, end_bias[:, None]), axis=1),
        )
    )
    return Head(
        matrix.astype(np.float32), tuple(penalty for penalty, _ in tuned), tuple(float(share) for share in shares)
    )


def fit_shares(logits: Sequence[Floats], labels: Floats, weights: Floats) -> NDArray[np.float64]:
    """How much each base's logits count, (bases,), none below zero, by likelihood.

    Args:
        logits: (n, labels) of each base, on rows that it was not fitted on.
        labels: (n, labels), distributions.
        weights: (n,).
    """
    stacked = np.stack(logits)
    share = (weights / weights.sum()).astype(np.float32)

    def loss(point: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        # exp keeps a share above zero: a base that says nothing is not to be believed the contrary of.
        shares = np.exp(point)
        log = log_softmax(np.tensordot(shares.astype(np.float32), stacked, axes=1))
        error = (np.exp(log) - labels) * share[:, None]
        slopes = np.array([float((error * part).sum(dtype=np.float64)) for part in stacked])
        return -float(((labels * log).sum(axis=1) * share).sum(dtype=np.float64)), slopes * shares

    return np.exp(minimize(loss, np.full(len(logits), -np.log(len(logits)))))


def _fold_of(data: HeadData, seed: int) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Rows to fit on and whole texts to test on, of different groups."""
    groups = np.random.default_rng(seed).permutation(np.unique(data.group))
    kept = groups[: max(2, round(len(groups) * min(1.0, _TUNED_ON / len(data.group))))]
    tested = np.isin(data.group, kept[::_FOLDS])
    return np.isin(data.group, kept) & ~tested, tested & data.whole


def _tune(
    x: Floats, data: HeadData, fitted: NDArray[np.bool_], tested: NDArray[np.bool_], penalties: Sequence[float]
) -> tuple[float, Floats]:
    """The penalty under which the tested rows are likeliest, and their logits under it."""
    labels, weights = data.labels[tested], data.weights[tested]
    best: tuple[float, float, Floats] | None = None
    start: Linear | None = None
    for penalty in sorted(penalties, reverse=True):
        start = fit_softmax(x[fitted], data.labels[fitted], weights=data.weights[fitted], penalty=penalty, start=start)
        logits = start(x[tested])
        loss = float(-(labels * log_softmax(logits)).sum(axis=1, dtype=np.float64) @ weights)
        if best is None or loss < best[0]:
            best = (loss, penalty, logits)
    assert best is not None
    return best[1], best[2]
