"""The endpoints that tell of the server: page, health, metrics, models."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response

from voicebox import __version__
from voicebox.resources import resource_dir
from voicebox.server.admission import Admission
from voicebox.server.headroom import Headroom
from voicebox.server.http_errors import HttpError
from voicebox.telemetry.metrics import Metrics

__all__ = ["Health", "HttpEndpoints"]

Health = Callable[[], Mapping[str, Any]]
"""What the engines say of themselves: `models` by role, `pull` (background progress or None), load figures."""

_MODEL_ID = "voicebox"


class HttpEndpoints:
    """The handlers, with what they read."""

    def __init__(self, admission: Admission, metrics: Metrics, health: Health, headroom: Headroom) -> None:
        self._admission = admission
        self._metrics = metrics
        self._health = health
        self._headroom = headroom
        self._started = time.monotonic()
        self._created = int(time.time())

    async def page(self, request: Request) -> Response:
        """The web page."""
        return FileResponse(resource_dir("web") / "index.html")

    async def health(self, request: Request) -> Response:
        """Whether the server works, and how busy it is; open to everyone, says nothing about callers."""
        engines = dict(self._health())
        return JSONResponse(
            {
                "status": "stopping" if self._admission.stopping else "ok",
                "version": __version__,
                "uptime_s": round(time.monotonic() - self._started, 1),
                "sessions": {"active": self._admission.active, "limit": self._admission.limit},
                "lag_ms": round(self._headroom.lag_ms, 1),
                **engines,
            },
            status_code=503 if self._admission.stopping else 200,
        )

    async def live(self, request: Request) -> Response:
        """Whether the process answers at all: if not, restart it."""
        return JSONResponse({"status": "ok"})

    async def ready(self, request: Request) -> Response:
        """Whether another call would be taken now: if not, send it elsewhere."""
        reason = None
        if self._admission.stopping:
            reason = "stopping"
        elif self._admission.active >= self._admission.limit:
            reason = "full"
        elif self._admission.active and self._headroom.short:
            reason = "overloaded"
        return JSONResponse({"status": reason or "ok"}, status_code=503 if reason else 200)

    async def metrics(self, request: Request) -> Response:
        """Prometheus exposition."""
        return Response(self._metrics.render(), headers={"content-type": Metrics.content_type})

    async def models(self, request: Request) -> Response:
        """What can be asked for as a model: the assistant as a whole, and what it is made of."""
        return JSONResponse({"object": "list", "data": self._models()})

    async def model(self, request: Request) -> Response:
        """One of them."""
        name = request.path_params["model"]
        found = next((model for model in self._models() if model["id"] == name), None)
        if found is None:
            raise HttpError(404, f"The model {name[:256]!r} does not exist", "model_not_found", param="model")
        return JSONResponse(found)

    def _models(self) -> list[dict[str, Any]]:
        health = self._health()
        parts = health.get("models", {})
        names = sorted({name for name in map(_model_name, parts.values()) if name})
        if _model_name(parts.get("small")):
            names = ["small", *names]
        names += [name for name in health.get("tiers", {}) if name != "small"]
        return [
            {"id": name, "object": "model", "created": self._created, "owned_by": "voicebox"}
            for name in (_MODEL_ID, *names)
        ]


def _model_name(part: Any) -> str | None:
    """A model's name, from a name or from an object that has one."""
    if isinstance(part, Mapping):
        part = part.get("name")
    return part if isinstance(part, str) else None
