"""Answers of larger models, with what is said while they think, in virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from contextlib import aclosing
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest

from tests.conversation.call import ScriptedReflex, ToneSpeaker
from tests.routing.test_chain import Source, tier
from tests.simulation.loop import run
from voicebox.errors import EngineError
from voicebox.llm.tools import Tool, ToolCall, Tools
from voicebox.routing.answer import Answer
from voicebox.routing.answerer import FALLBACK, LOST_THE_REST, TOO_SLOW, Answerer
from voicebox.routing.filler import FillerRules, Fillers
from voicebox.routing.ledger import Ledger
from voicebox.routing.prompting import Context
from voicebox.routing.router import Router
from voicebox.routing.tier import Tier
from voicebox.skills.types import Dialog, Plan, Understanding

CONTEXT = Context("s", Dialog(), (), datetime(2026, 3, 4), turn="turn_1")
FIRST = "Let me think."


class Timed:
    """An answer's pieces and when each was there, in seconds after the end of the turn."""

    def __init__(self, answer: Answer, ledger: Ledger) -> None:
        self.answer = answer
        self.ledger = ledger
        self.pieces: list[tuple[float, str]] = []

    @property
    def said(self) -> list[str]:
        return [text for _, text in self.pieces]


def maker(*tiers: Tier, reflex: ScriptedReflex | None = None, **more: Any) -> Answerer:
    if reflex is None:
        reflex = ScriptedReflex()
        reflex.in_scope = False
    router = Router(tiers, speculate=more.pop("speculate", False))
    return Answerer(reflex, ToneSpeaker(), lambda: None, str, router=router, ledger=Ledger(), **more)  # type: ignore[arg-type]


async def ask(answerer: Answerer, context: Context = CONTEXT, guess_s: float | None = None) -> Timed:
    now = asyncio.get_running_loop().time
    answer = answerer.draft(await answerer.understand("why is the sky blue", context), context)
    timed = Timed(answer, answerer.ledger)
    if guess_s is not None and answer.early:
        answerer.start(answer, context, guess=True)
        await asyncio.sleep(guess_s)
        assert not answer.first.done() or guess_s > 1.0
    began = now()
    answerer.start(answer, context)
    async with aclosing(answer.pieces()) as pieces:  # type: ignore[type-var]
        async for piece in pieces:
            timed.pieces.append((round(now() - began, 3), piece.text))
    return timed


def play(story: Coroutine[Any, Any, Timed]) -> Timed:
    return run(story)


def test_no_filler_if_the_answer_comes_within_half_a_second() -> None:
    timed = play(ask(maker(tier("big", 0.49, "It scatters light. ", "Blue most."))))
    assert timed.pieces == [(0.49, "It scatters light."), (0.49, "Blue most.")]
    assert timed.answer.fillers == ()
    assert timed.answer.answered_by == "big"


def test_a_filler_comes_before_seven_tenths_and_is_part_of_the_answer() -> None:
    timed = play(ask(maker(tier("big", 1.4, "It scatters light."))))
    assert timed.pieces == [(0.5, FIRST), (1.4, "It scatters light.")]
    assert timed.answer.fillers == (FIRST,)


def test_the_model_is_told_what_was_said() -> None:
    told = []

    class Listening(Source):
        def stream(self, ask: Any, made: Any) -> Any:
            told.append(ask.told)
            return super().stream(ask, made)

    big = replace(tier("big"), source=Listening("It is."))
    play(ask(maker(big)))
    assert told == [FIRST]


def test_no_dead_air_up_to_the_deadline_and_then_an_honest_sentence() -> None:
    timed = play(ask(maker(tier("big", 60.0, first_s=30.0), answer_s=12.0)))
    assert timed.said[-1] == FALLBACK
    assert timed.pieces[-1][0] == 12.0
    heard_until = 0.0
    for at_s, text in timed.pieces:
        assert at_s - heard_until <= 3.5
        heard_until = at_s + 0.1 * len(text.split())
    assert len(set(timed.said)) == len(timed.said), "none is repeated"


def test_who_fails_is_replaced_under_the_same_filler() -> None:
    timed = play(ask(maker(tier("big", 0.8, EngineError("dead")), tier("mid", 0.6, "Because."))))
    assert timed.pieces == [(0.5, FIRST), (1.4, "Because.")]
    assert timed.answer.decision.tier == "big"
    assert timed.answer.answered_by == "mid"
    assert [(name, account.tries) for name, account in timed.ledger.by_tier.items()] == [("big", 1), ("mid", 1)]


def test_what_breaks_off_is_ended_honestly_and_by_nobody_else() -> None:
    timed = play(ask(maker(tier("big", "It scatters light. ", "And then ", EngineError("dead")), tier("mid", "No."))))
    assert timed.said == ["It scatters light.", LOST_THE_REST]


def test_what_breaks_off_before_a_phrase_was_whole_is_a_failure() -> None:
    timed = play(ask(maker(tier("big", "It ", EngineError("dead")))))
    assert timed.said == [FALLBACK]


def test_nothing_leaves_the_machine_on_a_guess_unless_that_is_wished() -> None:
    big = tier("big", 0.9, "Because.")
    answerer = maker(big)

    async def guess(answerer: Answerer) -> Answer:
        return answerer.draft(await answerer.understand("why", CONTEXT), CONTEXT)

    assert not run(guess(answerer)).early
    assert run(guess(maker(big, speculate=True))).early


def test_a_guess_has_no_filler_before_the_turn_is_over() -> None:
    timed = play(ask(maker(tier("big", 2.0, "Because."), speculate=True), guess_s=0.9))
    assert timed.pieces == [(0.5, FIRST), (1.1, "Because.")]
    timed = play(ask(maker(tier("big", 1.0, "Because."), speculate=True), guess_s=1.5))
    assert timed.pieces == [(0.0, "Because.")]


def test_a_skill_that_works_has_fillers_too_and_a_deadline() -> None:
    class Working(ScriptedReflex):
        def plan(self, understanding: Understanding, **more: Any) -> Plan | None:
            async def work() -> Plan:
                await asyncio.sleep(wait_s)
                return Plan("There are eighty dollars.")

            return Plan("", work=work)

    wait_s = 1.0
    timed = play(ask(maker(reflex=Working())))
    assert timed.pieces == [(0.5, "Let me check."), (1.0, "There are eighty dollars.")]
    wait_s = 60.0
    timed = play(ask(maker(reflex=Working(), answer_s=5.0)))
    assert " ".join(timed.said).endswith(TOO_SLOW)
    assert timed.pieces[-1][0] == 5.0


def test_fillers_can_be_turned_off_and_text_has_none() -> None:
    slow = tier("big", 1.4, "Because.")
    timed = play(ask(maker(slow, fillers=Fillers(FillerRules(enabled=False)))))
    assert timed.pieces == [(1.4, "Because.")]
    timed = play(ask(maker(slow), replace(CONTEXT, speak=False)))
    assert timed.pieces == [(1.4, "Because.")]


def test_a_tool_of_the_client_is_called_and_the_same_tier_goes_on() -> None:
    context = replace(CONTEXT, tools=Tools((Tool("book"),)))
    answerer = maker(tier("big", ToolCall("c1", "book", "{}")), tier("other", "No."))
    timed = play(ask(answerer, context))
    assert timed.said == []
    assert timed.answer.call == ToolCall("c1", "book", "{}")
    goes_on = replace(context, exchange=((ToolCall("c1", "book", "{}"), "done"),))
    answerer.router.tiers[0].source = Source("It is booked.")
    answerer.router.tiers[0].latency.first_token(9.0)
    timed = play(ask(answerer, goes_on))
    assert timed.said == ["It is booked."]
    assert timed.answer.answered_by == "big"


def test_a_caller_who_interrupts_stops_the_model() -> None:
    async def story() -> Timed:
        big = tier("big", 5.0, "Because.", first_s=9.0)
        answerer = maker(big)
        seen = []
        answerer.ledger.open("s", seen.append)
        answer = answerer.draft(await answerer.understand("why", CONTEXT), CONTEXT)
        answerer.start(answer, CONTEXT)
        await asyncio.sleep(1.0)
        answer.cancel()
        await asyncio.sleep(0.01)
        assert isinstance(big.source, Source)
        assert big.source.ended == 1
        assert [(entry.turn, entry.attempt.outcome) for entry in seen] == [("turn_1", "cancelled")]
        assert len(asyncio.all_tasks()) == 1
        return Timed(answer, answerer.ledger)

    play(story())


@pytest.mark.parametrize("first_s", [0.0, 0.3, 0.499, 0.501, 0.6, 0.649, 0.651, 0.9, 2.0])
def test_something_is_audible_in_time_whatever_the_model_does(first_s: float) -> None:
    timed = play(ask(maker(tier("big", first_s, "Because."))))
    assert timed.pieces[0][0] <= 0.7
    assert (timed.pieces[0][1] == "Because.") == (first_s < 0.5)
