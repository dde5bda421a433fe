"""Calibration of a finished intent model, on held-out texts and through the engine that will run it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from voicebox.llm.types import OUT_OF_SCOPE, IntentModel
from voicebox.train.scoring import score_texts

__all__ = ["Calibration", "calibrate", "rescale"]

_GRID = np.geomspace(0.5, 4.0, 80)
_TINY = 1e-12


@dataclass(frozen=True, slots=True)
class Calibration:
    """Temperatures of the labels' softmax and of P(complete), and the least 1 − P(out of scope) of an accepted text."""

    temperature: float = 1.0
    complete_temperature: float = 1.0
    threshold: float = 0.0

    def metadata(self) -> dict[str, str | float]:
        """As `voicebox.intent.*` values."""
        return {
            "temperature": self.temperature,
            "complete_temperature": self.complete_temperature,
            "threshold": self.threshold,
        }


def rescale(probabilities: NDArray[np.float64], temperature: float) -> NDArray[np.float64]:
    """Probabilities (n, labels) of temperature 1 as they are at another one (Guo et al., 2017)."""
    logits = np.log(probabilities + _TINY) / temperature
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


def calibrate(
    model: IntentModel,
    whole: Sequence[tuple[str, str]],
    pauses: Sequence[tuple[str, float]],
    *,
    rejected: float = 0.02,
    limits: tuple[float, float] = (0.05, 0.9),
    rejects: bool = True,
) -> Calibration:
    """Fit the temperatures by likelihood, and the threshold by the share of in-scope texts that it rejects.

    Args:
        model: a model whose own temperatures are 1.
        whole: held-out (text, label).
        pauses: held-out (text, P(all is said)), beginnings of sentences among them.
        rejected: share of the in-scope texts to be below the threshold.
        limits: lowest and highest threshold.
        rejects: whether the model was trained on out-of-scope texts; nothing is rejected otherwise.
    """
    names = list(model.labels)
    scored = score_texts(model, [text for text, _ in whole])
    wanted = np.array([names.index(label) for _, label in whole])
    rows = np.arange(len(whole))
    losses = [-np.log(rescale(scored.labels, heat)[rows, wanted] + 1e-9).mean() for heat in _GRID]
    temperature = float(_GRID[int(np.argmin(losses))])
    complete_temperature = _complete_temperature(model, pauses) if pauses else 1.0
    outside = names.index(OUT_OF_SCOPE)
    in_scope = 1.0 - rescale(scored.labels, temperature)[:, outside]
    inside = in_scope[wanted != outside]
    quantile = float(np.quantile(inside, rejected)) if len(inside) else 0.5
    threshold = min(limits[1], max(limits[0], quantile)) if rejects else 0.0
    return Calibration(round(temperature, 4), round(complete_temperature, 4), round(threshold, 6))


def _complete_temperature(model: IntentModel, pauses: Sequence[tuple[str, float]]) -> float:
    said = np.clip(score_texts(model, [text for text, _ in pauses]).complete, 1e-9, 1 - 1e-9)
    logits = np.log(said / (1 - said))
    share = np.array([complete for _, complete in pauses])
    end = 1.0 / (1.0 + np.exp(-logits[None, :] / _GRID[:, None]))
    losses = -(share * np.log(end + 1e-9) + (1 - share) * np.log(1 - end + 1e-9)).mean(axis=1)
    return float(_GRID[int(np.argmin(losses))])
