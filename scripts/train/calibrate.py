"""Calibration and measurement of the finished GGUF, through llama.cpp itself."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import llama_cpp
import numpy as np
import numpy.typing as npt

from voicebox.llm.intent_text import ASK, BOS, END, KEY_LABELS, WAIT, label_token, normalize_text
from voicebox.llm.types import OUT_OF_SCOPE

__all__ = ["Calibration", "Measured", "Scorer", "calibrate", "measure", "measure_beginnings"]

Array = npt.NDArray[np.float32]

REJECTED = 0.03
"""Share of held-out in-scope sentences below the threshold; what people say is less like the training texts than the
held-out ones are, and 0.05 of it is the goal."""
HIGHEST_THRESHOLD = 0.6
LOWEST_THRESHOLD = 0.3


class Scorer:
    """One GGUF in llama.cpp, one thread, one text at a time."""

    def __init__(self, path: Path) -> None:
        self._llama: Any = llama_cpp.Llama(
            str(path), n_ctx=256, n_batch=256, n_threads=1, n_threads_batch=1, verbose=False, logits_all=False
        )
        self.labels: list[str] = json.loads(self._llama.metadata[KEY_LABELS])
        ids = [self._special(label_token(label)) for label in self.labels]
        self._wanted = np.array([*ids, self._special(END), self._special(WAIT)])
        self._bos, self._ask = self._special(BOS), self._special(ASK)

    def _special(self, token: str) -> int:
        ids: list[int] = self._llama.tokenize(token.encode(), add_bos=False, special=True)
        if len(ids) != 1:
            raise ValueError(f"the model has no token {token}")
        return ids[0]

    def tokens(self, text: str) -> list[int]:
        """The prompt of a text."""
        ids: list[int] = self._llama.tokenize(normalize_text(text).encode(), add_bos=False, special=False)
        return [self._bos, *ids[:200], self._ask]

    def logits(self, text: str) -> Array:
        """(labels + 2,): the labels' logits, then `END` and `WAIT`."""
        tokens = self.tokens(text)
        self._llama.reset()
        self._llama.eval(tokens)
        raw = llama_cpp.llama_get_logits_ith(self._llama.ctx, -1)
        row = np.ctypeslib.as_array(raw, shape=(self._llama.n_vocab(),))
        return np.asarray(row[self._wanted], np.float32)

    def close(self) -> None:
        """Free the model."""
        self._llama.close()


@dataclass(frozen=True, slots=True)
class Calibration:
    """Temperatures of the two softmaxes, and the lowest 1 − P(out of scope) of an accepted text."""

    temperature: float
    complete_temperature: float
    threshold: float


@dataclass(frozen=True, slots=True)
class Measured:
    """Figures over labelled texts; shares are 0 to 1, times are milliseconds."""

    n: int
    in_scope_accuracy: float
    oos_recall: float
    in_scope_rejected: float
    auroc: float
    ece: float
    p50_ms: float
    p95_ms: float


def _softmax(logits: Array, temperature: float) -> Array:
    scaled = logits / temperature
    scaled = scaled - scaled.max(axis=-1, keepdims=True)
    powers = np.exp(scaled)
    return np.asarray(powers / powers.sum(axis=-1, keepdims=True), np.float32)


def calibrate(scorer: Scorer, full: Sequence[tuple[str, str]], partial: Sequence[tuple[str, float]]) -> Calibration:
    """Fit the temperatures by likelihood and the threshold by the share of rejected in-scope texts.

    Args:
        scorer: the quantized model.
        full: held-out (text, label).
        partial: held-out (text, P(complete)), whole sentences among them.
    """
    grid = np.geomspace(0.4, 4.0, 60)
    logits = np.stack([scorer.logits(text)[: len(scorer.labels)] for text, _ in full])
    wanted = np.array([scorer.labels.index(label) for _, label in full])
    rows = np.arange(len(full))
    nll = [-np.log(_softmax(logits, t)[rows, wanted] + 1e-9).mean() for t in grid]
    temperature = float(grid[int(np.argmin(nll))])
    pairs = np.stack([scorer.logits(text)[len(scorer.labels) :] for text, _ in partial])
    share = np.array([complete for _, complete in partial])
    end = np.stack([_softmax(pairs, t)[:, 0] for t in grid])
    cross = -(share * np.log(end + 1e-9) + (1 - share) * np.log(1 - end + 1e-9)).mean(axis=1)
    outside = scorer.labels.index(OUT_OF_SCOPE)
    in_scope = 1.0 - _softmax(logits, temperature)[:, outside]
    quantile = float(np.quantile(in_scope[wanted != outside], REJECTED))
    threshold = min(HIGHEST_THRESHOLD, max(LOWEST_THRESHOLD, quantile))
    return Calibration(round(temperature, 3), round(float(grid[int(np.argmin(cross))]), 3), round(threshold, 4))


def measure(scorer: Scorer, rows: Sequence[tuple[str, str]], calibration: Calibration) -> Measured:
    """Score labelled texts.

    `in_scope_accuracy` is the share of in-scope texts whose most likely label, out of scope among them, is right; the
    share below the threshold is a figure of its own.
    """
    outside = scorer.labels.index(OUT_OF_SCOPE)
    probabilities, times = [], []
    for text, _ in rows:
        began = time.perf_counter()
        logits = scorer.logits(text)
        times.append((time.perf_counter() - began) * 1000)
        probabilities.append(_softmax(logits[: len(scorer.labels)], calibration.temperature))
    table = np.stack(probabilities)
    wanted = np.array([scorer.labels.index(label) for _, label in rows])
    inside = wanted != outside
    best = table.argmax(axis=1)
    in_scope = 1.0 - table[:, outside]
    rejected = in_scope < calibration.threshold
    return Measured(
        n=len(rows),
        in_scope_accuracy=_mean((best == wanted)[inside]),
        oos_recall=_mean(rejected[~inside]),
        in_scope_rejected=_mean(rejected[inside]),
        auroc=_auroc(in_scope[inside], in_scope[~inside]),
        ece=_ece(table.max(axis=1), best == wanted),
        p50_ms=float(np.percentile(times, 50)),
        p95_ms=float(np.percentile(times, 95)),
    )


def measure_beginnings(
    scorer: Scorer, rows: Sequence[tuple[str, str]], calibration: Calibration
) -> dict[str, dict[str, float]]:
    """How early in-scope sentences are understood: by share of their words ("25" to "100" percent).

    Each entry has the share of right labels, of right labels among those with a probability of at least 0.9, the share
    that has such a probability, and the mean P(complete).
    """
    out: dict[str, dict[str, float]] = {}
    for percent in (25, 50, 75, 100):
        right, confident, complete = [], [], []
        for text, label in rows:
            words = text.split()
            logits = scorer.logits(" ".join(words[: max(1, math.ceil(len(words) * percent / 100))]))
            table = _softmax(logits[: len(scorer.labels)], calibration.temperature)
            right.append(scorer.labels[int(table.argmax())] == label)
            confident.append(table.max() >= 0.9)
            complete.append(float(_softmax(logits[len(scorer.labels) :], calibration.complete_temperature)[0]))
        hits, sure = np.array(right), np.array(confident)
        out[str(percent)] = {
            "accuracy": _mean(hits), "accuracy_of_sure": _mean(hits[sure]), "sure": _mean(sure),
            "complete": float(np.mean(complete)),
        }  # fmt: skip
    return out


def _mean(values: npt.NDArray[Any]) -> float:
    return float(values.mean()) if len(values) else float("nan")


def _auroc(positive: Array, negative: Array) -> float:
    """Chance that a random positive is above a random negative, ties half."""
    if not len(positive) or not len(negative):
        return float("nan")
    above = (positive[:, None] > negative[None, :]).mean() + 0.5 * (positive[:, None] == negative[None, :]).mean()
    return float(above)


def _ece(confidence: Array, right: npt.NDArray[np.bool_], bins: int = 15) -> float:
    """Expected calibration error over equal bins of confidence."""
    total = 0.0
    which = np.minimum((confidence * bins).astype(int), bins - 1)
    for index in range(bins):
        inside = which == index
        if inside.any():
            total += inside.mean() * abs(confidence[inside].mean() - right[inside].mean())
    return float(total)
