"""The code on docs/clients.md does what the page says."""

from __future__ import annotations

import asyncio
import os
import re
import sys
import wave
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.node import CHROMIUM, CLIENTS, need_node, run_node
from tests.pages import serve_files
from voicebox.config import Settings
from voicebox.engines import Engines
from voicebox.server.app import create_app
from voicebox.server.lifecycle import running

pytestmark = [pytest.mark.models, pytest.mark.timeout(180)]

PAGE = (Path(__file__).parent.parent.parent / "docs" / "clients.md").read_text(encoding="utf-8")
HERE = "127.0.0.1:8000"


def blocks(language: str, url: str) -> list[str]:
    """The page's code in a language, with the server's real address."""
    found = re.findall(rf"```{language}\n(.*?)```", PAGE, re.S)
    assert found
    return [code.replace(HERE, url.removeprefix("http://")) for code in found]


async def output(*command: str, cwd: Path, **environment: str) -> str:
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=cwd,
        env={**os.environ, **environment},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode == 0, err.decode()[-2000:]
    return out.decode()


async def test_python(url: str, tmp_path: Path) -> None:
    question, _ = blocks("python", url)
    assert "56" in await output(sys.executable, "-c", question, cwd=tmp_path)
    with wave.open(str(tmp_path / "answer.wav")) as file:
        assert file.getnframes() > 12_000


async def test_python_tool(url: str, tmp_path: Path) -> None:
    """The small model of the tests is no good at choosing, but it cannot leave the schema."""
    _, tool = blocks("python", url)
    called, said, *_ = (await output(sys.executable, "-c", tool, cwd=tmp_path)).splitlines()
    assert called in ("called open_door {'door': 'front'}", "called open_door {'door': 'back'}")
    assert said


@pytest.mark.node
async def test_node(url: str, tmp_path: Path) -> None:
    need_node()
    (tmp_path / "node_modules").symlink_to(CLIENTS / "node_modules")
    (tmp_path / "example.mjs").write_text(blocks("js", url)[0])
    said = await output("node", "example.mjs", cwd=tmp_path, OPENAI_AGENTS_DISABLE_TRACING="1")
    assert "56" in said
    assert int(said.splitlines()[-1].split()[0]) > 24_000


async def test_curl(url: str, tmp_path: Path) -> None:
    said = await output("bash", "-ec", blocks("sh", url)[0], cwd=tmp_path)
    assert "timer for" in said.lower()
    assert "56" in said


@pytest.mark.node
@pytest.mark.browser
async def test_browser(
    engines: Engines, settings: Settings, say: Callable[[str], NDArray[np.float32]], tmp_path: Path
) -> None:
    need_node()
    if CHROMIUM is None:
        pytest.skip("Chromium is not installed: apt-get install chromium")
    silence = np.zeros(40_000, np.float32)
    speech = np.concatenate((silence, say("What is seven times eight?"), silence, silence, silence))
    with wave.open(str(tmp_path / "microphone.wav"), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16_000)
        file.writeframes((speech * 32_767).astype(np.int16).tobytes())
    with serve_files(tmp_path) as origin:
        server = settings.server.model_copy(update={"allowed_origins": (origin,)})
        changed = settings.model_copy(update={"server": server})
        app = create_app(changed, engines.session, health=engines.health, backends=engines.backends)
        async with running(app, server) as url:
            (tmp_path / "call.html").write_text(blocks("html", url)[0])
            microphone, profile = str(tmp_path / "microphone.wav"), str(tmp_path / "profile")
            result = await run_node("example_page.mjs", CHROMIUM, f"{origin}/call.html", microphone, profile)
        await engines.end_sessions()
    assert "seven times eight" in result["said"].lower() or "7 times 8" in result["said"]
    assert "56" in result["said"]
