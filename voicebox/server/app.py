"""The web application: routes, and what a WebSocket must pass before it becomes a conversation."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket

from voicebox.config import Settings
from voicebox.server.admission import Admission, RefusedError
from voicebox.server.auth import check_exposure, key_accepted, origin_accepted
from voicebox.server.http import Health, HttpEndpoints, error_body
from voicebox.server.observe import count, count_session
from voicebox.telemetry.metrics import Metrics
from voicebox.transports.realtime.session_config import SessionConfig
from voicebox.transports.realtime.session_patch import SemanticVad
from voicebox.transports.realtime.websocket import (
    CLOSE_BETA,
    CLOSE_BUSY,
    RealtimeSocket,
    SessionFactory,
    refuse,
    speaks_beta,
)

__all__ = ["Application", "SessionFactory", "create_app"]

_log = logging.getLogger(__name__)


@dataclass
class Application:
    """The ASGI application and the handle by which its server counts and ends its sessions."""

    asgi: Starlette
    admission: Admission
    metrics: Metrics = field(repr=False)


def create_app(
    settings: Settings,
    sessions: SessionFactory,
    *,
    health: Health = dict,
    find_voice: Callable[[str], str] | None = None,
) -> Application:
    """Build the application.

    Args:
        settings: `server` guards it, `conversation` and `vad` are what new sessions start with.
        sessions: makes a session for a connection.
        health: what the engines say of themselves, for `/health` and `/v1/models`.
        find_voice: the voice that speaks for one that a client asks for; None: the server has one voice.

    Raises:
        ConfigError: others could reach the server and there is no key.
    """
    check_exposure(settings.server)
    admission = Admission(settings.server.max_sessions)
    metrics = Metrics(lambda: float(admission.active))
    http = HttpEndpoints(settings.server, admission, metrics, health)
    socket = RealtimeSocket(
        sessions=sessions,
        config=_new_config(settings, health, find_voice),
        observe=partial(count, metrics),
        ended=partial(count_session, metrics),
        stopping=admission.wait_stopping,
        stop_grace_s=settings.server.stop_grace_s,
        max_queue_bytes=settings.server.max_queue_bytes,
    )

    async def realtime(websocket: WebSocket) -> None:
        protocols = websocket.scope.get("subprotocols", [])
        if not key_accepted(settings.server, websocket.headers, protocols):
            metrics.refused("invalid_api_key")
            body = error_body("Incorrect or missing API key.", "invalid_api_key")
            await websocket.send_denial_response(JSONResponse(body, status_code=401))
            return
        if not origin_accepted(settings.server, websocket.headers):
            metrics.refused("origin")
            body = error_body("This origin may not connect; see server.allowed_origins.", "origin_not_allowed")
            await websocket.send_denial_response(JSONResponse(body, status_code=403))
            return
        beta = speaks_beta(websocket)
        if beta is not None:
            metrics.refused(beta.code)
            await refuse(websocket, beta.code, beta.message, CLOSE_BETA)
            return
        try:
            with admission.session():
                await socket.run(websocket)
        except RefusedError as refusal:
            metrics.refused(refusal.code)
            await refuse(websocket, refusal.code, str(refusal), CLOSE_BUSY)

    asgi = Starlette(
        routes=[
            Route("/", http.page),
            Route("/health", http.health),
            Route("/metrics", http.keyed(http.metrics)),
            Route("/v1/models", http.keyed(http.models)),
            WebSocketRoute("/v1/realtime", realtime),
        ]
    )
    return Application(asgi, admission, metrics)


def _new_config(
    settings: Settings, health: Health, find_voice: Callable[[str], str] | None
) -> Callable[[], SessionConfig]:
    """What a new session starts with: turns end by meaning, as eagerly as the server is set to."""

    def new() -> SessionConfig:
        models: Mapping[str, Any] = health().get("models", {})
        return SessionConfig(
            voice=_name(models.get("voice"), settings.tts.voice),
            stt_model=_name(models.get("stt"), settings.stt.model),
            instructions=settings.conversation.instructions,
            speed=settings.tts.rate,
            find_voice=find_voice,
            vad_threshold=settings.vad.threshold,
            turn_detection=SemanticVad(
                type="semantic_vad",
                eagerness=settings.conversation.eagerness,
                create_response=True,
                interrupt_response=settings.conversation.barge_in,
            ),
        )

    return new


def _name(model: Any, default: str) -> str:
    if isinstance(model, Mapping):
        model = model.get("name")
    return model if isinstance(model, str) else default
