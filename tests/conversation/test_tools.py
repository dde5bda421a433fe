from __future__ import annotations

import pytest

from voicebox.conversation.tools import ToolLoop
from voicebox.errors import VoiceboxError
from voicebox.llm.tools import ToolCall


def call(name: str) -> ToolCall:
    return ToolCall(name, "look", "{}")


def test_a_result_belongs_to_its_call_and_waits_for_a_reply() -> None:
    loop = ToolLoop()
    loop.called("turn_1", "how is the weather", call("a"))
    assert loop.waiting() is None
    assert loop.result("a", "sunny") == ("turn_1", call("a"))
    assert loop.waiting() == ("turn_1", "how is the weather")
    loop.taken_up("turn_1")
    assert loop.waiting() is None
    assert loop.exchange("turn_1") == ((call("a"), "sunny"),)
    assert loop.exchange("turn_2") == ()


def test_calls_are_in_order_and_those_without_a_result_are_left_out() -> None:
    loop = ToolLoop()
    for name in ("a", "b", "c"):
        loop.called("turn_1", "x", call(name))
    loop.result("c", "3")
    loop.result("a", "1")
    assert [(each.id, output) for each, output in loop.exchange("turn_1")] == [("a", "1"), ("c", "3")]


def test_a_result_comes_once_and_for_a_call_that_is_known() -> None:
    loop = ToolLoop()
    loop.called("turn_1", "x", call("a"))
    loop.result("a", "1")
    for unknown in ("a", "b", ""):
        with pytest.raises(VoiceboxError, match="no call"):
            loop.result(unknown, "2")


def test_a_model_cannot_go_round_in_circles() -> None:
    loop = ToolLoop()
    for number in range(7):
        loop.called("turn_1", "x", call(str(number)))
    assert loop.may_call("turn_1")
    loop.called("turn_1", "x", call("7"))
    assert not loop.may_call("turn_1")
    assert loop.may_call("turn_2")


def test_memory_is_bounded() -> None:
    loop = ToolLoop()
    for number in range(9):
        loop.called(f"turn_{number}", "x", call(str(number)))
        loop.result(str(number), "y" * 100_000)
    assert loop.exchange("turn_4") == ()
    (kept,) = loop.exchange("turn_8")
    assert len(kept[1]) < 2100


def test_a_call_is_forgotten_with_its_result() -> None:
    loop = ToolLoop()
    loop.called("turn_1", "x", call("a"))
    loop.result("a", "1")
    loop.forget("a")
    loop.forget("unknown")
    assert loop.waiting() is None
    assert loop.exchange("turn_1") == ()
