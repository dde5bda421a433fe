"""All tools of a server, and their calls: each has a deadline, and its failure is a result like any other."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from voicebox.errors import ConfigError, VoiceboxError
from voicebox.llm.tools import Tool, ToolCall

__all__ = ["ServerTool", "ToolBox", "ToolUse"]

_log = logging.getLogger(__name__)

_MAX_OUTPUT = 8_000


class ServerTool(Protocol):
    """One tool that the server carries out."""

    @property
    def tool(self) -> Tool:
        """Its name, description and parameters, as a model is shown them."""

    @property
    def timeout_s(self) -> float:
        """How long a call may take."""

    @property
    def small(self) -> bool:
        """Whether the small tier may call it, too."""

    def call(self, arguments: Mapping[str, Any]) -> Awaitable[str]:
        """Carry it out; returns what a model can read. Raises VoiceboxError with what went wrong."""


@dataclass(frozen=True, slots=True)
class ToolUse:
    """A call and what came of it; `output` is what the model reads, `failed` why there is no result."""

    name: str
    arguments: str
    output: str
    ms: float
    failed: str = ""


class ToolBox:
    """The tools by name.

    Raises:
        ConfigError: two have the same name.
    """

    def __init__(self, tools: Sequence[ServerTool] = ()) -> None:
        self._tools: dict[str, ServerTool] = {}
        self.add(tools)

    def add(self, tools: Sequence[ServerTool]) -> None:
        """More tools: those of a server that has come up.

        Raises:
            ConfigError: a name is taken.
        """
        for tool in tools:
            name = tool.tool.name
            if name in self._tools:
                raise ConfigError(f"There are two tools called {name!r}", cure="Give one of them another name")
            self._tools[name] = tool

    def __contains__(self, name: str) -> bool:
        return name in self._tools

    def __len__(self) -> int:
        return len(self._tools)

    def offered(self, *, small: bool) -> tuple[Tool, ...]:
        """What a model may call: the small tier only what is meant for it."""
        return tuple(tool.tool for tool in self._tools.values() if tool.small or not small)

    async def call(self, call: ToolCall) -> ToolUse:
        """Carry a call out. Never raises: what fails is told to the model, which has to say so."""
        began = time.monotonic()
        tool = self._tools[call.name]
        output = failed = ""
        try:
            arguments = json.loads(call.arguments or "{}")
            if not isinstance(arguments, dict):
                raise VoiceboxError("the arguments are no JSON object")
            async with asyncio.timeout(tool.timeout_s):
                output = await tool.call(arguments)
        except TimeoutError:
            failed = f"it took longer than {tool.timeout_s:g} s"
        except VoiceboxError as error:
            failed = error.message
        except ValueError as error:
            failed = f"the arguments are no JSON: {error}"
        except Exception as error:
            _log.exception("the tool %s failed", call.name)
            failed = f"{type(error).__name__}: {error}"
        if failed:
            _log.warning("the tool %s failed: %s", call.name, failed)
            output = json.dumps({"error": failed}, ensure_ascii=False)
        if len(output) > _MAX_OUTPUT:
            output = f"{output[:_MAX_OUTPUT]} …"
        return ToolUse(call.name, call.arguments, output, round(1000 * (time.monotonic() - began), 1), failed)
