"""@openai/agents in headless Chromium holds a call over WebRTC with the whole server."""

from __future__ import annotations

import wave
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import numpy as np
import pytest
from numpy.typing import NDArray

from tests.node import CHROMIUM, CLIENTS, need_node, run_node
from tests.pages import serve_files
from voicebox.config import Settings
from voicebox.engines import Engines
from voicebox.server.app import create_app
from voicebox.server.lifecycle import running

pytestmark = [pytest.mark.models, pytest.mark.node, pytest.mark.browser, pytest.mark.timeout(180)]

BUNDLE = CLIENTS / "node_modules" / "@openai" / "agents-realtime" / "dist" / "bundle"


@pytest.fixture
def origin() -> Iterator[str]:
    with serve_files(CLIENTS, {"bundle": BUNDLE}) as origin:
        yield origin


async def test_a_call_with_an_interruption(
    engines: Engines, settings: Settings, say: Callable[[str], NDArray[np.float32]], origin: str, tmp_path: Path
) -> None:
    need_node()
    if CHROMIUM is None:
        pytest.skip("Chromium is not installed: apt-get install chromium")
    microphone = tmp_path / "microphone.wav"
    silence = np.zeros(48_000, np.float32)
    speech = np.concatenate((silence, say("What can you do?"), silence, silence, silence, silence))
    with wave.open(str(microphone), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16_000)
        file.writeframes((speech * 32_767).astype(np.int16).tobytes())
    server = settings.server.model_copy(update={"allowed_origins": (origin,)})
    app = create_app(
        settings.model_copy(update={"server": server}),
        engines.session,
        health=engines.health,
        backends=engines.backends,
    )
    async with running(app, server) as url, httpx.AsyncClient(base_url=url, trust_env=False) as client:
        key = (await client.post("/v1/realtime/client_secrets", json={})).json()["value"]
        result = await run_node(
            "browser.mjs", CHROMIUM, f"{origin}/page.html", url, key, str(microphone), str(tmp_path / "profile")
        )
        assert app.admission.active <= 1
    await engines.end_sessions()
    events = {event["type"]: event for event in result["events"]}
    transcript = events["conversation.item.input_audio_transcription.completed"]["transcript"].lower()
    assert "what can you do" in transcript
    assert result["heard"]["received"] > 20
    assert result["heard"]["energy"] > 1e-4, "silence came"
    assert "output_audio_buffer.cleared" in events
    assert events["response.done"]["response"]["status"] == "cancelled"
    assert not [event for event in result["events"] if event["type"] in ("error", "failed")]
