"""A frontier model's API as a real HTTP server: it streams as OpenAI does, and fails as providers fail."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

__all__ = ["Act", "Frontier", "frontier"]


@dataclass(frozen=True)
class Act:
    """What the server does with a request.

    `pieces` are streamed, the first after `first_s`, the others `gap_s` apart; then, by `then`: "stop" or "length" (a
    finish and, if it is asked for, the usage), "silence" (the stream stays open), "drop" (the connection breaks),
    "error" (a chunk with an error). `status` other than 200 answers with that instead. `call` is a tool's name and its
    arguments, in pieces. `cost` is said in the usage, as OpenRouter does; `usage` false says none.
    """

    pieces: Sequence[str] = ("It is ", "blue. ", "Very blue.")
    first_s: float = 0.0
    gap_s: float = 0.0
    then: str = "stop"
    status: int = 200
    retry_after: str | None = None
    call: tuple[str, Sequence[str]] | None = None
    cost: float | None = None
    cached: int = 0
    usage: bool = True


@dataclass
class Frontier:
    """The server's side: what it was asked, and what it does. `act` chooses for each request."""

    act: Callable[[dict[str, Any]], Act] = lambda body: Act()
    url: str = ""
    bodies: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    open: int = 0
    """Streams that are being sent."""
    told: list[tuple[int, int, int]] = field(default_factory=list)
    """Prompt, cached and completion tokens of each usage that was sent whole."""

    async def complete(self, request: Request) -> Response:
        body = await request.json()
        self.bodies.append(body)
        self.headers.append(dict(request.headers))
        act = self.act(body)
        if act.status != 200:
            await asyncio.sleep(act.first_s)
            headers = {} if act.retry_after is None else {"retry-after": act.retry_after}
            return JSONResponse({"error": {"message": "no capacity", "code": "x"}}, act.status, headers)
        return StreamingResponse(self._stream(body, act), media_type="text/event-stream")

    async def _stream(self, body: dict[str, Any], act: Act) -> AsyncIterator[bytes]:
        self.open += 1
        head = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": body["model"]}

        def chunk(delta: dict[str, Any], finish: str | None = None) -> bytes:
            choice = {"index": 0, "delta": delta, "finish_reason": finish}
            return f"data: {json.dumps(head | {'choices': [choice]})}\n\n".encode()

        try:
            yield chunk({"role": "assistant", "content": ""})
            await asyncio.sleep(act.first_s)
            if act.call is not None:
                for n, piece in enumerate(act.call[1]):
                    function = {"arguments": piece} | ({"name": act.call[0]} if n == 0 else {})
                    first = {"id": "call_77", "type": "function"} if n == 0 else {}
                    yield chunk({"tool_calls": [{"index": 0, "function": function} | first]})
                yield chunk({}, "tool_calls")
            for piece in () if act.call is not None else act.pieces:
                yield chunk({"content": piece})
                await asyncio.sleep(act.gap_s)
            if act.then == "silence":
                await asyncio.sleep(3600)
            if act.then == "drop":
                raise ConnectionError("the server is gone")
            if act.then == "error":
                yield f"data: {json.dumps({'error': {'message': 'provider overloaded', 'code': 502}})}\n\n".encode()
                return
            if act.call is None:
                yield chunk({}, act.then)
            if act.usage and body.get("stream_options", {}).get("include_usage"):
                tokens = (sum(len(m["content"] or "") for m in body["messages"]) // 4, act.cached, len(act.pieces))
                usage = {
                    "prompt_tokens": tokens[0],
                    "completion_tokens": tokens[2],
                    "total_tokens": tokens[0] + tokens[2],
                }
                usage |= {"prompt_tokens_details": {"cached_tokens": act.cached}}
                usage |= {} if act.cost is None else {"cost": act.cost}
                yield f"data: {json.dumps(head | {'choices': [], 'usage': usage})}\n\n".encode()
                self.told.append(tokens)
            yield b"data: [DONE]\n\n"
        finally:
            self.open -= 1


@contextlib.asynccontextmanager
async def frontier(act: Callable[[dict[str, Any]], Act] | Act | None = None) -> AsyncIterator[Frontier]:
    """A server on a free port of loopback, for as long as the block runs."""
    side = Frontier()
    if isinstance(act, Act):
        side.act = lambda body: act
    elif act is not None:
        side.act = act
    app = Starlette(routes=[Route("/v1/chat/completions", side.complete, methods=["POST"])])
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_config=None, lifespan="off", timeout_graceful_shutdown=1))
    task = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110
        await asyncio.sleep(0.005)
    port = server.servers[0].sockets[0].getsockname()[1]
    side.url = f"http://127.0.0.1:{port}/v1"
    try:
        yield side
    finally:
        server.should_exit = True
        await task
