"""The web application: its routes, and what a WebSocket must pass before it becomes a conversation."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket

from voicebox.config import Settings
from voicebox.errors import ConfigError
from voicebox.server.admission import Admission, RefusedError
from voicebox.server.auth import Access, Caller, check_exposure
from voicebox.server.backends import Backends, Places
from voicebox.server.guard import Guard, spend
from voicebox.server.headroom import Headroom
from voicebox.server.http import Health, HttpEndpoints
from voicebox.server.http_calls import Calls
from voicebox.server.http_chat import Chat
from voicebox.server.http_errors import HttpError, guarded, http_exception
from voicebox.server.http_secrets import ClientSecrets
from voicebox.server.http_speech import Speech
from voicebox.server.http_transcriptions import Transcriptions
from voicebox.server.keys import KeyStore
from voicebox.server.observe import count, count_session
from voicebox.server.openapi import Documentation
from voicebox.server.spending import Limit, account, on_account
from voicebox.telemetry.metrics import Metrics
from voicebox.transports.realtime.session_config import SessionConfig
from voicebox.transports.realtime.session_patch import SemanticVad
from voicebox.transports.realtime.websocket import (
    CLOSE_BETA,
    CLOSE_BUSY,
    CLOSE_TOO_SLOW,
    RealtimeSocket,
    SessionFactory,
    refuse,
    speaks_beta,
)

__all__ = ["Application", "SessionFactory", "create_app"]


@dataclass
class Application:
    """The ASGI application and the handle by which its server counts and ends its sessions."""

    asgi: Starlette
    admission: Admission
    metrics: Metrics = field(repr=False)
    watch: Callable[[], Coroutine[Any, Any, None]] = field(repr=False)
    """Runs beside the server for as long as it serves."""


def create_app(
    settings: Settings,
    sessions: SessionFactory,
    *,
    health: Health = dict,
    find_voice: Callable[[str], str] | None = None,
    backends: Backends | None = None,
    keys: KeyStore | None = None,
    limit: Limit | None = None,
) -> Application:
    """Build the application.

    Args:
        settings: `server` guards it, `conversation` and `vad` are what new sessions start with.
        sessions: makes a session for a connection.
        health: what the engines say of themselves, for `/health` and `/v1/models`.
        find_voice: the voice that speaks for one that a client asks for; None: the server has one voice.
        backends: the engines, for transcription, speech and chat over HTTP; None leaves these out.
        keys: the keys of `voicebox keys`; None: only `server.api_key` counts.
        limit: bounds what a session spends; None: nothing here costs money.

    Raises:
        ConfigError: others could reach the server and there is no key.
    """
    check_exposure(settings.server, keys)
    if limit is not None:
        sessions = on_account(sessions, limit)
    admission = Admission(settings.server.max_sessions)
    metrics = Metrics(lambda: float(admission.active))
    waiting_s = (lambda: 0.0) if backends is None else backends.waiting_s
    headroom = Headroom(settings.server.max_lag_ms, waiting_s)
    access = Access(settings.server, keys)
    guard = Guard(settings.server, access, admission, headroom, metrics)
    config = _new_config(settings, health, find_voice)
    http = HttpEndpoints(admission, metrics, health, headroom)
    secrets = ClientSecrets(settings.server, access, config)
    documentation = Documentation()
    socket = RealtimeSocket(
        sessions=sessions,
        config=config,
        observe=partial(count, metrics),
        ended=partial(count_session, metrics),
        stopping=admission.wait_stopping,
        stop_grace_s=settings.server.stop_grace_s,
        max_queue_bytes=settings.server.max_queue_bytes,
        max_s=settings.server.session_max_s,
        resume_s=settings.server.resume_s,
    )

    async def realtime(websocket: WebSocket) -> None:
        try:
            caller = guard.call(websocket)
            beta = speaks_beta(websocket)
            if beta is not None:
                metrics.refused(beta.code)
                await refuse(websocket, beta.code, beta.message, CLOSE_BETA)
                return
            if await socket.resume(websocket, caller.key):
                return
            with caller.quotas.session():
                await _converse(socket, admission, metrics, caller, websocket)
        except (HttpError, ConfigError) as error:
            await guard.refuse(websocket, error)

    routes: list[Any] = [
        Route("/", http.page),
        Route("/docs", documentation.page),
        Route("/openapi.json", documentation.schema),
        Route("/health", http.health),
        Route("/health/live", http.live),
        Route("/health/ready", http.ready),
        Route("/metrics", guard.request(http.metrics, "admin")),
        Route("/v1/models", guard.request(http.models)),
        Route("/v1/models/{model:path}", guard.request(http.model)),
        Route("/v1/realtime/client_secrets", guard.request(secrets.create, "realtime"), methods=["POST"]),
        WebSocketRoute("/v1/realtime", realtime),
    ]
    calls = Calls(
        settings, guard, admission, config, sessions, partial(count, metrics), partial(count_session, metrics)
    )
    routes += [
        Route("/v1/realtime/calls", guarded(calls.create), methods=["POST"]),
        Route("/v1/realtime/calls/{call}", guarded(calls.end), methods=["DELETE"]),
        Route("/v1/realtime/calls/{call}/hangup", guarded(calls.end), methods=["POST"]),
    ]
    if backends is not None:
        places = Places(settings.server.max_requests)
        transcriptions = Transcriptions(
            settings.server, backends, places, calm=lambda: not admission.active, spend=spend
        )
        speech = Speech(settings.server, backends, places, spend=spend)
        chat = Chat(settings.server, backends, places)
        routes += [
            Route("/v1/audio/transcriptions", guard.request(transcriptions.create, "audio"), methods=["POST"]),
            Route("/v1/audio/speech", guard.request(speech.create, "audio"), methods=["POST"]),
            Route("/v1/chat/completions", guard.request(chat.create, "chat"), methods=["POST"]),
        ]
    asgi = Starlette(
        routes=routes,
        exception_handlers={HTTPException: http_exception},
        middleware=_cross_origin(settings.server.allowed_origins),
    )
    return Application(asgi, admission, metrics, headroom.watch)


async def _converse(
    socket: RealtimeSocket, admission: Admission, metrics: Metrics, caller: Caller, websocket: WebSocket
) -> None:
    """One call, for as long as the key's minutes last."""
    began_s = time.monotonic()
    left_s = caller.quotas.left_s
    account.set(caller.quotas)
    try:
        with admission.session():
            async with asyncio.timeout(left_s if left_s < float("inf") else None):
                await socket.run(websocket, caller.session, key=caller.key)
    except TimeoutError:
        await refuse(websocket, "quota_exceeded", "The minutes of your key are used up", CLOSE_TOO_SLOW)
    except RefusedError as refusal:
        metrics.refused(refusal.code)
        await refuse(websocket, refusal.code, str(refusal), CLOSE_BUSY)
    finally:
        with contextlib.suppress(HttpError):
            caller.quotas.spend(time.monotonic() - began_s)


def _cross_origin(origins: tuple[str, ...]) -> list[Middleware]:
    """Web pages of listed origins may read what they get."""
    if not origins:
        return []
    allowed = Middleware(
        CORSMiddleware,
        allow_origins=list(origins),
        allow_methods=["GET", "POST", "DELETE"],
        allow_headers=["*"],
        expose_headers=["Location"],
    )
    return [allowed]


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
