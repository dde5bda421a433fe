"""The stock `openai` SDK holds a spoken turn with the whole server."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Callable
from typing import Any

import numpy as np
import openai
import pytest
from numpy.typing import NDArray

from voicebox.audio.formats import PCM16_24K
from voicebox.audio.resample import resample
from voicebox.engines import Engines
from voicebox.stt.types import Clip, Priority

pytestmark = [pytest.mark.models, pytest.mark.timeout(180)]


async def test_a_spoken_turn(url: str, speak: Callable[..., NDArray[np.float32]], engines: Engines) -> None:
    speech = resample(speak("Turn off the lights in the living room."), 16_000, 24_000)
    pcm = PCM16_24K.encode(np.concatenate((speech, np.zeros(24_000, np.float32))))
    events: list[Any] = []
    async with (
        openai.AsyncOpenAI(base_url=f"{url}/v1", api_key="none") as client,
        client.realtime.connect(model="voicebox") as connection,
    ):
        await connection.session.update(session={"type": "realtime", "instructions": "Be brief."})
        for start in range(0, len(pcm), 960):
            await connection.input_audio_buffer.append(audio=base64.b64encode(pcm[start : start + 960]).decode())
        async with asyncio.timeout(60):
            async for event in connection:
                events.append(event)
                if event.type == "response.done":
                    break
    by_type = {event.type: event for event in events}
    transcript = by_type["conversation.item.input_audio_transcription.completed"].transcript.lower()
    assert "lights in the living room" in transcript
    assert by_type["response.done"].response.status == "completed"
    said = by_type["response.done"].response.output[0].content[0].transcript.lower()
    assert "living room" in said
    audio = b"".join(base64.b64decode(event.delta) for event in events if event.type == "response.output_audio.delta")
    clip = Clip(resample(PCM16_24K.decode(audio), 24_000, 16_000))
    heard = engines.transcriber.submit(clip, session="listener", priority=Priority.FINAL).result(60).text.lower()
    assert "living room" in heard
    assert not engines.household.lights["living room"].on
    assert not [event for event in events if event.type == "error"]


async def test_a_typed_turn_is_spoken(url: str) -> None:
    item = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "what is 7 times 8"}]}
    async with (
        openai.AsyncOpenAI(base_url=f"{url}/v1", api_key="none") as client,
        client.realtime.connect(model="voicebox") as connection,
    ):
        await connection.conversation.item.create(item=item)  # type: ignore[arg-type]
        await connection.response.create()
        async with asyncio.timeout(60):
            async for event in connection:
                if event.type == "response.output_audio_transcript.done":
                    assert "56" in event.transcript
                    break


DOOR = {
    "type": "function",
    "name": "open_door",
    "description": "Open a door",
    "parameters": {
        "type": "object",
        "properties": {"door": {"type": "string", "enum": ["front", "back"]}, "slowly": {"type": "boolean"}},
        "required": ["door", "slowly"],
    },
}


async def test_a_tool_of_the_client_is_called_and_its_result_is_spoken(
    url: str, speak: Callable[..., NDArray[np.float32]]
) -> None:
    """The small test model chooses at random; that it calls, and how, is the grammar's work."""
    speech = resample(speak("Please let me out."), 16_000, 24_000)
    pcm = PCM16_24K.encode(np.concatenate((speech, np.zeros(24_000, np.float32))))
    async with (
        openai.AsyncOpenAI(base_url=f"{url}/v1", api_key="none") as client,
        client.realtime.connect(model="voicebox") as connection,
    ):
        choice: Any = {"type": "function", "name": "open_door"}
        tools: Any = [DOOR]
        await connection.session.update(session={"type": "realtime", "tools": tools, "tool_choice": choice})
        for start in range(0, len(pcm), 960):
            await connection.input_audio_buffer.append(audio=base64.b64encode(pcm[start : start + 960]).decode())
        responses: list[Any] = []
        async with asyncio.timeout(60):
            async for event in connection:
                assert event.type != "error", event
                if event.type == "response.output_item.done" and event.item.type == "function_call":
                    assert event.item.name == "open_door"
                    arguments = json.loads(event.item.arguments or "")
                    assert arguments["door"] in ("front", "back")
                    assert arguments["slowly"] in (True, False)
                    result: Any = {
                        "type": "function_call_output",
                        "call_id": event.item.call_id,
                        "output": "It is open.",
                    }
                    await connection.session.update(session={"type": "realtime", "tool_choice": "none"})
                    await connection.conversation.item.create(item=result)
                    await connection.response.create()
                if event.type == "response.done":
                    responses.append(event.response)
                    if len(responses) == 2:
                        break
    called, spoken = responses
    assert [item.type for item in called.output] == ["function_call"]
    assert spoken.output[0].content[0].transcript
    assert spoken.usage.output_token_details.text_tokens > 0


async def test_a_reply_outside_of_the_conversation_in_text(url: str) -> None:
    question: Any = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Name a colour."}]}
    async with (
        openai.AsyncOpenAI(base_url=f"{url}/v1", api_key="none") as client,
        client.realtime.connect(model="voicebox") as connection,
    ):
        await connection.response.create(
            response={
                "conversation": "none",
                "output_modalities": ["text"],
                "instructions": "Answer with one word.",
                "input": [question],
                "max_output_tokens": 3,
                "metadata": {"for": "me"},
            }
        )
        response: Any = None
        async with asyncio.timeout(60):
            async for event in connection:
                assert event.type != "error", event
                if event.type == "response.done":
                    response = event.response
                    break
    assert response.status in ("completed", "incomplete")
    assert response.metadata == {"for": "me"}
    assert response.usage is not None
    assert (response.usage.output_tokens or 99) <= 3
