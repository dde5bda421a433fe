"""A whole voicebox on the real engines, inside the test process: Piper speaks what Whisper hears."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from voicebox.client.realtime_client import play
from voicebox.client.result import TalkResult
from voicebox.config import Settings, load_settings
from voicebox.engines import Engines
from voicebox.server.app import create_app
from voicebox.server.lifecycle import running

Speak = Callable[..., NDArray[np.float32]]


@pytest.fixture(scope="session")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return load_settings(
        None,
        {
            "server.port": 0,
            "stt.model": "whisper-tiny.en",
            "chat.model": "smollm2-135m-instruct-q4_1",
            "skills.timezone": "UTC",
            "conversation.record_dir": str(tmp_path_factory.mktemp("recordings")),
            "server.resume_s": 1.0,
        },
    )


@pytest.fixture(scope="session")
def engines(settings: Settings, require_model: Callable[[str], Path]) -> Iterator[Engines]:
    for name in ("whisper-tiny.en", "piper-en_US-joe-medium", "voicebox-intent", "smollm2-135m-instruct-q4_1"):
        require_model(name)
    engines = Engines.build(settings)
    assert engines.wait_chat(120.0), engines.small_state
    yield engines
    engines.close_models()


@pytest.fixture
async def url(engines: Engines, settings: Settings) -> AsyncIterator[str]:
    app = create_app(settings, engines.session, health=engines.health, backends=engines.backends)
    async with running(app, settings.server) as address:
        yield address
    await engines.end_sessions()


@pytest.fixture(scope="session")
def speak(say: Callable[[str], NDArray[np.float32]]) -> Speak:
    """Sentences with pauses between them, 16 kHz."""

    def speak(*sentences: str, pause_s: float = 4.0) -> NDArray[np.float32]:
        pause = np.zeros(round(16_000 * pause_s), np.float32)
        parts: list[NDArray[np.float32]] = [np.zeros(8_000, np.float32)]
        for sentence in sentences:
            parts += [say(sentence), pause]
        return np.concatenate(parts[:-1])

    return speak


@pytest.fixture
def talk(url: str, speak: Speak) -> Callable[..., AsyncIterator[TalkResult]]:
    """Say sentences to the server, in real time; gives what came of it."""

    async def talk(*sentences: str, pause_s: float = 4.0, patience_s: float = 20.0, **more: object) -> TalkResult:
        return await play(url, speak(*sentences, pause_s=pause_s), 16_000, patience_s=patience_s, **more)  # type: ignore[arg-type]

    return talk  # type: ignore[return-value]
