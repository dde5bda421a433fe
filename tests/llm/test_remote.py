"""The client of remote tiers against a real server that fails like one."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import Any

import pytest

from tests.frontier import Act, Frontier, frontier
from voicebox.llm.price import Usage
from voicebox.llm.providers import PROVIDERS
from voicebox.llm.remote import RemoteChat, RemoteError, RemoteRequest, RemoteResult
from voicebox.llm.tools import Tool, ToolCall, ToolChoice, Tools

ASK = RemoteRequest([{"role": "user", "content": "why is the sky blue"}], 50)


def chat_of(side: Frontier, name: str = "openai", **more: Any) -> RemoteChat:
    return RemoteChat(PROVIDERS[name], base_url=side.url, model="big-1", api_key="sk-test", **more)


async def said(chat: RemoteChat, result: RemoteResult, request: RemoteRequest = ASK) -> list[str]:
    try:
        return [piece async for piece in chat.stream(request, result)]
    finally:
        await chat.close()


async def test_an_answer_with_its_usage() -> None:
    async with frontier(Act(cached=3)) as side:
        result = RemoteResult()
        assert await said(chat_of(side), result) == ["It is ", "blue. ", "Very blue."]
    assert (result.finish, result.model) == ("stop", "big-1")
    assert result.usage == Usage(4, 3, 3)
    assert side.bodies[0]["max_completion_tokens"] == 50
    assert side.headers[0]["authorization"] == "Bearer sk-test"


async def test_without_usage_the_counts_are_estimated_and_say_so() -> None:
    async with frontier(Act(usage=False)) as side:
        result = RemoteResult()
        await said(chat_of(side, "custom"), result)
    assert result.usage is not None
    assert result.usage.estimated
    assert result.usage.completion_tokens == 6
    assert side.bodies[0]["max_tokens"] == 50


async def test_openrouter_says_what_it_costs_and_takes_its_preferences() -> None:
    async with frontier(Act(cost=0.00042)) as side:
        result = RemoteResult()
        preferences = {"models": ["a", "b"], "provider": {"sort": "latency", "data_collection": "deny"}}
        await said(chat_of(side, "openrouter", body=preferences), result)
    assert result.usage is not None
    assert result.usage.cost_usd == 0.00042
    assert side.bodies[0]["usage"] == {"include": True}
    assert side.bodies[0]["provider"] == {"sort": "latency", "data_collection": "deny"}
    assert side.bodies[0]["models"] == ["a", "b"]


async def test_portkey_gets_its_headers() -> None:
    async with frontier() as side:
        await said(chat_of(side, "portkey", headers={"x-portkey-config": "pc-1"}), RemoteResult())
    assert side.headers[0]["x-portkey-api-key"] == "sk-test"
    assert side.headers[0]["x-portkey-config"] == "pc-1"


@pytest.mark.parametrize(
    ("act", "kind", "retry_after_s", "words"),
    [
        (Act(status=429, retry_after="2"), "busy", 2.0, "HTTP 429: no capacity"),
        (Act(status=429, retry_after="Wed, 21 Oct 2026 07:28:00 GMT"), "busy", None, "HTTP 429"),
        (Act(status=503), "busy", None, "HTTP 503"),
        (Act(status=401), "refused", None, "HTTP 401"),
        (Act(status=404), "refused", None, "HTTP 404"),
        (Act(status=500), "broken", None, "HTTP 500"),
        (Act(then="drop"), "broken", None, "connection failed"),
        (Act(then="error"), "broken", None, "provider overloaded"),
        (Act(then=""), "broken", None, "ended before the answer did"),
        (Act(status=400), "request", None, "HTTP 400"),
        (Act(status=422), "request", None, "HTTP 422"),
        (Act(then="content_filter"), "request", None, "filter"),
    ],
)
async def test_each_failure_is_told_from_the_others(
    act: Act, kind: str, retry_after_s: float | None, words: str
) -> None:
    async with frontier(act) as side:
        result = RemoteResult()
        with pytest.raises(RemoteError, match=words) as caught:
            await said(chat_of(side), result)
    assert (caught.value.kind, caught.value.retry_after_s) == (kind, retry_after_s)
    assert result.usage is not None
    if act.status == 200:
        assert result.usage.completion_tokens > 0, "what was cut off costs money too"
    else:
        assert result.usage == Usage(0, 0), "what was turned away does not"


async def test_nobody_there() -> None:
    async with frontier() as side:
        pass
    result = RemoteResult()
    with pytest.raises(RemoteError, match="connection failed"):
        await said(chat_of(side), result)
    assert result.usage == Usage(0, 0)


async def test_closing_the_stream_closes_the_connection() -> None:
    async with frontier(Act(then="silence")) as side:
        chat, result = chat_of(side), RemoteResult()
        async with aclosing(chat.stream(ASK, result)) as pieces:
            assert await anext(pieces) == "It is "
            assert side.open == 1
        for _ in range(200):
            if side.open == 0:
                break
            await asyncio.sleep(0.01)
        assert side.open == 0
        assert result.usage is not None
        assert result.usage.estimated
        assert result.usage.completion_tokens == 2
        await chat.close()


async def test_a_tool_is_called() -> None:
    weather = Tool("weather", "Tells it.", {"type": "object", "properties": {"city": {"type": "string"}}})
    request = RemoteRequest(ASK.messages, 50, Tools((weather,), ToolChoice("required")))
    async with frontier(Act(call=("weather", ['{"city":', '"Rome"}']))) as side:
        result = RemoteResult()
        assert await said(chat_of(side), result, request) == []
    assert result.call == ToolCall("call_77", "weather", '{"city":"Rome"}')
    assert side.bodies[0]["tools"][0]["function"]["name"] == "weather"
    assert side.bodies[0]["tool_choice"] == "required"


async def test_half_a_call_is_none() -> None:
    request = RemoteRequest(ASK.messages, 50, Tools((Tool("weather"),)))
    async with frontier(Act(call=("weather", ['{"city":']))) as side:
        with pytest.raises(RemoteError, match="not whole"):
            await said(chat_of(side), RemoteResult(), request)


async def test_connections_are_kept_between_turns() -> None:
    async with frontier() as side:
        chat = chat_of(side)
        for _ in range(3):
            assert [piece async for piece in chat.stream(ASK, RemoteResult())]
        pool = chat._client()._client._transport._pool
        assert len(pool.connections) == 1
        await chat.close()
