"""Minimizes a smooth function of many variables with limited-memory BFGS (Nocedal 1980; Liu and Nocedal 1989)."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

__all__ = ["minimize"]

Vector = NDArray[np.float64]

_MEMORY = 12
_ARMIJO = 1e-4
_HALVINGS = 25


def minimize(
    function: Callable[[Vector], tuple[float, Vector]], start: Vector, *, steps: int = 200, tolerance: float = 1e-5
) -> Vector:
    """A point near the minimum.

    Args:
        function: value and gradient at a point.
        start: where to begin, shape (n,).
        steps: most iterations.
        tolerance: ends when no step lowers the value by more than this share of it.
    """
    x = start.astype(np.float64)
    value, gradient = function(x)
    pairs: deque[tuple[Vector, Vector, float]] = deque(maxlen=_MEMORY)
    for _ in range(steps):
        direction = -_times_inverse_hessian(gradient, pairs)
        slope = float(direction @ gradient)
        if slope >= 0:
            pairs.clear()
            direction, slope = -gradient, -float(gradient @ gradient)
        # Without curvature the gradient says nothing about the length of a step.
        size = 1.0 if pairs else min(1.0, 1.0 / (float(np.abs(gradient).sum()) + 1e-12))
        for _ in range(_HALVINGS):
            moved = x + size * direction
            new_value, new_gradient = function(moved)
            if new_value <= value + _ARMIJO * size * slope:
                break
            size *= 0.5
        else:
            return x
        step, change = moved - x, new_gradient - gradient
        curvature = float(step @ change)
        if curvature > 1e-12 * float(change @ change):
            pairs.append((step, change, curvature))
        done = value - new_value <= tolerance * max(abs(value), abs(new_value), 1e-12)
        x, value, gradient = moved, new_value, new_gradient
        if done:
            break
    return x


def _times_inverse_hessian(gradient: Vector, pairs: deque[tuple[Vector, Vector, float]]) -> Vector:
    """The two-loop recursion."""
    out = gradient.copy()
    shares = []
    for step, change, curvature in reversed(pairs):
        share = float(step @ out) / curvature
        out -= share * change
        shares.append(share)
    if pairs:
        _, change, curvature = pairs[-1]
        out *= curvature / float(change @ change)
    for (step, change, curvature), share in zip(pairs, reversed(shares), strict=True):
        out += (share - float(change @ out) / curvature) * step
    return out
