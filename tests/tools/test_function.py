from __future__ import annotations

import time
from typing import Any

import pytest

from voicebox.errors import ConfigError
from voicebox.llm.tools import Tool, ToolCall
from voicebox.tools import function as module
from voicebox.tools.box import ToolBox
from voicebox.tools.function import FunctionTool, installed_tools


async def add(a: int, b: int) -> str:
    return str(a + b)


def slow(seconds: float) -> str:
    time.sleep(seconds)
    return "done"


BOX = ToolBox([FunctionTool(Tool("add"), add), FunctionTool(Tool("slow"), slow, timeout_s=0.1)])


async def test_functions() -> None:
    assert (await BOX.call(ToolCall("c", "add", '{"a": 2, "b": 3}'))).output == "5"
    assert "unexpected keyword" in (await BOX.call(ToolCall("c", "add", '{"x": 2}'))).failed
    assert (await BOX.call(ToolCall("c", "slow", '{"seconds": 0}'))).output == "done"
    assert "longer than 0.1 s" in (await BOX.call(ToolCall("c", "slow", '{"seconds": 0.3}'))).failed


class Point:
    def __init__(self, made: Any) -> None:
        self.name, self.dist, self._made = "mine", None, made

    def load(self) -> Any:
        return lambda: self._made() if callable(self._made) else self._made


def test_packages_bring_tools(monkeypatch: pytest.MonkeyPatch) -> None:
    one, two = FunctionTool(Tool("one"), add), FunctionTool(Tool("two"), add)
    points = [Point(one), Point([two])]
    monkeypatch.setattr(module, "entry_points", lambda group: points if group == "voicebox.tools" else [])
    assert list(installed_tools()) == [one, two]
    points.append(Point(lambda: 1 / 0))
    with pytest.raises(ConfigError, match="'mine' of the package"):
        installed_tools()
