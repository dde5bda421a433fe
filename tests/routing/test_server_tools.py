"""Answers that use the server's tools, in virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from tests.routing.test_answerer_tiers import CONTEXT, Timed, maker, play
from tests.routing.test_chain import Source, tier
from tests.simulation.loop import run
from voicebox.errors import VoiceboxError
from voicebox.llm.tools import Tool, ToolCall
from voicebox.routing.ledger import Use
from voicebox.routing.tier import Ask, Made
from voicebox.tools.box import ToolBox

CALL = ToolCall("c1", "weather", '{"city":"Rome"}')


class Weather:
    """Takes a while, or fails."""

    small = False
    timeout_s = 5.0

    def __init__(self, takes_s: float = 1.0, error: Exception | None = None) -> None:
        self.tool = Tool("weather", "Tells it.")
        self.takes_s = takes_s
        self.error = error
        self.asked: list[Mapping[str, Any]] = []

    async def call(self, arguments: Mapping[str, Any]) -> str:
        self.asked.append(arguments)
        await asyncio.sleep(self.takes_s)
        if self.error is not None:
            raise self.error
        return "sunny"


class Model(Source):
    """Calls a tool so many times, then says what it was told."""

    def __init__(self, calls: int = 1, first_s: float = 0.2, words: str = "") -> None:
        super().__init__()
        self.calls = calls
        self.first_s = first_s
        self.words = words
        self.asks: list[Ask] = []

    async def stream(self, ask: Ask, made: Made) -> Any:
        self.asks.append(ask)
        await asyncio.sleep(self.first_s)
        exchange = ask.context.exchange
        if len(exchange) < self.calls and ask.context.tools.offered:
            if self.words:
                yield self.words
            made.call = CALL
        else:
            yield f"It is {exchange[-1][1]}." if exchange else "I do not know."


def with_tools(model: Model, *tools: Weather, **more: Any) -> Any:
    big = tier("big", first_s=3.0)
    big.source = model
    return maker(big, tools=ToolBox(tools), **more)


async def asked(answerer: Any, seen: list[Any] | None = None) -> Timed:
    """An answer whose first sound commits its turn, as in a session."""
    now = asyncio.get_running_loop().time
    if seen is not None:
        answerer.ledger.open("s", seen.append)
    answer = answerer.draft(await answerer.understand("how is the weather in rome", CONTEXT), CONTEXT)
    timed = Timed(answer, answerer.ledger)
    began = now()
    answerer.start(answer, CONTEXT)
    async for piece in answer.pieces():
        answer.committed = True
        timed.pieces.append((round(now() - began, 3), piece.text))
    return timed


def test_a_tool_is_called_under_a_phrase_and_its_result_spoken() -> None:
    weather, seen = Weather(), list[Any]()
    timed = play(asked(with_tools(Model(), weather), seen))
    assert timed.pieces == [(0.2, "Let me check."), (1.4, "It is sunny.")]
    assert weather.asked == [{"city": "Rome"}]
    [use] = [each.use for each in seen if isinstance(each, Use)]
    assert (use.name, use.output, use.failed, use.ms >= 0) == ("weather", "sunny", "", True)


def test_nothing_is_done_before_the_turn_is_committed() -> None:
    weather = Weather()

    async def story() -> Timed:
        answerer = with_tools(Model(), weather)
        answer = answerer.draft(await answerer.understand("x", CONTEXT), CONTEXT)
        answerer.start(answer, CONTEXT)
        await asyncio.sleep(3.0)
        assert answer.first.done()
        assert not weather.asked
        answer.cancel()
        await asyncio.sleep(0.1)
        assert not weather.asked
        return Timed(answer, answerer.ledger)

    run(story())


def test_what_the_model_says_before_it_calls_is_the_phrase() -> None:
    timed = play(asked(with_tools(Model(words="I will look that up. "), Weather())))
    assert timed.said == ["I will look that up.", "It is sunny."]


def test_a_long_call_has_no_dead_air() -> None:
    timed = play(asked(with_tools(Model(), Weather(takes_s=4.9))))
    assert timed.said[0] == "Let me check."
    assert timed.said[-1] == "It is sunny."
    heard_until = 0.0
    for at_s, text in timed.pieces:
        assert at_s - heard_until <= 3.5
        heard_until = at_s + 0.1 * len(text.split())


def test_a_failure_is_told_to_the_model_and_so_is_a_late_result() -> None:
    for weather, reason in (
        (Weather(error=VoiceboxError("the roof is closed")), "the roof is closed"),
        (Weather(takes_s=60.0), "it took longer than 5 s"),
    ):
        timed = play(asked(with_tools(Model(), weather)))
        assert " ".join(timed.said).endswith(f'It is {{"error": "{reason}"}}.')


def test_several_steps_but_not_for_ever() -> None:
    model = Model(calls=99)
    timed = play(asked(with_tools(model, Weather(takes_s=0.1))))
    assert len(model.asks) == 5
    assert not model.asks[-1].context.tools.offered
    assert timed.said[-1] == "It is sunny."


def test_the_small_tier_sees_only_what_is_meant_for_it() -> None:
    async def story() -> Timed:
        weather = Weather()
        model = Model()
        answerer = with_tools(model, weather)
        answerer.router.tiers[0].level = "small"
        timed = await asked(answerer)
        assert timed.said == ["I do not know."]
        weather.small = True
        return await asked(answerer)

    assert play(story()).said[-1] == "It is sunny."
