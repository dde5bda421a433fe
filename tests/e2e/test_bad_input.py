"""What a careless or hostile client sends: the session or the server lives on, and others do not notice."""

from __future__ import annotations

import asyncio
import base64
import json
import resource
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from voicebox.audio.formats import PCM16_24K
from voicebox.audio.resample import resample
from voicebox.client.realtime_client import play, realtime_url
from voicebox.engines import Engines

pytestmark = [pytest.mark.models, pytest.mark.timeout(180)]

Speak = Callable[..., NDArray[np.float32]]


@asynccontextmanager
async def dial(url: str) -> AsyncIterator[ClientConnection]:
    async with connect(realtime_url(url), subprotocols=["realtime"], proxy=None, max_size=2**24) as socket:  # type: ignore[list-item]
        yield socket


def append(audio: NDArray[np.float32]) -> str:
    return json.dumps(
        {"type": "input_audio_buffer.append", "audio": base64.b64encode(PCM16_24K.encode(audio)).decode()}
    )


async def until(socket: ClientConnection, kind: str, timeout_s: float = 60.0) -> dict[str, Any]:
    async with asyncio.timeout(timeout_s):
        while True:
            event: dict[str, Any] = json.loads(await socket.recv())
            if event["type"] == kind:
                return event


async def _send_and_listen(socket: ClientConnection, message: str) -> None:
    await socket.send(message)
    while True:
        await socket.recv()


async def test_errors_name_the_event_and_the_session_goes_on(url: str, speak: Speak) -> None:
    bad = [
        "{",
        '{"type": "no.such.event", "event_id": "e1"}',
        '{"type": "input_audio_buffer.append", "audio": 7, "event_id": "e2"}',
        '{"type": "input_audio_buffer.append", "audio": "AA==", "event_id": "e3"}',
        '{"type": "conversation.item.truncate", "item_id": "x", "content_index": 0, "audio_end_ms": 5}',
    ]
    async with dial(url) as socket:
        for message in bad:
            await socket.send(message)
            error = (await until(socket, "error"))["error"]
            assert error["message"]
            if '"event_id"' in message:
                assert error["event_id"] == json.loads(message)["event_id"]
        await socket.send(append(resample(speak("What day is it?"), 16_000, 24_000)))
        await socket.send(append(np.zeros(24_000, np.float32)))
        assert (await until(socket, "response.done"))["response"]["status"] == "completed"


async def test_a_message_of_a_hundred_megabytes_closes_only_its_own_connection(url: str, speak: Speak) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    async with dial(url) as other:
        async with dial(url) as socket:
            with pytest.raises(ConnectionClosed):
                await _send_and_listen(socket, "x" * 100_000_000)
        await other.send(append(resample(speak("What day is it?"), 16_000, 24_000)))
        await other.send(append(np.zeros(24_000, np.float32)))
        await until(other, "response.done")
    # The sender's own copies of the message are in this process too.
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 400_000


async def test_minutes_of_silence_cost_nothing_and_hide_nothing(url: str, speak: Speak, engines: Engines) -> None:
    async with dial(url) as socket:
        for _ in range(180):
            await socket.send(append(np.zeros(24_000, np.float32)))
        await socket.send(append(resample(speak("What day is it?"), 16_000, 24_000)))
        await socket.send(append(np.zeros(24_000, np.float32)))
        started = await until(socket, "input_audio_buffer.speech_started")
        assert abs(started["audio_start_ms"] - 180_500) < 700
        await until(socket, "response.done")


async def test_a_client_that_vanishes_mid_word_leaves_nothing_behind(url: str, speak: Speak, engines: Engines) -> None:
    speech = resample(speak("Can I get a large latte with some almond milk?"), 16_000, 24_000)
    before = set(asyncio.all_tasks())
    async with dial(url) as socket:
        await socket.send(append(speech[: len(speech) // 2]))
        await until(socket, "input_audio_buffer.speech_started")
        socket.transport.abort()
    result = await play(url, speak("What day is it?"), 16_000, patience_s=20.0)
    assert result.turns[0].record["intent"] == "clock.day"
    await engines.end_sessions()
    left = {task for task in asyncio.all_tasks() - before if "Session" in repr(task.get_coro())}
    assert not left


async def test_audio_faster_than_real_time_is_answered_turn_by_turn(url: str, speak: Speak) -> None:
    speech = resample(speak("Turn on the fan.", "What day is it?", pause_s=3.0), 16_000, 24_000)
    audio = np.concatenate((speech, np.zeros(48_000, np.float32)))
    transcripts = []
    async with dial(url) as socket:
        for start in range(0, len(audio), 12_000):
            await socket.send(append(audio[start : start + 12_000]))
        for _ in range(2):
            done = await until(socket, "conversation.item.input_audio_transcription.completed")
            transcripts.append(done["transcript"].lower())
    assert "fan" in transcripts[0]
    assert "day" in transcripts[1]


def _narrow(speech: NDArray[np.float32]) -> NDArray[np.float32]:
    """As it comes through a telephone, brought back to 16 kHz."""
    return resample(resample(speech, 16_000, 8_000), 8_000, 16_000)


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(_narrow, id="8 kHz speech upsampled"),
        pytest.param(lambda speech: np.clip(5 * speech, -1, 1).astype(np.float32), id="clipped"),
        pytest.param(lambda speech: (0.5 * speech + 0.3).astype(np.float32), id="offset"),
        pytest.param(lambda speech: (0.03 * speech).astype(np.float32), id="30 dB too quiet"),
    ],
)
async def test_damaged_speech_is_understood(
    url: str, speak: Speak, damage: Callable[[NDArray[np.float32]], NDArray[np.float32]]
) -> None:
    result = await play(url, damage(speak("Turn on the fan in the bedroom.")), 16_000, patience_s=20.0)
    assert ["fan" in (turn.transcript or "").lower() for turn in result.turns] == [True]


async def test_frames_that_come_twice_and_late_are_answered(url: str, speak: Speak) -> None:
    """Every block is sent again after 60 ms: words are garbled, but turns end and the next one is understood."""
    speech = resample(speak("What day is it?"), 16_000, 24_000)
    async with dial(url) as socket:
        blocks = np.array_split(np.concatenate((speech, np.zeros(24_000, np.float32))), 40)
        for i, block in enumerate(blocks):
            await socket.send(append(block))
            if i % 2:
                await socket.send(append(blocks[i - 1]))
        await asyncio.sleep(3.0)
        await socket.send(append(np.zeros(48_000, np.float32)))
        await asyncio.sleep(4.0)
        await socket.send(append(speech))
        await socket.send(append(np.zeros(24_000, np.float32)))
        async with asyncio.timeout(60.0):
            while True:
                event = json.loads(await socket.recv())
                if event.get("transcript", "").lower().strip(" ?.") == "what day is it":
                    break
