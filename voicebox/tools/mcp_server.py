"""The tools of an MCP server (https://modelcontextprotocol.io), over stdio or streamable HTTP."""

from __future__ import annotations

import asyncio
import logging
import os
import shlex
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from voicebox.errors import ConfigError, VoiceboxError
from voicebox.llm.tools import Tool

__all__ = ["McpServer", "McpTool"]

_log = logging.getLogger(__name__)

_RETRY_S, _MAX_RETRY_S = 1.0, 60.0


class McpTool:
    """One tool of a connected server."""

    def __init__(self, server: McpServer, name: str, tool: Tool, *, timeout_s: float, small: bool) -> None:
        self.tool = tool
        self.timeout_s = timeout_s
        self.small = small
        self._server = server
        self._name = name

    async def call(self, arguments: Mapping[str, Any]) -> str:
        """Ask the server.

        Raises:
            VoiceboxError: it is not connected, or says that the call failed.
        """
        return await self._server.call(self._name, arguments)


class McpServer:
    """A connection that is held, and made again when it breaks.

    Args:
        name: what the settings call it; tools get it as a prefix ("files_read").
        command: a program to start, with its arguments, in place of `url`.
        url: an address of streamable HTTP.
        timeout_s: how long a call may take.
        only: the names of the tools that are offered; empty for all.
        small: whether the small tier may call them, too.
        variables: names of environment variables that the program sees besides the usual few.

    Raises:
        ConfigError: the `mcp` package is not installed.
    """

    def __init__(
        self,
        name: str,
        *,
        command: str = "",
        url: str = "",
        timeout_s: float = 5.0,
        only: Sequence[str] = (),
        small: bool = False,
        variables: Sequence[str] = (),
    ) -> None:
        try:
            from mcp import Client, StdioServerParameters
        except ImportError:
            raise ConfigError("The package mcp is not installed", cure="pip install 'voicebox[mcp]'") from None
        self.name = name
        self._timeout_s = timeout_s
        self._only = frozenset(only)
        self._small = small
        self._client_class: Any = Client
        words = shlex.split(command)
        self._where: Any = url
        if words:
            seen = {variable: os.environ[variable] for variable in variables if variable in os.environ}
            self._where = StdioServerParameters(command=words[0], args=words[1:], env=seen or None)
        self._client: Any = None
        self._task: asyncio.Task[None] | None = None
        self._tools: dict[str, McpTool] = {}

    def start(self, on_tools: Callable[[Sequence[McpTool]], None]) -> None:
        """Connect, on this event loop; `on_tools` is told of tools that were not known before."""
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._hold(on_tools), name=f"mcp-{self.name}")

    async def stop(self) -> None:
        """Disconnect, and end the program. Idempotent."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.wait((task,))

    @property
    def connected(self) -> bool:
        """Whether its tools can be called now."""
        return self._client is not None

    async def call(self, name: str, arguments: Mapping[str, Any]) -> str:
        """Call a tool by its own name.

        Raises:
            VoiceboxError: the server is not connected, or says that the call failed.
        """
        if self._client is None:
            raise VoiceboxError(f"the MCP server {self.name} is not connected")
        try:
            result = await self._client.call_tool(name, dict(arguments), read_timeout_seconds=self._timeout_s)
        except Exception as error:
            raise VoiceboxError(f"the MCP server {self.name}: {error}") from error
        said = "\n".join(part.text for part in result.content if getattr(part, "text", None))
        if result.is_error:
            raise VoiceboxError(said or "the call failed")
        return said or "done"

    async def _hold(self, on_tools: Callable[[Sequence[McpTool]], None]) -> None:
        wait_s = _RETRY_S
        while True:
            try:
                async with self._client_class(self._where) as client:
                    listed = await client.list_tools()
                    new = [self._tool(each) for each in listed.tools if self._is_new(each.name)]
                    on_tools(new)
                    self._client, wait_s = client, _RETRY_S
                    _log.info("MCP server %s: %d tools", self.name, len(self._tools))
                    while True:
                        await asyncio.sleep(10.0)
                        await client.list_tools()  # Notices a server that is gone.
            except asyncio.CancelledError:
                raise
            except Exception as error:
                _log.warning("MCP server %s: %s; trying again in %g s", self.name, _reason(error), wait_s)
            finally:
                self._client = None
            await asyncio.sleep(wait_s)
            wait_s = min(2 * wait_s, _MAX_RETRY_S)

    def _is_new(self, name: str) -> bool:
        return name not in self._tools and (not self._only or name in self._only)

    def _tool(self, listed: Any) -> McpTool:
        tool = Tool(f"{self.name}_{listed.name}", listed.description or "", dict(listed.input_schema))
        made = McpTool(self, listed.name, tool, timeout_s=self._timeout_s, small=self._small)
        self._tools[listed.name] = made
        return made


def _reason(error: BaseException) -> str:
    """What is in a group of errors."""
    while isinstance(error, BaseExceptionGroup) and error.exceptions:
        error = error.exceptions[0]
    return str(error) or type(error).__name__
