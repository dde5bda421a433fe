from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicebox.routing.evaluate import Example, Prices, best_threshold, sweep

PRICES = Prices(1.0, 10.0, system_tokens=100, answer_tokens=50, small_ms=5.0, large_ms=500.0)
ROWS = [
    Example(0.95, True, True, 5),
    Example(0.9, True, True, 5),
    Example(0.6, True, False, 5),
    Example(0.4, False, False, 5),
    Example(0.1, False, False, 5),
]


def test_a_sweep_goes_from_nothing_to_everything() -> None:
    points = sweep(ROWS, PRICES)
    assert (points[0].in_scope_up, points[0].out_of_scope_up, points[0].served) == (0.0, 0.0, 0.4)
    assert (points[-1].in_scope_up, points[-1].out_of_scope_up, points[-1].served) == (1.0, 1.0, 1.0)
    assert points[-1].usd_per_1000 == pytest.approx(1000 * (106.5 + 500) / 1e6)
    assert points[-1].mean_ms == 505.0


def test_the_best_threshold_keeps_its_bound() -> None:
    points = sweep(ROWS, PRICES)
    none = best_threshold(points, max_escalated=0.0)
    assert (none.in_scope_up, none.out_of_scope_up, none.threshold) == (0.0, 1.0, 0.6)
    third = best_threshold(points, max_escalated=0.34)
    assert (third.served, third.threshold) == (1.0, 0.9)
    cheap = best_threshold(points, max_usd_per_1000=0.13)
    assert cheap.usd_per_1000 <= 0.13
    assert cheap.served == 0.6
    assert best_threshold(points, max_usd_per_1000=-1.0) == points[0]


_ROWS = st.lists(
    st.builds(Example, st.floats(0, 1), st.booleans(), st.booleans(), st.integers(0, 50)), min_size=1, max_size=40
)


@given(_ROWS, st.floats(0, 1))
def test_a_higher_threshold_never_escalates_less(rows: list[Example], share: float) -> None:
    points = sweep(rows, PRICES)
    for name in ("in_scope_up", "out_of_scope_up", "served", "usd_per_1000", "mean_ms"):
        values = [getattr(point, name) for point in points]
        assert values == sorted(values)
    assert best_threshold(points, max_escalated=share).in_scope_up <= share
