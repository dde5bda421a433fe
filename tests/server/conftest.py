from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from tests.scripted import ScriptedEngines
from tests.server.backends import Fakes
from tests.server.running_server import Running, Start
from voicebox.config import load_settings
from voicebox.server.app import create_app
from voicebox.server.keys import KeyStore
from voicebox.server.lifecycle import running


@pytest.fixture
def start(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> Start:
    """Start a server with scripted sessions on a free port; keywords are settings, by default of `server`."""
    monkeypatch.chdir(tmp_path)

    @asynccontextmanager
    async def begin(
        engines: ScriptedEngines | None = None,
        health: dict[str, Any] | None = None,
        fakes: Fakes | None = None,
        keys: KeyStore | None = None,
        **server: Any,
    ) -> AsyncIterator[Running]:
        engines = engines or ScriptedEngines()
        flags = {key if "." in key else f"server.{key}": value for key, value in server.items()}
        settings = load_settings(flags={"server.port": 0, **flags})
        app = create_app(
            settings,
            engines.session,
            health=lambda: health or {},
            backends=None if fakes is None else fakes.backends,
            keys=keys,
        )
        async with running(app, settings.server) as url:
            yield Running(url, engines, app)

    return begin
