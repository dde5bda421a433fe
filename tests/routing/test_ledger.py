from __future__ import annotations

from dataclasses import replace

import pytest

from voicebox.llm.price import Price, Usage, cost_of, estimated
from voicebox.routing.attempt import Attempt
from voicebox.routing.ledger import Entry, Ledger

TRY = Attempt("big", "m", False, "answered", "", 100.0, 900.0, Usage(1000, 200, 400), 0.004, heard=True)


def test_prices() -> None:
    usage = Usage(1_000_000, 100_000, 250_000)
    assert Price(2.0, 8.0, 0.5).of(usage) == pytest.approx(1.5 + 0.125 + 0.8)
    assert Price(2.0, 8.0).of(usage) == pytest.approx(2.8)
    assert cost_of(usage, None) is None, "an unknown price is not nothing"
    assert cost_of(replace(usage, cost_usd=0.1), Price(2.0, 8.0)) == 0.1
    assert cost_of(Usage(0, 0), None) == 0.0, "nothing costs nothing, whatever the price"
    assert estimated(7, 9) == Usage(2, 3, estimated=True)


def test_sums_by_session_by_tier_and_in_all() -> None:
    seen: list[Entry] = []
    ledger = Ledger()
    ledger.open("a", seen.append)
    ledger.add("a", "turn_1", TRY)
    ledger.add("b", "turn_1", replace(TRY, tier="mid", outcome="failed", heard=False, cost_usd=0.001))
    assert seen == [Entry("a", "turn_1", TRY)]
    assert (ledger.account("a").tries, ledger.total.tries) == (1, 2)
    assert ledger.total.cost_usd == pytest.approx(0.005)
    assert ledger.total.wasted_usd == pytest.approx(0.001)
    assert ledger.by_tier["mid"].failed == 1
    assert ledger.total.cached_tokens == 800


def test_what_nobody_knows_makes_the_sum_unknown() -> None:
    ledger = Ledger()
    ledger.add("a", "t", TRY)
    ledger.add("a", "t", replace(TRY, cost_usd=None))
    assert ledger.total.cost_usd is None
    assert (ledger.total.known_usd, ledger.total.unknown) == (0.004, 1)
    ledger.add("a", "t", replace(TRY, usage=None, cost_usd=None))
    assert ledger.total.unknown == 1, "what was never sent costs nothing"


def test_budgets() -> None:
    ledger = Ledger(session_usd=0.01)
    ledger.open("a")
    ledger.open("b", limit_usd=0.004)
    assert ledger.budget("a").left_usd == 0.01
    ledger.add("b", "t", TRY)
    assert ledger.budget("b").spent
    assert not ledger.budget("a").spent
    assert ledger.budget("unheard of").left_usd == 0.01
    ledger.close("b")
    assert not ledger.budget("b").spent


def test_who_called_a_tool_is_known_for_a_while() -> None:
    ledger = Ledger()
    for n in range(1500):
        ledger.calls(f"call_{n}", "big")
    assert ledger.called_by("call_1499") == "big"
    assert ledger.called_by("call_0") is None
