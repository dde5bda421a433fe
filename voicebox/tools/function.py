"""A tool that is a Python function, and those that installed packages bring along."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Mapping, Sequence
from importlib.metadata import entry_points
from typing import Any

from voicebox.errors import ConfigError
from voicebox.llm.tools import Tool
from voicebox.tools.box import ServerTool

__all__ = ["GROUP", "FunctionTool", "installed_tools"]

GROUP = "voicebox.tools"
"""Entry points of this group are functions without arguments that return tools."""


class FunctionTool:
    """A function that takes the arguments by name and returns what a model can read.

    Args:
        tool: as a model is shown it.
        function: a coroutine function, or a function that runs in a thread: it may wait, but then cannot be stopped.
        timeout_s: how long a call may take.
        small: whether the small tier may call it, too.
    """

    def __init__(
        self,
        tool: Tool,
        function: Callable[..., str | Awaitable[str]],
        *,
        timeout_s: float = 5.0,
        small: bool = False,
    ) -> None:
        self.tool = tool
        self.timeout_s = timeout_s
        self.small = small
        self._function = function

    async def call(self, arguments: Mapping[str, Any]) -> str:
        """Call it. Raises what it raises."""
        if inspect.iscoroutinefunction(self._function):
            return str(await self._function(**arguments))
        return str(await asyncio.to_thread(self._function, **arguments))


def installed_tools() -> Sequence[ServerTool]:
    """The tools of all installed packages that have an entry point for them.

    Raises:
        ConfigError: one cannot be loaded; it names the package.
    """
    found: list[ServerTool] = []
    for point in entry_points(group=GROUP):
        try:
            made = point.load()()
            found += [made] if hasattr(made, "tool") else list(made)
        except Exception as error:
            package = point.dist.name if point.dist is not None else "?"
            raise ConfigError(
                f"The tools {point.name!r} of the package {package} cannot be loaded: {error!r}",
                cure="Repair the package, or uninstall it",
            ) from error
    return found
