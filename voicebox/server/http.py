"""The plain HTTP endpoints: page, health, metrics, models."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response

from voicebox import __version__
from voicebox.config import ServerSettings
from voicebox.resources import resource_dir
from voicebox.server.admission import Admission
from voicebox.server.auth import key_accepted
from voicebox.telemetry.metrics import Metrics

__all__ = ["Health", "HttpEndpoints", "error_body"]

Health = Callable[[], Mapping[str, Any]]
"""What the engines say of themselves: `models` by role, `pull` (background progress or None), load figures."""

_MODEL_ID = "voicebox"


def error_body(message: str, code: str, *, kind: str = "invalid_request_error") -> dict[str, Any]:
    """An error as the OpenAI SDKs expect it."""
    return {"error": {"message": message, "type": kind, "param": None, "code": code}}


class HttpEndpoints:
    """The handlers, with what they read."""

    def __init__(self, settings: ServerSettings, admission: Admission, metrics: Metrics, health: Health) -> None:
        self._settings = settings
        self._admission = admission
        self._metrics = metrics
        self._health = health
        self._started = time.monotonic()
        self._created = int(time.time())

    async def page(self, request: Request) -> Response:
        """The web page."""
        return FileResponse(resource_dir("web") / "index.html")

    async def health(self, request: Request) -> Response:
        """Whether the server works, and how busy it is; open to everyone, says nothing about callers."""
        status = "stopping" if self._admission.stopping else "ok"
        engines = dict(self._health())
        return JSONResponse(
            {
                "status": status,
                "version": __version__,
                "uptime_s": round(time.monotonic() - self._started, 1),
                "sessions": {"active": self._admission.active, "limit": self._admission.limit},
                **engines,
            },
            status_code=200 if status == "ok" else 503,
        )

    async def metrics(self, request: Request) -> Response:
        """Prometheus exposition."""
        return Response(self._metrics.render(), headers={"content-type": Metrics.content_type})

    async def models(self, request: Request) -> Response:
        """What can be asked for as a model: the assistant as a whole, and what it is made of."""
        parts = self._health().get("models", {})
        names = [_MODEL_ID, *sorted({name for name in map(_model_name, parts.values()) if name})]
        data = [{"id": name, "object": "model", "created": self._created, "owned_by": "voicebox"} for name in names]
        return JSONResponse({"object": "list", "data": data})

    def keyed(self, handler: Callable[[Request], Awaitable[Response]]) -> Callable[[Request], Awaitable[Response]]:
        """A handler that only those with the key reach."""

        async def checked(request: Request) -> Response:
            if not key_accepted(self._settings, request.headers):
                return JSONResponse(
                    error_body("Incorrect or missing API key.", "invalid_api_key"),
                    status_code=401,
                    headers={"www-authenticate": "Bearer"},
                )
            return await handler(request)

        return checked


def _model_name(part: Any) -> str | None:
    """A model's name, from a name or from an object that has one."""
    if isinstance(part, Mapping):
        part = part.get("name")
    return part if isinstance(part, str) else None
