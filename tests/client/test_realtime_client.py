"""The client against a real server with scripted sessions."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import numpy as np
import pytest
from websockets.asyncio.server import serve

from tests.scripted import ScriptedEngines, tone
from voicebox.client.realtime_client import play, realtime_url
from voicebox.config import load_settings
from voicebox.errors import VoiceboxError
from voicebox.server.app import create_app
from voicebox.server.lifecycle import running

RATE = 24_000
AUDIO = np.concatenate((np.zeros(4_800, np.float32), tone(0.3, RATE), np.zeros(2_400, np.float32)))
VOICED = np.arange(0.232, 0.5, 0.032)


@pytest.fixture
async def server() -> AsyncIterator[tuple[str, ScriptedEngines]]:
    engines = ScriptedEngines()
    settings = load_settings(flags={"server.port": 0})
    app = create_app(settings, engines.session)
    async with running(app, settings.server) as url:
        yield url, engines


@pytest.mark.parametrize(
    ("given", "address"),
    [
        ("http://127.0.0.1:8000", "ws://127.0.0.1:8000/v1/realtime?model=voicebox"),
        ("127.0.0.1:8000", "ws://127.0.0.1:8000/v1/realtime?model=voicebox"),
        ("https://h.example/", "wss://h.example/v1/realtime?model=voicebox"),
        ("wss://h.example/v1/realtime?model=x", "wss://h.example/v1/realtime?model=x"),
    ],
)
def test_addresses(given: str, address: str) -> None:
    assert realtime_url(given) == address


@pytest.mark.parametrize("given", ["ftp://h", "", "http://"])
def test_what_is_no_address(given: str) -> None:
    with pytest.raises(VoiceboxError):
        realtime_url(given)


async def test_a_recording_is_answered(server: tuple[str, ScriptedEngines]) -> None:
    url, engines = server
    seen: list[str] = []
    result = await play(
        url,
        AUDIO,
        RATE,
        voiced=VOICED,
        session={"instructions": "Be brief."},
        on_event=lambda event: seen.append(event["type"]),
    )
    assert result.answer is not None
    assert result.answer.transcript == "Set a timer for ten minutes."
    assert result.answer.record["intent"] == "timer.set"
    assert result.answer.reply == "Okay, ten minutes."
    assert result.voice_to_voice_ms is not None
    # The script answers 200 ms after the last loud sample, with 50 ms of silence in front.
    assert result.voice_to_voice_ms > 200
    assert engines.sessions[0].options.instructions == "Be brief."
    assert len(result.reply_audio) > 0.5 * RATE
    assert seen == [event["type"] for event in result.events]
    assert result.errors == []


async def test_audio_goes_out_no_faster_than_it_is_spoken(server: tuple[str, ScriptedEngines]) -> None:
    url, _ = server
    loop = asyncio.get_running_loop()
    began = loop.time()
    result = await play(url, AUDIO, RATE, voiced=VOICED)
    assert loop.time() - began >= 0.5 + 0.2
    committed = next(event for event in result.events if event["type"] == "input_audio_buffer.committed")
    assert committed["at_s"] >= 0.7


async def test_other_rates_arrive_whole(server: tuple[str, ScriptedEngines]) -> None:
    url, engines = server
    await play(url, np.concatenate((tone(0.3, 16_000), np.zeros(1_600, np.float32))), 16_000, voiced=VOICED)
    assert engines.sessions[0].samples >= 0.4 * 16_000


async def test_many_callers_at_once_each_get_their_own(server: tuple[str, ScriptedEngines]) -> None:
    url, engines = server
    results = await asyncio.gather(*(play(url, AUDIO, RATE, voiced=VOICED) for _ in range(5)))
    assert [result.lost for result in results] == [False] * 5
    assert len(engines.sessions) == 5
    assert len({result.answer.item_id for result in results if result.answer}) == 5


async def test_two_requests_in_one_recording(server: tuple[str, ScriptedEngines]) -> None:
    url, _ = server
    gap = np.zeros(round(1.2 * RATE), np.float32)
    audio = np.concatenate((tone(0.2, RATE), gap, tone(0.2, RATE)))
    voiced = np.concatenate((np.arange(0.032, 0.2, 0.032), np.arange(1.432, 1.6, 0.032)))
    result = await play(url, audio, RATE, voiced=voiced)
    assert len(result.turns) == 2
    assert all(turn.voice_to_voice_ms is not None for turn in result.turns)
    first, second = result.turns
    assert first.speech_end_s == pytest.approx(0.192)
    assert second.speech_end_s == pytest.approx(voiced[-1])
    assert result.answer is second


async def test_no_server() -> None:
    with pytest.raises(VoiceboxError, match="voicebox serve"):
        await play("http://127.0.0.1:1", AUDIO, RATE, voiced=VOICED)


async def test_a_full_server() -> None:
    settings = load_settings(flags={"server.port": 0, "server.max_sessions": 1})
    app = create_app(settings, ScriptedEngines().session)
    async with running(app, settings.server) as url:
        with app.admission.session(), pytest.raises(VoiceboxError, match="server_busy"):
            await play(url, AUDIO, RATE, voiced=VOICED)


async def test_a_connection_that_breaks_is_an_error_of_the_result() -> None:
    async def handler(ws: Any) -> None:
        await ws.send(json.dumps({"type": "session.updated", "session": {}}))
        await ws.recv()
        await ws.recv()
        await ws.close(1011, "it broke")

    async with serve(handler, "127.0.0.1", 0, subprotocols=["realtime"]) as broken:  # type: ignore[list-item]
        port = broken.sockets[0].getsockname()[1]
        result = await play(f"http://127.0.0.1:{port}", AUDIO, RATE, voiced=VOICED)
    assert result.lost
    assert result.errors[-1]["code"] == "connection_closed"
    assert "it broke" in result.errors[-1]["message"]
