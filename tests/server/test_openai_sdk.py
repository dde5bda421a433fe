"""The unmodified OpenAI SDK over loopback."""

import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import groupby
from typing import Any

import numpy as np
import openai
from openai.types.realtime import RealtimeServerEvent
from pydantic import TypeAdapter

from tests.scripted import TEXT, ScriptedEngines, tone
from tests.server.running_server import Running, Start
from voicebox.audio.formats import PCM16_24K
from voicebox.conversation.ports import ReplyWish

EVENTS: TypeAdapter[Any] = TypeAdapter(RealtimeServerEvent)

TURN = [
    "input_audio_buffer.speech_started",
    "input_audio_buffer.speech_stopped",
    "input_audio_buffer.committed",
    "conversation.item.added",
    "conversation.item.done",
    "conversation.item.input_audio_transcription.delta",
    "conversation.item.input_audio_transcription.completed",
    "response.created",
    "response.output_item.added",
    "conversation.item.added",
    "response.content_part.added",
    "response.output_audio_transcript.delta",
    "response.output_audio.delta",
    "response.output_audio_transcript.delta",
    "response.output_audio.delta",  # What the resampler held back.
    "response.output_audio.done",
    "response.output_audio_transcript.done",
    "response.content_part.done",
    "conversation.item.done",
    "response.output_item.done",
    "response.done",
    "rate_limits.updated",
]


@asynccontextmanager
async def dial(server: Running) -> AsyncIterator[Any]:
    async with (
        openai.AsyncOpenAI(base_url=f"{server.url}/v1", api_key="none") as client,
        client.realtime.connect(model="gpt-realtime") as connection,
    ):
        yield connection


def append(audio: np.ndarray[Any, Any]) -> list[str]:
    step = 480
    return [
        base64.b64encode(PCM16_24K.encode(audio[start : start + step])).decode() for start in range(0, len(audio), step)
    ]


async def test_a_spoken_turn(start: Start) -> None:
    speech = np.concatenate((tone(0.5, 24_000), np.zeros(12_000, np.float32)))
    events: list[Any] = []
    async with start() as server, dial(server) as connection:
        await connection.session.update(session={"type": "realtime", "instructions": "Be brief."})
        for piece in append(speech):
            await connection.input_audio_buffer.append(audio=piece)
        async for event in connection:
            events.append(event)
            if event.type == "rate_limits.updated":
                break
        assert server.engines.sessions[0].options.instructions == "Be brief."

    # A delta may come in any number of pieces.
    names = [name for name, _ in groupby(event.type for event in events if not event.type.startswith("voicebox."))]
    assert names == ["session.created", "conversation.created", "session.updated", *TURN]
    for event in events:
        if not event.type.startswith("voicebox."):
            EVENTS.validate_python(event.model_dump(warnings=False), strict=False)
    by_type = {event.type: event for event in events}
    transcript = by_type["conversation.item.input_audio_transcription.completed"].transcript
    assert transcript == "Set a timer for ten minutes."
    audio = b"".join(base64.b64decode(event.delta) for event in events if event.type == "response.output_audio.delta")
    samples = PCM16_24K.decode(audio)
    assert abs(len(samples) / 24_000 - 0.55) < 0.002
    assert np.abs(samples[: int(0.045 * 24_000)]).max() < 0.01
    assert 0.45 < np.abs(samples[2_400:]).max() < 0.55
    said = "".join(event.delta for event in events if event.type == "response.output_audio_transcript.delta")
    assert said == TEXT
    assert by_type["response.output_audio_transcript.done"].transcript == TEXT
    response = by_type["response.done"].response
    assert response.status == "completed"
    assert response.output[0].content[0].transcript == TEXT
    assert response.usage.total_tokens == response.usage.input_tokens + response.usage.output_tokens
    assert len({event.event_id for event in events}) == len(events)


async def test_two_turns_in_one_session_and_an_item_to_look_up(start: Start) -> None:
    speech = append(np.concatenate((tone(0.3, 24_000), np.zeros(9_600, np.float32))))
    async with start() as server, dial(server) as connection:
        done, previous = 0, []
        for piece in speech * 2:
            await connection.input_audio_buffer.append(audio=piece)
        async for event in connection:
            if event.type == "conversation.item.added":
                previous.append((event.previous_item_id, event.item.id))
            done += event.type == "response.done"
            if done == 2:
                break
        assert [before for before, _ in previous] == [None] + [item for _, item in previous[:-1]]
        await connection.conversation.item.retrieve(item_id=previous[0][1])
        async for event in connection:
            if event.type == "conversation.item.retrieved":
                assert event.item.content[0].transcript == "Set a timer for ten minutes."
                break


async def test_typed_turn_and_cancel(start: Start) -> None:
    engines = ScriptedEngines(hold=True)
    async with start(engines) as server, dial(server) as connection:
        await connection.conversation.item.create(
            item={"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Hello"}]}
        )
        await connection.response.create(response={"instructions": "Shout.", "metadata": {"topic": "x"}})
        async for event in connection:
            if event.type == "response.content_part.added":
                await connection.response.cancel()
            if event.type == "response.done":
                break
        assert event.response.status == "cancelled"
        assert event.response.status_details.reason == "client_cancelled"
        assert event.response.metadata == {"topic": "x"}
        assert event.response.output[0].status == "incomplete"
        await connection.response.cancel(event_id="mine")
        async for event in connection:
            if event.type == "error":
                break
        assert event.error.event_id == "mine"
        assert event.error.code == "response_cancel_not_active"
    typed, (asked, wish) = engines.sessions[0].calls
    assert (typed, asked) == (("text", "user", "Hello", None), "reply")
    assert isinstance(wish, ReplyWish)
    assert wish.instructions == "Shout."
    assert engines.sessions[0].closed == 1


async def test_a_session_that_only_transcribes(start: Start) -> None:
    speech = np.concatenate((tone(0.5, 24_000), np.zeros(12_000, np.float32)))
    seen: list[Any] = []
    async with (
        start() as server,
        openai.AsyncOpenAI(base_url=f"{server.url}/v1", api_key="none") as client,
        client.realtime.connect(extra_query={"intent": "transcription"}) as connection,
    ):
        await connection.session.update(session={"type": "transcription", "audio": {"input": {}}})
        for piece in append(speech):
            await connection.input_audio_buffer.append(audio=piece)
        async for event in connection:
            seen.append(event)
            if event.type == "conversation.item.input_audio_transcription.completed":
                await connection.response.create()
            if event.type == "error":
                break
    kinds = [event.type for event in seen]
    assert kinds[0] == "session.created"
    assert seen[0].session.type == "transcription"
    assert "response.created" not in kinds
    assert "gives no responses" in seen[-1].error.message
