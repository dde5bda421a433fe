"""Tools that somebody else carries out: what a model may call, and its call."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

__all__ = ["NO_TOOLS", "Tool", "ToolCall", "ToolChoice", "Tools"]


@dataclass(frozen=True, slots=True)
class Tool:
    """A function: `parameters` is the JSON Schema of its arguments, an object."""

    name: str
    description: str = ""
    parameters: Mapping[str, Any] = field(default_factory=dict, hash=False)


@dataclass(frozen=True, slots=True)
class ToolChoice:
    """Whether a tool is called: the model's choice, never, always one of them, or always the one called `name`."""

    mode: Literal["auto", "none", "required"] = "auto"
    name: str | None = None


_FREE = ToolChoice()


@dataclass(frozen=True, slots=True)
class Tools:
    """The tools of one reply, and who chooses."""

    tools: tuple[Tool, ...] = ()
    choice: ToolChoice = _FREE

    def __bool__(self) -> bool:
        return bool(self.offered)

    @property
    def offered(self) -> tuple[Tool, ...]:
        """What may be called."""
        if self.choice.mode == "none":
            return ()
        if self.choice.name is not None:
            return tuple(tool for tool in self.tools if tool.name == self.choice.name)
        return self.tools

    @property
    def must_call(self) -> bool:
        """Whether words are no answer."""
        return bool(self.offered) and (self.choice.mode == "required" or self.choice.name is not None)

    def never(self) -> Tools:
        """The same tools, none of which may be called."""
        return Tools(self.tools, ToolChoice("none"))

    def after_result(self) -> Tools:
        """Once a tool has answered nothing forces another call: a reply would never come."""
        return Tools(self.tools, ToolChoice("none" if self.choice.mode == "none" else "auto"))


NO_TOOLS = Tools()


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A model wants a tool called; `arguments` is a JSON object as text."""

    id: str
    name: str
    arguments: str
