"""Larger models over `/v1/chat/completions`, through the stock client, against a real server behind."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import openai
import pytest

from tests.frontier import Act, Frontier, frontier
from voicebox.llm.price import Price
from voicebox.llm.providers import PROVIDERS
from voicebox.llm.remote import RemoteChat
from voicebox.routing.ledger import Ledger
from voicebox.routing.router import Router
from voicebox.routing.sources import LocalSource, RemoteSource
from voicebox.routing.tier import Tier
from voicebox.server.http_tiers import TierReplies
from voicebox.server.keys import KeyStore, Limits

from .backends import Fakes
from .conftest import Start

BIG = [{"role": "user", "content": "compare heat pumps and gas boilers"}]


@asynccontextmanager
async def asked(
    start: Start, side: Frontier, keys: KeyStore | None = None
) -> AsyncIterator[tuple[openai.AsyncOpenAI, Ledger]]:
    chat = RemoteChat(PROVIDERS["custom"], base_url=side.url, model="m", api_key="k")
    source = RemoteSource(chat, lambda ask: "You are a test.")
    tiers = [
        Tier("small", "small", LocalSource(lambda: None, str), local=True),
        Tier("big", "frontier", source, "m", price=Price(1.0, 1.0)),
    ]
    ledger = Ledger()
    fakes = Fakes(tiers=TierReplies(Router(tiers), ledger, answer_s=5.0))
    async with (
        start(fakes=fakes, health={"tiers": {"small": {}, "big": {}}}, keys=keys) as server,
        openai.AsyncOpenAI(base_url=f"{server.url}/v1", api_key="x", max_retries=0) as client,
    ):
        yield client, ledger
    await chat.close()


async def text_of(client: openai.AsyncOpenAI, messages: Any = BIG, **more: Any) -> tuple[str, str, Any]:
    made = await client.chat.completions.create(messages=messages, **{"model": "voicebox", **more})
    return made.choices[0].message.content or "", made.choices[0].finish_reason, made


async def test_the_router_chooses_and_says_who_it_was(start: Start) -> None:
    async with frontier(Act(("Heat pumps ", "are better."))) as side, asked(start, side) as (client, ledger):
        text, finish, made = await text_of(client)
        assert (text, finish) == ("Heat pumps are better.", "stop")
        assert made.model_extra["voicebox"] == {"tier": "big"}
        assert (made.usage.prompt_tokens, made.usage.completion_tokens) == side.told[0][::2]
        assert ledger.total.tries == 1
        assert (await text_of(client, [{"role": "user", "content": "i am tired"}]))[2].model_extra["voicebox"] == {
            "tier": "small"
        }
        assert (await text_of(client, [{"role": "user", "content": "what time is it"}]))[0] == "It is noon."
        assert len(side.bodies) == 1


async def test_a_tier_by_its_name_as_the_client_says(start: Start) -> None:
    async with frontier(Act(("One. ", "Two. ", "Three."))) as side, asked(start, side) as (client, _):
        assert "big" in [model.id async for model in client.models.list()]
        messages = [
            {"role": "system", "content": "Count."},
            {"role": "user", "content": "to two"},
            {"role": "assistant", "content": "One."},
            {"role": "user", "content": "go on"},
        ]
        text, _, _ = await text_of(client, messages, model="big", stop="Three", max_tokens=9)
        assert text == "One. Two. "
        assert side.bodies[0]["messages"] == messages
        assert side.bodies[0]["max_tokens"] == 9
        pieces = [
            chunk.choices[0].delta.content
            async for chunk in await client.chat.completions.create(
                model="big", messages=BIG, stream=True, stream_options={"include_usage": True}
            )
            if chunk.choices and chunk.choices[0].delta.content
        ]
        assert "".join(pieces) == "One. Two. Three."


async def test_the_dollars_of_a_key_end(start: Start, tmp_path: Path) -> None:
    keys = KeyStore(tmp_path / "keys.json")
    token = keys.create("k", ["chat"], Limits(usd_per_day=0.000_001))[1]
    async with frontier(Act(("Yes.",))) as side, asked(start, side, keys) as (client, _):
        client = client.with_options(api_key=token)
        assert (await text_of(client))[0] == "Yes."
        assert (await text_of(client))[2].model_extra["voicebox"] == {"tier": "small"}, "it goes on with what is free"
        with pytest.raises(openai.RateLimitError, match="dollars of today"):
            await text_of(client, model="big")
        assert len(side.bodies) == 1


async def test_a_tier_that_is_down_is_said_to_be(start: Start) -> None:
    async with frontier(Act(status=503)) as side, asked(start, side) as (client, _):
        with pytest.raises(openai.InternalServerError, match="No model answered in time"):
            await text_of(client, model="big")
        with pytest.raises(openai.NotFoundError, match="Use one of big, "):
            await text_of(client, model="huge")
