"""The client's tools: from what it declares to what a model may call."""

from __future__ import annotations

from typing import Any

from voicebox.conversation.ports import Tool, ToolChoice, Tools
from voicebox.errors import EngineError
from voicebox.routing.client_tools import grammar
from voicebox.transports.realtime.protocol import ProtocolError
from voicebox.transports.realtime.session_patch import Choice, FunctionTool

__all__ = ["choice_resource", "read_tools", "tools_resource"]


def read_tools(given: list[FunctionTool], choice: Choice | None, at: str) -> Tools:
    """What a model may call.

    Args:
        given: what the client declares.
        choice: None leaves it to the model.
        at: where the tools stand in the event, for errors ("session").

    Raises:
        ProtocolError: two tools of one name, a choice of a tool that is not there, or parameters that are no JSON
            Schema of an object.
    """
    names = [tool.name for tool in given]
    if twice := {name for name in names if names.count(name) > 1}:
        raise ProtocolError("invalid_value", f"There are two tools named {min(twice)!r}.", param=f"{at}.tools")
    if choice is None or isinstance(choice, str):
        chosen = ToolChoice(choice or "auto")
    elif choice.name in names:
        chosen = ToolChoice("required", choice.name)
    else:
        raise ProtocolError("invalid_value", f"There is no tool {choice.name[:100]!r}.", param=f"{at}.tool_choice")
    tools = Tools(tuple(Tool(tool.name, tool.description or "", tool.parameters or {}) for tool in given), chosen)
    if chosen.mode == "required" and not given:
        raise ProtocolError("invalid_value", "There is no tool to call.", param=f"{at}.tool_choice")
    for index, tool in enumerate(tools.tools):
        try:
            grammar(Tools((tool,)))
        except EngineError as error:
            raise ProtocolError("invalid_value", f"{error}.", param=f"{at}.tools[{index}].parameters") from None
    return tools


def tools_resource(tools: Tools) -> list[dict[str, Any]]:
    """The tools as clients see them."""
    return [
        {
            "type": "function",
            "name": tool.name,
            "description": tool.description,
            "parameters": dict(tool.parameters),
        }
        for tool in tools.tools
    ]


def choice_resource(choice: ToolChoice) -> str | dict[str, str]:
    """The choice as clients see it."""
    return choice.mode if choice.name is None else {"type": "function", "name": choice.name}
