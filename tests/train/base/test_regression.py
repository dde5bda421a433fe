from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from voicebox.train.base.lbfgs import minimize
from voicebox.train.base.regression import fit_logistic, fit_softmax, log_softmax, sigmoid


def test_minimum_of_a_quadratic_form() -> None:
    rng = np.random.default_rng(0)
    root = rng.standard_normal((20, 20))
    matrix, wanted = root @ root.T + np.eye(20), rng.standard_normal(20)

    def bowl(x: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        return float(0.5 * (x - wanted) @ matrix @ (x - wanted)) + 3.0, matrix @ (x - wanted)

    assert minimize(bowl, np.zeros(20), tolerance=1e-12) == pytest.approx(wanted, abs=1e-3)


def test_minimum_at_the_end_of_a_bent_valley() -> None:
    def valley(x: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        a, b = x
        value = (1 - a) ** 2 + 100 * (b - a * a) ** 2
        return value, np.array([-2 * (1 - a) - 400 * a * (b - a * a), 200 * (b - a * a)])

    assert minimize(valley, np.array([-1.2, 1.0]), tolerance=0.0) == pytest.approx([1, 1], abs=1e-3)


def test_stays_where_no_step_helps() -> None:
    assert minimize(lambda x: (float(x @ x), 2 * x), np.zeros(3)).tolist() == [0, 0, 0]


def points() -> tuple[NDArray[np.float32], NDArray[np.intp]]:
    rng = np.random.default_rng(1)
    labels = np.arange(90) % 3
    centres = np.array([[2, 0], [0, 2], [-2, -2]], np.float32)
    return (centres[labels] + rng.standard_normal((90, 2)) * 0.5).astype(np.float32), labels


def test_softmax_regression_tells_clusters_apart() -> None:
    x, labels = points()
    fitted = fit_softmax(x, np.eye(3, dtype=np.float32)[labels], penalty=1e-3)
    assert (fitted(x).argmax(axis=1) == labels).all()


def test_at_the_optimum_the_mean_probabilities_are_those_of_the_data() -> None:
    x, labels = points()
    targets = np.full((90, 3), 0.1, np.float32)
    targets[np.arange(90), labels] = 0.8
    fitted = fit_softmax(x, targets, penalty=1e-2)
    said = np.exp(log_softmax(fitted(x)))
    # The gradient of the bias, which costs nothing, is zero.
    assert said.mean(axis=0) == pytest.approx(targets.mean(axis=0), abs=2e-3)


def test_a_penalty_makes_weights_small_and_rows_without_weight_do_not_count() -> None:
    x, labels = points()
    targets = np.eye(3, dtype=np.float32)[labels]
    loose, tight = (fit_softmax(x, targets, penalty=penalty) for penalty in (1e-3, 1.0))
    assert np.abs(tight.weights).max() < 0.3 * np.abs(loose.weights).max()
    wrong = np.concatenate((targets, targets[:, [1, 2, 0]]))
    weights = np.concatenate((np.ones(90), np.zeros(90))).astype(np.float32)
    same = fit_softmax(np.concatenate((x, x)), wrong, weights=weights, penalty=1e-3)
    assert same.weights == pytest.approx(loose.weights, abs=0.1)


def test_logistic_regression_finds_the_odds() -> None:
    rng = np.random.default_rng(2)
    x = rng.standard_normal((4000, 1)).astype(np.float32)
    targets = sigmoid(1.5 * x[:, 0] - 0.5)
    fitted = fit_logistic(x, targets, penalty=1e-6)
    assert fitted.weights[0, 0] == pytest.approx(1.5, abs=0.05)
    assert fitted.bias[0] == pytest.approx(-0.5, abs=0.05)


def test_large_logits_do_not_overflow() -> None:
    assert sigmoid(np.array([-1e4, 0, 1e4], np.float32)).tolist() == [0, 0.5, 1]
    assert np.isfinite(log_softmax(np.array([[-1e4, 1e4]], np.float32))).all()
