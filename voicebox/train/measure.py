"""What an intent model is worth: accuracy, out-of-scope detection, calibration, speed, and how early it knows."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from voicebox.llm.intent_text import normalize_text
from voicebox.llm.types import OUT_OF_SCOPE, IntentModel
from voicebox.train.scoring import Scored, score_texts, time_texts

__all__ = ["Beginning", "Bin", "Commits", "Measured", "early_commits", "measure", "measure_beginnings", "reliability"]

_TIMED = 300
SURE = 0.9


@dataclass(frozen=True, slots=True)
class Measured:
    """Figures over labelled texts; shares are 0 to 1, times milliseconds, NaN where there is nothing to count.

    `accuracy` is that of the best in-scope label over the in-scope texts; `accepted_accuracy` counts rejected ones as
    wrong. `oos_recall` and `in_scope_rejected` are at the model's threshold; `oos_recall_at_5` is at the threshold that
    rejects 5 % of these very in-scope texts. `ece` is the expected calibration error over 15 bins.
    """

    n: int
    n_oos: int
    accuracy: float
    accepted_accuracy: float
    oos_recall: float
    in_scope_rejected: float
    oos_recall_at_5: float
    auroc: float
    ece: float
    p50_ms: float
    p95_ms: float


@dataclass(frozen=True, slots=True)
class Bin:
    """Texts whose best label has a probability in one fifteenth of 0 to 1."""

    n: int
    confidence: float
    accuracy: float


@dataclass(frozen=True, slots=True)
class Beginning:
    """What is known after a share of the words: right labels, share with P ≥ 0.9, right ones of those, P(complete)."""

    accuracy: float
    sure: float
    accuracy_of_sure: float
    complete: float


@dataclass(frozen=True, slots=True)
class Commits:
    """Intents that are settled before the end of the text: two partials in a row agree and are sure.

    `share` of the texts are settled early, `precision` of those are right, after `words` of the words (mean share).
    """

    share: float
    precision: float
    words: float


def measure(model: IntentModel, rows: Sequence[tuple[str, str]], threshold: float) -> tuple[Measured, list[Bin]]:
    """Score labelled texts; also returns what the reliability plot shows.

    Args:
        model: the finished model.
        rows: (text, label).
        threshold: its threshold.
    """
    texts = [text for text, _ in rows]
    scored = score_texts(model, texts)
    names = list(model.labels)
    outside = names.index(OUT_OF_SCOPE)
    wanted = np.array([names.index(label) for _, label in rows])
    inside = wanted != outside
    in_scope = 1.0 - scored.labels[:, outside]
    best = scored.labels.argmax(axis=1)
    among = scored.labels.copy()
    among[:, outside] = -1.0
    known = among.argmax(axis=1) == wanted
    accepted = in_scope >= threshold
    step = max(1, len(texts) // _TIMED)
    times = time_texts(model, texts[::step])
    at_5 = np.quantile(in_scope[inside], 0.05) if inside.any() else 0.0
    figures = Measured(
        n=len(rows),
        n_oos=int((~inside).sum()),
        accuracy=_mean(known[inside]),
        accepted_accuracy=_mean((known & accepted)[inside]),
        oos_recall=_mean(~accepted[~inside]),
        in_scope_rejected=_mean(~accepted[inside]),
        oos_recall_at_5=_mean(in_scope[~inside] < at_5),
        auroc=_auroc(in_scope[inside], in_scope[~inside]),
        ece=_ece(reliability(scored, best == wanted), len(rows)),
        p50_ms=float(np.percentile(times, 50)),
        p95_ms=float(np.percentile(times, 95)),
    )
    return figures, reliability(scored, best == wanted)


def reliability(scored: Scored, right: NDArray[np.bool_], bins: int = 15) -> list[Bin]:
    """Confidence and accuracy by equal bins of confidence; empty bins are left out."""
    confidence = scored.labels.max(axis=1)
    which = np.minimum((confidence * bins).astype(int), bins - 1)
    found = []
    for index in range(bins):
        inside = which == index
        if inside.any():
            found.append(Bin(int(inside.sum()), float(confidence[inside].mean()), float(right[inside].mean())))
    return found


def measure_beginnings(model: IntentModel, rows: Sequence[tuple[str, str]]) -> dict[int, Beginning]:
    """How early in-scope texts are understood, by percent of their words."""
    names = list(model.labels)
    wanted = np.array([names.index(label) for _, label in rows])
    out = {}
    for percent in (25, 50, 75, 100):
        cut = [_beginning(text, percent / 100) for text, _ in rows]
        scored = score_texts(model, cut)
        right, sure = scored.labels.argmax(axis=1) == wanted, scored.labels.max(axis=1) >= SURE
        out[percent] = Beginning(_mean(right), _mean(sure), _mean(right[sure]), float(scored.complete.mean()))
    return out


def early_commits(model: IntentModel, rows: Sequence[tuple[str, str]], *, sure: float = SURE) -> Commits:
    """Feed the texts word by word and commit when two partials in a row have the same best label, both at ≥ `sure`.

    A text counts as committed early if that happens before its last word. Out of scope is a label like the others.
    """
    names = list(model.labels)
    right, share = [], []
    for text, label in rows:
        words = normalize_text(text).split()
        partials = [" ".join(words[:count]) for count in range(1, len(words))]
        if len(partials) < 2:
            continue
        scored = score_texts(model, partials)
        best, confident = scored.labels.argmax(axis=1), scored.labels.max(axis=1) >= sure
        agreed = (best[1:] == best[:-1]) & confident[1:] & confident[:-1]
        if agreed.any():
            at = int(agreed.argmax()) + 1
            right.append(names[best[at]] == label)
            share.append((at + 1) / len(words))
    hits = np.array(right)
    return Commits(len(right) / max(1, len(rows)), _mean(hits), float(np.mean(share)) if share else float("nan"))


def _beginning(text: str, share: float) -> str:
    words = normalize_text(text).split()
    return " ".join(words[: max(1, math.ceil(len(words) * share))])


def _mean(values: NDArray[Any]) -> float:
    return float(values.mean()) if len(values) else float("nan")


def _auroc(positive: NDArray[np.float64], negative: NDArray[np.float64]) -> float:
    """Chance that a random positive is above a random negative, ties half."""
    if not len(positive) or not len(negative):
        return float("nan")
    ranks = (
        np.searchsorted(np.sort(negative), positive, side="left"),
        np.searchsorted(np.sort(negative), positive, side="right"),
    )
    return float((ranks[0] + ranks[1]).mean() / 2 / len(negative))


def _ece(bins: Sequence[Bin], n: int) -> float:
    return sum(bin.n * abs(bin.confidence - bin.accuracy) for bin in bins) / max(1, n)
