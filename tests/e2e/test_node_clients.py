"""Unmodified clients from npm hold conversations with the whole server."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.node import need_node, run_node
from voicebox.audio.formats import PCM16_24K
from voicebox.audio.resample import resample
from voicebox.config import Settings
from voicebox.engines import Engines
from voicebox.server.app import create_app
from voicebox.server.lifecycle import running

pytestmark = [pytest.mark.models, pytest.mark.node, pytest.mark.timeout(180)]

Speak = Callable[..., NDArray[np.float32]]


@pytest.fixture(autouse=True)
def _node() -> None:
    need_node()


def recording(path: Path, audio: NDArray[np.float32]) -> str:
    path.write_bytes(PCM16_24K.encode(resample(audio, 16_000, 24_000)))
    return str(path)


def realtime(url: str) -> str:
    return url.replace("http", "ws", 1) + "/v1/realtime"


async def test_agents_voice_turn(url: str, speak: Speak, tmp_path: Path, engines: Engines) -> None:
    file = recording(tmp_path / "a.pcm", speak("Turn on the lights in the bedroom."))
    result = await run_node("agents.mjs", realtime(url), file, "turn")
    assert result["errors"] == []
    assert result["audio"] > 24_000
    (said,) = result["said"]
    assert (said["type"], said["status"]) == ("message", "completed")
    assert "bedroom" in said["text"].lower()
    assert engines.household.lights["bedroom"].on
    assert [item["role"] for item in result["history"]] == ["user", "assistant"]
    assert "lights in the bedroom" in result["history"][0]["content"][0]["transcript"].lower()


async def test_agents_interruption(url: str, speak: Speak, tmp_path: Path) -> None:
    file = recording(tmp_path / "a.pcm", speak("What can you do?"))
    result = await run_node("agents.mjs", realtime(url), file, "interrupt")
    assert result["errors"] == []
    assert result["interrupted"] == 1
    assert 300 < result["truncated"] < 1_500


async def test_agents_tool(url: str, speak: Speak, tmp_path: Path) -> None:
    """A tool must be called; which arguments it gets is the small test model's whim, within the schema."""
    file = recording(tmp_path / "a.pcm", speak("Please let me out."))
    result = await run_node("agents.mjs", realtime(url), file, "tool")
    assert result["errors"] == []
    assert result["tools"]
    assert all(call["door"] in ("front", "back") for call in result["tools"])
    assert result["said"][0]["type"] == "function_call"
    assert result["said"][-1]["type"] == "message"
    calls = [item for item in result["history"] if item["type"] == "function_call"]
    assert calls[0]["output"] == "The door is open."


async def test_openai_over_tls(engines: Engines, settings: Settings, certificate: tuple[Path, Path]) -> None:
    cert, key = certificate
    server = settings.server.model_copy(update={"tls_cert": cert, "tls_key": key})
    secure = settings.model_copy(update={"server": server})
    app = create_app(secure, engines.session, health=engines.health, backends=engines.backends)
    async with running(app, server) as address:
        result = await run_node("openai_tls.mjs", address, NODE_EXTRA_CA_CERTS=str(cert))
    await engines.end_sessions()
    assert result["errors"] == []
    assert "voicebox" in result["models"]
    assert "56" in result["said"] or "fifty" in result["said"].lower()
    assert result["audio"] > 24_000
