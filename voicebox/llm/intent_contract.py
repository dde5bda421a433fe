"""What an intent GGUF says about reading its outputs (the contract is in `intent_text.py`)."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from voicebox.errors import EngineError, ModelError
from voicebox.llm.gguf import GgufModel
from voicebox.llm.intent_text import (
    KEY_COMPLETE_TEMPERATURE,
    KEY_LABELS,
    KEY_TEMPERATURE,
    KEY_THRESHOLD,
    KEY_VERSION,
)
from voicebox.llm.types import OUT_OF_SCOPE, IntentScore

__all__ = ["CURE", "Readout", "read_readout", "softmax"]

CURE = "Use the intent model that ships with voicebox, or train one with: voicebox train intent."


@dataclass(frozen=True, slots=True)
class Readout:
    """How logits become calibrated probabilities."""

    labels: tuple[str, ...]
    temperature: float
    complete_temperature: float
    threshold: float

    def score(
        self,
        labels: NDArray[np.float32],
        complete: float,
        *,
        ms: float,
        vector: NDArray[np.float32] | None = None,
    ) -> IntentScore:
        """A score from the labels' logits, shape (labels,), P(complete) and, where there is one, the text's vector.

        Raises:
            EngineError: the logits are no numbers.
        """
        if not (np.isfinite(labels).all() and math.isfinite(complete)):
            raise EngineError("The intent model gave no usable logits")
        shares = softmax(labels / self.temperature)
        in_scope = 1.0 - float(shares[self.labels.index(OUT_OF_SCOPE)])
        order = np.argsort(-shares, kind="stable")
        names = [self.labels[index] for index in order.tolist()]
        return IntentScore(
            ranked=tuple(zip(names, shares[order].tolist(), strict=True)),
            in_scope=in_scope,
            complete=complete,
            accepted=in_scope >= self.threshold,
            ms=ms,
            vector=vector,
        )


def softmax(values: NDArray[np.float32]) -> NDArray[np.float64]:
    """Probabilities from logits, along the only axis."""
    powers = np.exp(values.astype(np.float64) - float(values.max()))
    return np.asarray(powers / powers.sum(), dtype=np.float64)


def read_readout(model: GgufModel, *, version: str, architecture: str) -> Readout:
    """Read a model's labels, temperatures and threshold.

    Raises:
        ModelError: it is no intent model of this version and architecture, or a value is damaged.
    """
    found = model.metadata(KEY_VERSION)
    if found is None:
        raise ModelError(f"{model.path} is not an intent model", cure=CURE)
    if found != version:
        raise ModelError(f"{model.path} is an intent model of version {found}, not {version}", cure=CURE)
    if model.architecture != architecture:
        raise ModelError(f"{model.path} is of architecture {model.architecture}, not {architecture}", cure=CURE)
    return Readout(
        labels=_labels(model),
        temperature=_number(model, KEY_TEMPERATURE, low=1e-3, high=1e3),
        complete_temperature=_number(model, KEY_COMPLETE_TEMPERATURE, low=1e-3, high=1e3),
        threshold=_number(model, KEY_THRESHOLD, low=0.0, high=1.0),
    )


def _labels(model: GgufModel) -> tuple[str, ...]:
    try:
        labels = json.loads(model.metadata(KEY_LABELS) or "")
    except json.JSONDecodeError:
        labels = None
    if not isinstance(labels, list) or not all(isinstance(label, str) for label in labels):
        raise ModelError(f"{model.path}: {KEY_LABELS} is not a list of names", cure=CURE)
    if OUT_OF_SCOPE not in labels or len(set(labels)) != len(labels):
        raise ModelError(f"{model.path}: {KEY_LABELS} lacks {OUT_OF_SCOPE!r} or names a label twice", cure=CURE)
    return tuple(labels)


def _number(model: GgufModel, key: str, *, low: float, high: float) -> float:
    text = model.metadata(key)
    try:
        value = float(text or "")
    except ValueError:
        value = math.nan
    if not low <= value <= high:
        raise ModelError(f"{model.path}: {key} is {text!r}, not a number from {low:g} to {high:g}", cure=CURE)
    return value
