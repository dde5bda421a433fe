"""MCP servers of the `mcp` package, as a program and over HTTP."""

from __future__ import annotations

import asyncio
import socket
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
import uvicorn

from tests.tools.files_server import server as files_server
from voicebox.llm.tools import ToolCall
from voicebox.tools.box import ServerTool, ToolBox
from voicebox.tools.mcp_server import McpServer

PROGRAM = f"{sys.executable} {Path(__file__).parent / 'files_server.py'}"


async def joined(server: McpServer) -> ToolBox:
    box, there = ToolBox(), asyncio.Event()

    def on_tools(tools: Sequence[ServerTool]) -> None:
        box.add(tools)
        there.set()

    server.start(on_tools)
    async with asyncio.timeout(30):
        await there.wait()
        while not server.connected:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    return box


async def read(box: ToolBox, path: str) -> tuple[str, str]:
    use = await box.call(ToolCall("c", "files_read", f'{{"path": "{path}"}}'))
    return use.output, use.failed


async def test_a_program(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GREETING", "good day")
    server = McpServer("files", command=PROGRAM, only=("read",), variables=("GREETING",))
    box = await joined(server)
    [tool] = box.offered(small=False)
    assert (tool.name, tool.description) == ("files_read", "Read a file.")
    assert tool.parameters["properties"]["path"]["type"] == "string"
    assert await read(box, "notes") == ("notes says good day", "")
    _, failed = await read(box, "secret")
    assert "you may not read it" in failed
    await server.stop()
    assert not server.connected
    _, failed = await read(box, "notes")
    assert "not connected" in failed


async def test_an_address_that_comes_back() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    app = files_server().streamable_http_app()
    config = uvicorn.Config(app, port=port, log_config=None, timeout_graceful_shutdown=1)
    server = McpServer("files", url=f"http://127.0.0.1:{port}/mcp")
    waiting = asyncio.create_task(joined(server))
    await asyncio.sleep(0.3)
    assert not server.connected, "nobody is there yet"
    web = uvicorn.Server(config)
    task = asyncio.create_task(web.serve())
    box = await waiting
    assert [tool.name for tool in box.offered(small=False)] == ["files_read", "files_delete"]
    assert await read(box, "notes") == ("notes says hello", "")
    await server.stop()
    web.should_exit = True
    await task
