"""Decisions from plain facts: no model runs here."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import replace
from datetime import datetime
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from voicebox.llm.price import Price
from voicebox.llm.tools import Tool, ToolCall, Tools
from voicebox.llm.types import Message
from voicebox.routing.policy import POLICIES
from voicebox.routing.prompting import Context
from voicebox.routing.router import Budget, Decision, Router
from voicebox.routing.tier import Ask, Made, Tier
from voicebox.skills.types import Dialog, Plan, Understanding

CONTEXT = Context("s", Dialog(), (), datetime(2026, 3, 4, 10, 30))
BIG = "compare heat pumps and gas boilers for an old house"
SMALL = "i am a bit tired today"


class Nobody:
    async def stream(self, ask: Ask, made: Made) -> AsyncGenerator[str, None]:
        raise AssertionError("a decision asks nobody")
        yield ""


def tiers(**more: Any) -> list[Tier]:
    made = [
        Tier("small", "small", Nobody(), local=True, privacy="machine"),
        Tier("mid", "mid", Nobody(), price=Price(0.1, 0.4)),
        Tier("dear", "frontier", Nobody(), price=Price(3.0, 15.0)),
        Tier("cheap", "frontier", Nobody(), price=Price(0.5, 2.0)),
    ]
    for name, change in more.items():
        at = next(n for n, tier in enumerate(made) if tier.name == name)
        made[at] = replace(made[at], **change)
    return made


def decide(text: str, router: Router | None = None, plan: Plan | None = None, **more: Any) -> Decision:
    confidence = more.pop("confidence", 0.9)
    context = more.pop("context", CONTEXT)
    understanding = Understanding(text, "timer.set", {}, confidence, plan is not None, 1.0)
    return (router or Router(tiers())).decide(understanding, plan, context, now=more.pop("now", 0.0), **more)


def test_a_skill_answers_what_it_takes() -> None:
    decision = decide("set a timer", plan=Plan("Okay."))
    assert (decision.tier, decision.order) == ("reflex", ())
    assert decision.reasons == ("in scope: timer.set at 0.90",)


def test_small_talk_stays_here_and_falls_up_if_that_fails() -> None:
    decision = decide(SMALL)
    assert decision.order == ("small", "mid", "dear", "cheap")
    assert not decision.remote
    assert decision.early


def test_a_large_question_goes_up_and_falls_down() -> None:
    decision = decide(BIG)
    assert decision.order == ("dear", "cheap", "mid", "small")
    assert decision.remote
    assert not decision.early
    assert "several steps (+1)" in decision.reasons


def test_the_faster_one_of_a_level_goes_first() -> None:
    these = tiers()
    these[2].latency.first_token(0.9)
    these[3].latency.first_token(0.3)
    assert decide(BIG, Router(these)).tier == "cheap"


def test_policies() -> None:
    assert decide(SMALL, Router(tiers(), POLICIES["quality"])).tier == "dear"
    assert decide(BIG, Router(tiers(), POLICIES["cheap"])).tier == "small"
    assert decide(f"ask the big model to {BIG}", Router(tiers(), POLICIES["cheap"])).tier == "cheap"
    local = decide(BIG, Router(tiers(), POLICIES["local"]))
    assert local.order == ("small",)
    assert dict(local.left_out)["dear"] == "the policy keeps to this process"
    assert decide(BIG, Router(tiers(), POLICIES["fast"])).tier == "small"


def test_quality_takes_an_unsure_skill_upwards_but_never_into_nothing() -> None:
    plan, quality = Plan("Okay."), POLICIES["quality"]
    assert decide("set it", Router(tiers(), quality), plan, confidence=0.7).tier == "dear"
    assert decide("set it", Router(tiers(), quality), plan, confidence=0.85).tier == "reflex"
    assert decide("set it", Router(tiers()[:1], quality), plan, confidence=0.7).tier == "reflex"


def test_a_tier_that_failed_is_left_alone_until_it_is_probed() -> None:
    these = tiers()
    for _ in range(3):
        these[2].breaker.fail(100.0)
    decision = decide(BIG, Router(these), now=100.1)
    assert decision.order == ("cheap", "mid", "small")
    assert dict(decision.left_out) == {"dear": "failed of late, is left alone for seconds"}
    assert decide(BIG, Router(these), now=104.0).tier == "dear"


def test_a_spent_budget_leaves_what_is_free() -> None:
    decision = decide(BIG, budget=Budget(0.0))
    assert decision.order == ("small",)
    assert dict(decision.left_out)["mid"] == "the budget is spent"
    assert decide(BIG, budget=Budget(0.01)).tier == "dear"


def test_nobody_is_there() -> None:
    decision = decide(SMALL, Router(tiers(small={"ready": lambda: False})[:1]))
    assert (decision.tier, decision.order) == ("none", ())
    assert decision.reasons == ("no skill takes it", "small: not loaded")


def test_abilities() -> None:
    tools = replace(CONTEXT, tools=Tools((Tool("book"),)))
    decision = decide(BIG, Router(tiers(dear={"tools": False})), context=tools)
    assert dict(decision.left_out) == {"dear": "calls no tools"}
    german = Router(tiers(small={"languages": ("en",)}), language="de-AT")
    assert decide(SMALL, german).tier == "mid"
    long = replace(CONTEXT, history=(Message("user", "word " * 30_000),))
    assert "about" in dict(decide(BIG, context=long).left_out)["dear"]


def test_who_called_a_tool_sees_its_result() -> None:
    context = replace(CONTEXT, exchange=((ToolCall("c", "book", "{}"), "done"),))
    decision = decide(SMALL, context=context, stay="mid")
    assert decision.tier == "mid"
    assert decision.reasons == ("goes on after a tool's result",)


@given(
    st.lists(st.booleans(), min_size=4, max_size=4),
    st.sampled_from(sorted(POLICIES)),
    st.sampled_from([BIG, SMALL, "", "no that's wrong", "why?"]),
    st.sampled_from([None, 0.0, 1.0]),
)
def test_whatever_is_there_every_tier_is_asked_once_or_left_out_with_a_reason(
    there: list[bool], policy: Any, text: str, left_usd: float | None
) -> None:
    these = [replace(tier, ready=lambda up=up: up) for tier, up in zip(tiers(), there, strict=True)]
    decision = decide(text, Router(these, POLICIES[policy]), budget=Budget(left_usd))
    assert sorted([*decision.order, *(name for name, _ in decision.left_out)]) == ["cheap", "dear", "mid", "small"]
    assert all(reason for _, reason in decision.left_out)
    assert decision.tier == (decision.order[0] if decision.order else "none")
    assert decision.reasons
