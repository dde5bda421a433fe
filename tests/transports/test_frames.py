"""The types of both stock SDKs know every frame of every test (this one runs last), extensions aside."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from openai.types.realtime import RealtimeServerEvent
from pydantic import TypeAdapter

from tests.frames import seen
from tests.node import need_node, run_node
from tests.transports.transport_wire import Wire
from voicebox.conversation.events import IdleTimeout, Interrupted, ReplyDone, SessionError, ToolCalled
from voicebox.conversation.ports import ToolCall

pytestmark = pytest.mark.node

STOCK: TypeAdapter[Any] = TypeAdapter(RealtimeServerEvent)
UNKNOWN_THERE = {"input_audio_buffer.timeout_triggered"}
"""What @openai/agents has no type for; that of `openai` for Python has."""
NEEDED = (
    "error session.created session.updated conversation.created conversation.item.added conversation.item.done "
    "conversation.item.retrieved conversation.item.deleted conversation.item.truncated "
    "conversation.item.input_audio_transcription.delta conversation.item.input_audio_transcription.completed "
    "input_audio_buffer.committed input_audio_buffer.cleared input_audio_buffer.speech_started "
    "input_audio_buffer.speech_stopped input_audio_buffer.timeout_triggered "
    "response.created response.done response.output_item.added response.output_item.done "
    "response.content_part.added response.content_part.done response.output_audio.delta response.output_audio.done "
    "response.output_audio_transcript.delta response.output_audio_transcript.done response.output_text.delta "
    "response.output_text.done response.function_call_arguments.delta response.function_call_arguments.done "
    "rate_limits.updated output_audio_buffer.cleared"
).split()


def play(wire: Wire) -> None:
    """A conversation with something of everything."""
    wire.connection.open()
    wire.update(instructions="Be brief.", max_output_tokens=100)
    tool: dict[str, Any] = {"type": "function", "name": "look", "parameters": {"type": "object", "properties": {}}}
    wire.update(tools=[tool], tool_choice={"type": "function", "name": "look"}, tracing="auto")
    wire.speak()
    item_id = list(wire.connection._items._entries)[-1]
    wire.send("conversation.item.truncate", item_id=item_id, content_index=0, audio_end_ms=300)
    wire.send("conversation.item.retrieve", item_id=item_id)
    wire.send("conversation.item.delete", item_id=item_id)
    wire.send("input_audio_buffer.clear")
    wire.send("conversation.item.retrieve", item_id="none", event_id="mine")
    wire.connection.emit(ToolCalled("reply_1", "turn1", ToolCall("call_1", "look", "{}")))
    result = {"type": "function_call_output", "call_id": "call_1", "output": "blue"}
    wire.send("conversation.item.create", item=result)
    wire.send("response.create", response={"output_modalities": ["text"], "metadata": {"a": "b"}})
    wire.send("response.create", response={"conversation": "none"})
    for role, kind in (("user", "input_text"), ("assistant", "output_text"), ("system", "input_text")):
        content = [{"type": kind, "text": "Hello"}]
        wire.send("conversation.item.create", item={"type": "message", "role": role, "content": content})
    wire.connection.emit(SessionError("skill_failed", "timer.set failed"))
    wire.connection.emit(IdleTimeout(1_000, 6_000))
    wire.session.hold = True
    wire.update(audio={"input": {"turn_detection": {"type": "server_vad", "idle_timeout_ms": 6_000}}})
    for status in ("incomplete", "failed", "cancelled"):
        wire.session.reply("turn9")
        wire.connection.emit(Interrupted("reply-turn9", 100, "Okay,"))
        wire.connection.emit(ReplyDone("reply-turn9", status, "Okay,", "why"))  # type: ignore[arg-type]
    wire.update(audio={"input": {"turn_detection": None, "format": {"type": "audio/pcmu"}, "transcription": None}})
    loud = wire.connection.config.input_format.encode(np.full(4_800, 0.5, np.float32))
    wire.send("input_audio_buffer.append", audio=base64.b64encode(loud).decode())
    wire.send("input_audio_buffer.commit")
    wire.send("output_audio_buffer.clear")


@pytest.mark.timeout(120)
async def test_the_stock_parser_knows_every_frame(wire: Wire, tmp_path: Path) -> None:
    need_node()
    play(wire)
    kinds = {frame.partition('"type":"')[2].partition('"')[0] for frame in seen.values()}
    assert set(NEEDED) <= kinds, sorted(set(NEEDED) - kinds)
    file = tmp_path / "frames.jsonl"
    file.write_text("\n".join(seen.values()) + "\n")
    for frame in seen.values():
        STOCK.validate_json(frame)
    result = await run_node("frames.mjs", str(file))
    assert result["frames"] == len(seen)
    assert {json.loads(frame)["type"] for frame in result["refused"]} <= UNKNOWN_THERE
