"""Turning an instruct model's raw probabilities into ones that can be decided on, from the skills' own examples.

A model that was never trained on these labels prefers some of them whatever is said, and is far too sure or not sure
enough. What the declarations hold is enough to correct that: example sentences that the prompt does not show.

- The prior of each label is its mean probability over sentences of which each label has as many; a power of it is
  divided out (batch calibration: Zhou et al. 2023, https://arxiv.org/abs/2309.17249).
- One temperature makes the probabilities honest (Guo et al. 2017). Power and temperature are those with the least
  cross-entropy.
- The threshold in P(in scope) is where at most one in twenty of the skills' own sentences is refused.
- Completeness is a logistic function of the log-odds that the sentence ends here, fitted on whole and cut sentences.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Calibration", "fit", "fit_logistic", "log_odds"]

_FLOOR = 1e-6
_REFUSED = 0.05
_TEMPERATURES = np.geomspace(0.2, 5.0, 40)
_POWERS = (0.0, 0.25, 0.5, 0.75, 1.0)
_RIDGE = 1e-2


@dataclass(frozen=True, slots=True)
class Calibration:
    """What `apply` and `complete` need: `bias` of shape (labels,), a temperature, a threshold, a line."""

    bias: tuple[float, ...]
    temperature: float
    threshold: float
    slope: float
    offset: float

    def apply(self, probability: NDArray[np.float64]) -> NDArray[np.float64]:
        """Calibrated probabilities of raw ones, both of shape (..., labels)."""
        return _tempered(_logs(probability) - np.asarray(self.bias), self.temperature)

    def to_json(self) -> str:
        """As text, for `from_json`."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str | bytes, *, labels: int) -> Calibration:
        """What `to_json` wrote for so many labels.

        Raises:
            ValueError: it is something else.
        """
        try:
            data = json.loads(text)
            bias = tuple(float(value) for value in data.pop("bias"))
            found = cls(bias, **{name: float(value) for name, value in data.items()})
        except (AttributeError, KeyError, TypeError) as error:
            raise ValueError(f"no calibration: {error!r}") from error
        if len(bias) != labels or not np.isfinite([*bias, found.temperature, found.threshold]).all():
            raise ValueError(f"no calibration of {labels} labels")
        return found

    def complete(self, ends: float) -> float:
        """P(all is said) from the model's probability that the sentence ends."""
        return float(1.0 / (1.0 + np.exp(-(self.slope * log_odds(ends) + self.offset))))


def fit(
    probability: NDArray[np.float64],
    wanted: Sequence[int],
    ends: Sequence[float],
    whole: Sequence[bool],
    *,
    out_of_scope: int,
) -> Calibration:
    """Fit all of it.

    Args:
        probability: raw P(label) of the example sentences, shape (sentences, labels).
        wanted: the label of each sentence, out of scope included.
        ends: raw P(the sentence ends here) of whole and cut sentences.
        whole: which of those are whole.
        out_of_scope: index of that label.
    """
    labels = np.asarray(wanted)
    # Every label counts the same, however many sentences it has.
    present, inverse, counts = np.unique(labels, return_inverse=True, return_counts=True)
    weight = 1.0 / counts[inverse] / len(present)
    prior = np.maximum((probability * weight[:, None]).sum(axis=0), _FLOOR)
    rows = np.arange(len(labels))

    def loss(power: float, temperature: float) -> float:
        chosen = _tempered(_logs(probability) - power * np.log(prior), temperature)[rows, labels]
        return float(-(weight * np.log(np.maximum(chosen, _FLOOR))).sum())

    power, temperature = min(itertools.product(_POWERS, _TEMPERATURES.tolist()), key=lambda pair: loss(*pair))
    bias = power * np.log(prior)
    in_scope = 1.0 - _tempered(_logs(probability) - bias, temperature)[labels != out_of_scope, out_of_scope]
    slope, offset = fit_logistic(np.array([log_odds(value) for value in ends]), np.asarray(whole))
    return Calibration(
        bias=tuple(bias.tolist()),
        temperature=temperature,
        threshold=float(np.quantile(in_scope, _REFUSED)),
        slope=slope,
        offset=offset,
    )


def log_odds(probability: float) -> float:
    """log p/(1−p), bounded where p is 0 or 1."""
    bounded = min(max(probability, _FLOOR), 1.0 - _FLOOR)
    return float(np.log(bounded) - np.log1p(-bounded))


def fit_logistic(x: NDArray[np.float64], positive: NDArray[np.bool_]) -> tuple[float, float]:
    """Slope (never negative) and offset of P(positive) = σ(slope·x + offset), by Newton's method with a small ridge."""
    weights = np.zeros(2)
    design = np.stack([x, np.ones_like(x)], axis=1)
    target = positive.astype(np.float64)
    for _ in range(50):
        p = 1.0 / (1.0 + np.exp(-design @ weights))
        gradient = design.T @ (p - target) + _RIDGE * weights
        hessian = (design * (p * (1 - p))[:, None]).T @ design + _RIDGE * np.eye(2)
        step = np.linalg.solve(hessian, gradient)
        weights -= step
        if np.abs(step).max() < 1e-8:
            break
    if weights[0] < 0:
        # The model's end of sentence says nothing here: keep the share of whole sentences.
        return 0.0, log_odds(float(target.mean()))
    return float(weights[0]), float(weights[1])


def _logs(probability: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(np.log(np.maximum(probability, _FLOOR)), dtype=np.float64)


def _tempered(scores: NDArray[np.float64], temperature: float) -> NDArray[np.float64]:
    """softmax(scores / temperature) over the last axis."""
    scaled = scores / temperature
    powers = np.exp(scaled - scaled.max(axis=-1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=-1, keepdims=True), dtype=np.float64)
