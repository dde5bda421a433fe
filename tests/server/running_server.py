"""What the `start` fixture gives."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass

from tests.scripted import ScriptedEngines
from voicebox.server.app import Application

Start = Callable[..., AbstractAsyncContextManager["Running"]]


@dataclass
class Running:
    url: str
    engines: ScriptedEngines
    app: Application

    @property
    def ws(self) -> str:
        return self.url.replace("http", "ws", 1) + "/v1/realtime"
