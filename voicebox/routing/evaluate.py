"""What an escalation threshold costs and gains, on texts whose right place is known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

__all__ = ["Example", "Point", "Prices", "best_threshold", "sweep"]


@dataclass(frozen=True, slots=True)
class Example:
    """A text: P(in scope) by the model, whether it is in scope, and whether the model's intent is the right one."""

    p_in_scope: float
    in_scope: bool
    right: bool
    words: int


@dataclass(frozen=True, slots=True)
class Prices:
    """What an answer of the larger model costs and takes.

    Attributes:
        prompt_usd: US dollars for a million prompt tokens.
        completion_usd: US dollars for a million tokens of the answer.
        system_tokens: of the prompt before the text, history included.
        answer_tokens: of an answer.
        small_ms: latency of the small tier.
        large_ms: latency of the larger one.
    """

    prompt_usd: float
    completion_usd: float
    system_tokens: int = 250
    answer_tokens: int = 60
    small_ms: float = 5.0
    large_ms: float = 700.0

    def of(self, example: Example) -> float:
        """US dollars for one answer; 1.3 tokens to a word."""
        prompt = self.system_tokens + 1.3 * example.words
        return (prompt * self.prompt_usd + self.answer_tokens * self.completion_usd) / 1e6


@dataclass(frozen=True, slots=True)
class Point:
    """What comes of one threshold: shares of in-scope and out-of-scope texts that go up, the share that is well served
    (a right intent that stays, or anything that goes up), and cost and latency."""

    threshold: float
    in_scope_up: float
    out_of_scope_up: float
    served: float
    usd_per_1000: float
    mean_ms: float


def sweep(examples: Sequence[Example], prices: Prices) -> list[Point]:
    """A point for each threshold at which something changes, from nothing escalated to everything."""
    p = np.array([example.p_in_scope for example in examples])
    inside = np.array([example.in_scope for example in examples])
    right = np.array([example.right for example in examples])
    cost = np.array([prices.of(example) for example in examples])
    points = []
    for threshold in [0.0, *np.unique(np.round(p, 4)), 1.0001]:
        up = p < threshold
        served = np.where(up, True, inside & right)
        points.append(
            Point(
                threshold=float(threshold),
                in_scope_up=_share(up, inside),
                out_of_scope_up=_share(up, ~inside),
                served=float(served.mean()),
                usd_per_1000=float(1000 * cost[up].sum() / len(p)),
                mean_ms=float(prices.small_ms + up.mean() * prices.large_ms),
            )
        )
    return points


def best_threshold(
    points: Sequence[Point], *, max_escalated: float | None = None, max_usd_per_1000: float | None = None
) -> Point:
    """The point that serves most texts within the bounds; the lowest threshold of those that serve as many."""
    fit = [
        point
        for point in points
        if (max_escalated is None or point.in_scope_up <= max_escalated)
        and (max_usd_per_1000 is None or point.usd_per_1000 <= max_usd_per_1000)
    ]
    return max(fit or list(points)[:1], key=lambda point: (point.served, -point.threshold))


def _share(up: np.ndarray, of: np.ndarray) -> float:
    return float(up[of].mean()) if of.any() else 0.0
