"""Webhooks against a real server."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from voicebox.errors import ConfigError
from voicebox.llm.tools import Tool, ToolCall
from voicebox.tools.box import ToolBox
from voicebox.tools.webhook import SIGNATURE_HEADER, TIMESTAMP_HEADER, Webhook, signature

PARAMETERS = {"properties": {"city": {"type": "string"}}, "required": ["city"]}
TOOL = Tool("weather", "Tells the weather.", PARAMETERS)
CALL = ToolCall("c1", "weather", '{"city": "Rome"}')


@contextlib.asynccontextmanager
async def address(answer: Callable[[Request, bytes], Any]) -> AsyncIterator[str]:
    async def take(request: Request) -> Response:
        made = answer(request, await request.body())
        return await made if asyncio.iscoroutine(made) else made

    app = Starlette(routes=[Route("/hook", take, methods=["POST"])])
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_config=None, lifespan="off", timeout_graceful_shutdown=1))
    task = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110
        await asyncio.sleep(0.005)
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}/hook"
    finally:
        server.should_exit = True
        await task


async def test_a_call_is_signed_and_its_answer_read() -> None:
    seen: list[tuple[dict[str, Any], bool]] = []

    def answer(request: Request, body: bytes) -> Response:
        signed = signature("s3cret", request.headers[TIMESTAMP_HEADER], body) == request.headers[SIGNATURE_HEADER]
        seen.append((json.loads(body), signed))
        assert request.headers["x-mine"] == "1"
        return PlainTextResponse("18 degrees, sunny")

    async with address(answer) as url:
        box = ToolBox([Webhook(TOOL, url, secret="s3cret", headers={"X-Mine": "1"})])
        use = await box.call(CALL)
    assert (use.output, use.failed) == ("18 degrees, sunny", "")
    assert seen == [({"tool": "weather", "arguments": {"city": "Rome"}}, True)]
    assert signature("other", "1", b"x") != signature("s3cret", "1", b"x")


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (lambda r, b: PlainTextResponse("no", 500), "HTTP 500"),
        (lambda r, b: PlainTextResponse("x" * 100_000), "longer than"),
        (lambda r, b: _late(), "0.2 s"),
    ],
)
async def test_a_failure_is_a_result(answer: Any, says: str) -> None:
    async with address(answer) as url:
        use = await ToolBox([Webhook(TOOL, url, timeout_s=0.2)]).call(CALL)
    assert says in use.failed
    assert json.loads(use.output) == {"error": use.failed}


async def _late() -> Response:
    await asyncio.sleep(1.0)
    return PlainTextResponse("too late")


async def test_nobody_there_and_bad_arguments() -> None:
    box = ToolBox([Webhook(TOOL, "http://127.0.0.1:1/hook")])
    assert "cannot be reached" in (await box.call(CALL)).failed
    assert "no JSON" in (await box.call(ToolCall("c", "weather", "{"))).failed
    assert "no JSON object" in (await box.call(ToolCall("c", "weather", "[]"))).failed


def test_who_is_offered_what() -> None:
    box = ToolBox([Webhook(TOOL, "http://127.0.0.1:1"), Webhook(Tool("lamp"), "http://127.0.0.1:1", small=True)])
    assert [tool.name for tool in box.offered(small=False)] == ["weather", "lamp"]
    assert [tool.name for tool in box.offered(small=True)] == ["lamp"]
    with pytest.raises(ConfigError, match="two tools called 'lamp'"):
        box.add([Webhook(Tool("lamp"), "http://127.0.0.1:1")])
