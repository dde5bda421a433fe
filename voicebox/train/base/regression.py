"""Softmax and logistic regression on feature vectors, with numpy."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from voicebox.train.base.lbfgs import minimize

__all__ = ["Linear", "fit_logistic", "fit_softmax", "log_softmax", "sigmoid"]

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Linear:
    """`x @ weights.T + bias`: weights (outputs, width), bias (outputs,)."""

    weights: Floats
    bias: Floats

    def __call__(self, x: Floats) -> Floats:
        """x (n, width) → (n, outputs)."""
        return np.asarray(x @ self.weights.T + self.bias, np.float32)


def log_softmax(logits: Floats) -> Floats:
    """Over the last axis."""
    shifted = logits - logits.max(axis=-1, keepdims=True)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True)), np.float32)


def sigmoid(logits: Floats) -> Floats:
    """The logistic function, without overflow."""
    return np.asarray(0.5 * (1.0 + np.tanh(0.5 * logits)), np.float32)


def fit_softmax(
    x: Floats, targets: Floats, *, weights: Floats | None = None, penalty: float, start: Linear | None = None
) -> Linear:
    """Minimize the weighted mean cross entropy plus `penalty / 2` times the squared weights (not the bias).

    Args:
        x: (n, width), of about unit spread in each column.
        targets: (n, labels), each row a distribution.
        weights: (n,); all the same where None.
        penalty: how much weights cost.
        start: where to begin.
    """
    share = _shares(weights, len(x))
    labels, width = targets.shape[1], x.shape[1]

    def loss(point: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        table = point.astype(np.float32).reshape(labels, width + 1)
        log = log_softmax(x @ table[:, :-1].T + table[:, -1])
        error = (np.exp(log) - targets) * share[:, None]
        gradient = np.concatenate((error.T @ x + penalty * table[:, :-1], error.sum(axis=0)[:, None]), axis=1)
        value = -float(np.sum((targets * log).sum(axis=1, dtype=np.float64) * share))
        value += 0.5 * penalty * float(np.square(table[:, :-1], dtype=np.float64).sum())
        return value, gradient.astype(np.float64).ravel()

    first = np.zeros((labels, width + 1))
    if start is not None:
        first = np.concatenate((start.weights, start.bias[:, None]), axis=1).astype(np.float64)
    found = minimize(loss, first.ravel()).astype(np.float32).reshape(labels, width + 1)
    return Linear(np.ascontiguousarray(found[:, :-1]), found[:, -1].copy())


def fit_logistic(x: Floats, targets: Floats, *, weights: Floats | None = None, penalty: float) -> Linear:
    """As `fit_softmax` with one output: targets (n,) are probabilities of "yes"."""
    share = _shares(weights, len(x))

    def loss(point: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        table = point.astype(np.float32)
        logits = x @ table[:-1] + table[-1]
        error = (sigmoid(logits) - targets) * share
        value = float(np.sum((np.logaddexp(0.0, logits) - targets * logits) * share, dtype=np.float64))
        value += 0.5 * penalty * float(np.square(table[:-1], dtype=np.float64).sum())
        gradient = np.concatenate((x.T @ error + penalty * table[:-1], [error.sum()]))
        return value, gradient.astype(np.float64)

    found = minimize(loss, np.zeros(x.shape[1] + 1)).astype(np.float32)
    return Linear(found[None, :-1].copy(), found[-1:].copy())


def _shares(weights: Floats | None, count: int) -> Floats:
    chosen = np.ones(count, np.float32) if weights is None else weights.astype(np.float32)
    return np.asarray(chosen / chosen.sum(), np.float32)
