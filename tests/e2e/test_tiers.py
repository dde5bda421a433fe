"""Spoken questions that a larger model answers: a provider's API, and another voicebox."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from tests.frontier import Act, Frontier, frontier
from tests.tools.test_webhook import address
from voicebox.client.realtime_client import play
from voicebox.client.result import TalkResult
from voicebox.config import Settings, load_settings
from voicebox.engines import Engines
from voicebox.routing.answerer import FALLBACK
from voicebox.server.app import create_app
from voicebox.server.lifecycle import running

pytestmark = [pytest.mark.models, pytest.mark.timeout(240)]

Speak = Callable[..., NDArray[np.float32]]
QUESTION = "Please explain and compare heat pumps and gas boilers."
ANSWER = ("Heat pumps ", "use less energy. ", "Gas boilers cost less ", "at first.")


@asynccontextmanager
async def voicebox_with(tmp_path: Path, tiers: str) -> AsyncIterator[tuple[str, Engines]]:
    config = tmp_path / "voicebox.toml"
    config.write_text(
        "[server]\nport = 0\n[stt]\nmodel = 'whisper-tiny.en'\n[models]\nlean = true\n[vad]\nturn_model = 'none'\n"
        + tiers,
        "utf-8",
    )
    settings: Settings = load_settings(config)
    engines = Engines.build(settings)
    try:
        app = create_app(settings, engines.session, health=engines.health, backends=engines.backends)
        async with running(app, settings.server) as address:
            yield address, engines
        await engines.end_sessions()
    finally:
        engines.close_models()


def tier_of(url: str, provider: str = "custom", model: str = "big-1", **more: Any) -> str:
    lines = [f'provider = "{provider}"', f'model = "{model}"', f'base_url = "{url}"']
    return "\n".join(["[tiers.big]", *lines, *(f"{name} = {value}" for name, value in more.items()), ""])


def told(result: TalkResult, kind: str = "voicebox.tier") -> list[dict[str, Any]]:
    return [event for event in result.events if event["type"] == kind]


async def ask(url: str, speak: Speak, *sentences: str) -> TalkResult:
    return await play(url, speak(*(sentences or (QUESTION,))), 16_000, patience_s=20.0)


@pytest.fixture
async def side() -> AsyncIterator[Frontier]:
    async with frontier() as server:
        yield server


async def test_a_larger_model_answers_aloud_under_a_filler_and_its_price_is_known(
    side: Frontier, speak: Speak, tmp_path: Path, require_model: Any
) -> None:
    side.act = lambda body: Act(ANSWER, first_s=1.5, cached=1)
    async with voicebox_with(tmp_path, tier_of(side.url, prompt_usd=1, completion_usd=4)) as (url, engines):
        result = await ask(url, speak)
        [turn] = result.turns
        assert turn.record["tier"] == "big"
        assert turn.record["cost"] is None, "it is not known before the answer is"
        filler = turn.record["filler"]
        assert filler in engines.tiers.fillers.warm_phrases()
        assert engines.speaker.submit(filler).done(), "it was spoken ahead"
        assert turn.reply == f"{filler} Heat pumps use less energy. Gas boilers cost less at first."
        assert filler in side.bodies[0]["messages"][0]["content"]
        [tier] = told(result)
        assert (tier["tier"], tier["outcome"], tier["wasted"], tier["estimated"]) == ("big", "answered", False, False)
        prompt, cached, completion = side.told[0]
        assert (tier["prompt_tokens"], tier["cached_tokens"], tier["completion_tokens"]) == (prompt, cached, completion)
        assert tier["cost_usd"] == pytest.approx((prompt + 4 * completion) / 1e6)
        assert engines.ledger.total.cost_usd == pytest.approx(tier["cost_usd"])
        assert engines.health()["tiers"]["big"]["p50_ms"] >= 1500


async def test_a_provider_that_is_down_costs_no_turn(
    side: Frontier, speak: Speak, tmp_path: Path, require_model: Any
) -> None:
    side.act = lambda body: Act(status=503)
    async with voicebox_with(tmp_path, tier_of(side.url)) as (url, _engines):
        result = await ask(url, speak, QUESTION, "What is seven times eight?")
        first, second = result.turns
        assert first.reply == FALLBACK
        assert "56" in second.reply
        assert [tier["outcome"] for tier in told(result)] == ["failed"]


async def test_another_voicebox_as_the_larger_model(url: str, speak: Speak, tmp_path: Path, require_model: Any) -> None:
    tiers = tier_of(f"{url}/v1", "voicebox", "voicebox", level='"mid"', first_s=20, stall_s=10)
    async with voicebox_with(tmp_path, tiers + "[routing]\nanswer_s = 20\n") as (here, _engines):
        result = await ask(here, speak, "What is the capital of France?")
        [turn] = result.turns
        assert turn.record["tier"] == "big"
        [tier] = told(result)
        assert (tier["outcome"], tier["estimated"]) == ("answered", False)
        assert tier["completion_tokens"] > 0
        assert len(turn.reply) > len(turn.record["filler"])


async def test_a_tool_of_the_server_is_called_once_and_its_result_is_spoken(
    side: Frontier, speak: Speak, tmp_path: Path, require_model: Any
) -> None:
    called: list[Any] = []

    def weather(request: Request, body: bytes) -> Response:
        called.append(json.loads(body)["arguments"])
        return PlainTextResponse("sunny, 18 degrees")

    def act(body: dict[str, Any]) -> Act:
        if body["messages"][-1]["role"] == "tool":
            return Act((f"It is {body['messages'][-1]['content']}.",))
        assert [tool["function"]["name"] for tool in body["tools"]] == ["weather"]
        return Act(call=("weather", ['{"city":', '"Rome"}']))

    side.act = act
    async with address(weather) as hook:
        tools = f'[tools.weather]\nurl = "{hook}"\ndescription = "Tells the weather of a city."\n'
        tools += '[tools.weather.parameters]\nproperties = { city = { type = "string" } }\n'
        async with voicebox_with(tmp_path, tier_of(side.url) + tools) as (url, engines):
            result = await ask(url, speak, "Please explain and compare the weather in Rome and in Oslo.")
            [turn] = result.turns
            assert called == [{"city": "Rome"}]
            assert turn.reply.endswith("It is sunny, 18 degrees.")
            [tool] = told(result, "voicebox.tool")
            assert (tool["name"], tool["output"], tool["failed"]) == ("weather", "sunny, 18 degrees", "")
            assert not told(result, "response.function_call_arguments.done"), "it is none of the client's business"
            assert engines.health()["tools"]["names"] == ["weather"]
