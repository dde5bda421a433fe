from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from voicebox.routing.latency import Latency


def test_percentiles_of_the_last_requests() -> None:
    latency = Latency(window=10)
    assert latency.quantile_s(0.5) is None
    for ms in range(100, 0, -10):
        latency.first_token(ms / 1000)
        latency.ended(failed=ms > 80)
    assert latency.quantile_s(0.5) == 0.05
    assert latency.quantile_s(0.95) == 0.1
    assert latency.report.failed == 0.2
    for _ in range(10):
        latency.first_token(1.0)
    assert latency.report.p50_ms == 1000.0


def test_what_remains_is_of_those_that_took_longer() -> None:
    latency = Latency()
    for seconds in (0.2, 0.3, 1.0, 2.0, 3.0):
        latency.first_token(seconds)
    assert latency.remaining_s(0.5) == 1.5
    assert latency.remaining_s(5.0) is None


@given(st.lists(st.floats(0, 100), min_size=1, max_size=40), st.floats(0.01, 1.0))
def test_a_quantile_is_one_of_the_times(times: list[float], share: float) -> None:
    latency = Latency()
    for seconds in times:
        latency.first_token(seconds)
    quantile = latency.quantile_s(share)
    assert quantile in times
    assert sum(seconds <= quantile for seconds in times) >= share * len(times)  # type: ignore[operator]
