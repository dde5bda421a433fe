"""The chain in virtual time: tiers that are late, stall, fail, or are overtaken."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Coroutine, Sequence
from contextlib import aclosing
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.simulation.loop import run
from voicebox.errors import EngineError
from voicebox.llm.chat import PromptTooLongError
from voicebox.llm.price import Price, Usage
from voicebox.llm.remote import RemoteError
from voicebox.llm.schema_grammar import SchemaError
from voicebox.llm.tools import ToolCall
from voicebox.routing.attempt import Attempt
from voicebox.routing.chain import BrokeOffError, Chain, NoAnswerError
from voicebox.routing.prompting import Context
from voicebox.routing.tier import Ask, Limits, Made, Tier
from voicebox.skills.types import Dialog

ASK = Ask("why", Context("s", Dialog(), (), datetime(2026, 3, 4)))


class Source:
    """Plays a list: numbers are waited, texts are said, errors raised, a call is made."""

    def __init__(self, *steps: float | str | Exception | ToolCall) -> None:
        self.steps = steps
        self.begun = 0
        self.ended = 0

    async def stream(self, ask: Ask, made: Made) -> AsyncGenerator[str, None]:
        self.begun += 1
        made.usage = Usage(100, 10)
        try:
            for step in self.steps:
                if isinstance(step, str):
                    yield step
                elif isinstance(step, Exception):
                    raise step
                elif isinstance(step, ToolCall):
                    made.call = step
                else:
                    await asyncio.sleep(step)
        finally:
            self.ended += 1


def tier(name: str, *steps: float | str | Exception | ToolCall, **limits: Any) -> Tier:
    return Tier(name, "frontier", Source(*steps), price=Price(1.0, 1.0), limits=Limits(**limits))


class Heard:
    """What came of a chain, and when."""

    def __init__(self) -> None:
        self.pieces: list[str] = []
        self.attempts: list[Attempt] = []
        self.first_s: float | None = None
        self.end_s = 0.0
        self.error: EngineError | None = None
        self.call: ToolCall | None = None

    @property
    def outcomes(self) -> list[tuple[str, str]]:
        return [(attempt.tier, attempt.outcome) for attempt in self.attempts]


async def ask(tiers: Sequence[Tier], answer_s: float = 8.0) -> Heard:
    heard, loop = Heard(), asyncio.get_running_loop()
    began = loop.time()
    chain = Chain(tiers, ASK, answer_s=answer_s, done=heard.attempts.append)
    try:
        async with aclosing(chain.stream()) as pieces:
            async for piece in pieces:
                if heard.first_s is None:
                    heard.first_s = loop.time() - began
                heard.pieces.append(piece)
    except EngineError as error:
        heard.error = error
    heard.end_s = loop.time() - began
    heard.call = None if chain.made is None else chain.made.call
    for each in tiers:
        assert isinstance(each.source, Source)
        assert each.source.begun == each.source.ended, "no stream stays open"
    assert len(asyncio.all_tasks()) == 1, "no task stays behind"
    return heard


def play(story: Coroutine[Any, Any, Heard]) -> Heard:
    return run(story)


def test_the_first_answers() -> None:
    heard = play(ask([tier("a", 0.4, "Yes. ", "It is."), tier("b", "No.")]))
    assert heard.pieces == ["Yes. ", "It is."]
    assert heard.outcomes == [("a", "answered")]
    assert heard.attempts[0].first_ms == 400.0
    assert heard.attempts[0].heard
    assert heard.attempts[0].cost_usd == pytest.approx(110e-6)


def test_one_that_fails_is_followed_at_once() -> None:
    heard = play(ask([tier("a", 0.1, RemoteError("429", "busy", 5.0)), tier("b", 0.2, "Yes.")]))
    assert heard.pieces == ["Yes."]
    assert heard.first_s == pytest.approx(0.3)
    assert heard.outcomes == [("a", "failed"), ("b", "answered")]


def test_a_stream_that_opens_and_says_nothing_useful_is_late() -> None:
    heard = play(ask([tier("a", "", "  \n", 60.0, "Yes.", first_s=1.5), tier("b", "No.")]))
    assert heard.pieces == ["No."]
    assert heard.first_s == pytest.approx(1.5)
    assert heard.outcomes == [("a", "late"), ("b", "answered")]


def test_an_empty_answer_is_none() -> None:
    heard = play(ask([tier("a", " "), tier("b", "No.")]))
    assert heard.outcomes == [("a", "failed"), ("b", "answered")]
    assert "nothing to say" in heard.attempts[0].reason


def test_a_slow_one_is_hedged_and_the_faster_wins() -> None:
    slow = tier("a", 2.0, "Slow.", hedge_s=0.5)
    heard = play(ask([slow, tier("b", 0.3, "Fast.")]))
    assert heard.pieces == ["Fast."]
    assert heard.first_s == pytest.approx(0.8)
    assert sorted(heard.outcomes) == [("a", "lost"), ("b", "answered")]
    lost = next(attempt for attempt in heard.attempts if attempt.tier == "a")
    assert not lost.heard
    assert lost.cost_usd == pytest.approx(110e-6), "what was asked in vain costs money too"


def test_the_hedge_may_lose_as_well() -> None:
    heard = play(ask([tier("a", 0.7, "Here.", hedge_s=0.5), tier("b", 2.0, "Late.")]))
    assert heard.pieces == ["Here."]
    assert sorted(heard.outcomes) == [("a", "answered"), ("b", "lost")]


def test_nothing_is_switched_once_something_was_said() -> None:
    heard = play(ask([tier("a", "The sky ", "is ", EngineError("gone")), tier("b", "No.")]))
    assert heard.pieces == ["The sky ", "is "]
    assert isinstance(heard.error, BrokeOffError)
    assert heard.outcomes == [("a", "failed")]


def test_a_silence_in_the_middle_ends_it() -> None:
    heard = play(ask([tier("a", "The sky ", 60.0, "is blue.", stall_s=2.0), tier("b", "No.")]))
    assert isinstance(heard.error, BrokeOffError)
    assert heard.end_s == pytest.approx(2.0)
    assert heard.outcomes == [("a", "stalled")]


def test_an_answer_that_goes_on_and_on_ends() -> None:
    steps: list[float | str] = [step for _ in range(100) for step in ("and ", 1.0)]
    heard = play(ask([tier("a", *steps, stall_s=2.0, total_s=10.0)]))
    assert isinstance(heard.error, BrokeOffError)
    assert heard.end_s == pytest.approx(10.0, abs=0.1)


def test_nobody_answers_in_time() -> None:
    heard = play(ask([tier(name, 60.0, first_s=3.0) for name in "abcdef"], answer_s=8.0))
    assert isinstance(heard.error, NoAnswerError)
    assert heard.end_s == pytest.approx(8.0)
    assert [outcome for _, outcome in heard.outcomes] == ["late"] * 3


def test_nobody_is_there() -> None:
    heard = play(ask([]))
    assert isinstance(heard.error, NoAnswerError)
    assert heard.end_s == 0.0


def test_three_failures_open_the_breaker_and_a_probe_closes_it_within_five_seconds() -> None:
    async def story() -> Heard:
        bad, good = tier("bad", 0.1, EngineError("dead")), tier("good", "Yes.")
        asked = []
        for _ in range(20):
            begun = bad.source.begun  # type: ignore[attr-defined]
            heard = await ask([bad, good])
            assert heard.pieces == ["Yes."]
            asked.append(bad.source.begun > begun)  # type: ignore[attr-defined]
            await asyncio.sleep(0.4)
        assert asked[:4] == [True, True, True, False]
        assert 0 < asked.index(True, 3) * 0.4 - 3 * 0.5 <= 5.0
        bad.source = Source("Back.")
        await asyncio.sleep(30.0)
        assert (await ask([bad, good])).pieces == ["Back."]
        assert bad.breaker.state(asyncio.get_running_loop().time()) == "closed"
        return heard

    play(story())


@pytest.mark.parametrize(
    "error", [RemoteError("too long", "request"), PromptTooLongError("too long"), SchemaError("no such type")]
)
def test_what_one_caller_asks_wrongly_takes_the_tier_from_nobody(error: EngineError) -> None:
    async def story() -> Heard:
        strict = tier("strict", error)
        for _ in range(10):
            heard = await ask([strict, tier("other", "Yes.")])
            assert heard.outcomes == [("strict", "failed"), ("other", "answered")]
        assert strict.latency.report.failed == 0.0
        return heard

    play(story())


def test_a_call_of_a_tool_is_an_answer() -> None:
    call = ToolCall("c1", "book", "{}")
    heard = play(ask([tier("a", 0.2, call)]))
    assert heard.pieces == []
    assert heard.call == call
    assert heard.outcomes == [("a", "answered")]


def test_who_stops_listening_stops_all() -> None:
    async def story() -> Heard:
        heard = Heard()
        tiers = [tier("a", 5.0, "x", hedge_s=0.1), tier("b", 5.0, "y")]
        chain = Chain(tiers, ASK, answer_s=8.0, done=heard.attempts.append)

        async def listen() -> None:
            async with aclosing(chain.stream()) as pieces:
                async for _ in pieces:
                    pass

        task = asyncio.create_task(listen())
        await asyncio.sleep(1.0)
        task.cancel()
        await asyncio.wait((task,))
        assert sorted(heard.outcomes) == [("a", "cancelled"), ("b", "cancelled")]
        assert len(asyncio.all_tasks()) == 1
        assert tiers[0].latency.report.count == 0, "a caller who hangs up is no failure"
        return heard

    play(story())


_STEP = st.one_of(st.sampled_from(["a ", "b. ", " "]), st.floats(0.01, 4.0), st.just(EngineError("broken")))


@given(st.lists(st.lists(_STEP, max_size=5), max_size=4), st.sampled_from([None, 0.3]))
def test_whatever_tiers_do_it_ends_in_time_with_one_voice(steps: list[list[Any]], hedge_s: float | None) -> None:
    limits = {"first_s": 1.0, "stall_s": 1.0, "total_s": 3.0, "hedge_s": hedge_s}
    tiers = [tier(str(n), *each, **limits) for n, each in enumerate(steps)]
    heard = play(ask(tiers, answer_s=2.5))
    if heard.first_s is None:
        assert isinstance(heard.error, NoAnswerError)
        assert heard.end_s <= 2.51
    else:
        assert heard.first_s <= 2.51
        assert not isinstance(heard.error, NoAnswerError)
        winner = next(attempt for attempt in heard.attempts if attempt.heard)
        said = [step for step in steps[int(winner.tier)] if isinstance(step, str)]
        assert "".join(heard.pieces) == "".join(said)[: len("".join(heard.pieces))]
    assert sum(attempt.heard for attempt in heard.attempts) <= 1
    assert sum(attempt.outcome == "answered" for attempt in heard.attempts) == (
        heard.first_s is not None and heard.error is None
    )
