"""`POST /v1/realtime/client_secrets`: a short-lived key for a web page, with the session that it opens."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from voicebox.config import ServerSettings
from voicebox.server.auth import Access, Caller
from voicebox.server.http_body import read_json, validated
from voicebox.server.http_errors import HttpError
from voicebox.transports.realtime.protocol import ProtocolError
from voicebox.transports.realtime.session_config import SessionConfig
from voicebox.transports.realtime.session_patch import SessionPatch

__all__ = ["ClientSecrets", "SecretBody"]


class _Expiry(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    anchor: Literal["created_at"] = "created_at"
    seconds: Annotated[int, Field(ge=10, le=7_200)] = 600


class SecretBody(BaseModel):
    """The request."""

    model_config = ConfigDict(extra="forbid", strict=True)

    expires_after: _Expiry | None = None
    session: dict[str, Any] | None = None


class ClientSecrets:
    """The endpoint.

    Args:
        settings: limits.
        access: the keys.
        config: what a new session starts with.
    """

    def __init__(self, settings: ServerSettings, access: Access, config: Callable[[], SessionConfig]) -> None:
        self._settings = settings
        self._access = access
        self._config = config

    async def create(self, request: Request) -> Response:
        """Make one."""
        caller: Caller = request.state.caller
        if caller.ephemeral:
            raise HttpError(403, "An ephemeral key makes no further keys", "insufficient_scope")
        body = await read_json(request, SecretBody, self._settings.max_body_bytes)
        config = self._config()
        session = body.session or {}
        if session:
            try:
                patch = validated(SessionPatch, session)
                config.kind = patch.type
                config.apply(patch)
            except ProtocolError as error:
                raise HttpError(400, error.message, error.code, param=error.param) from None
            except HttpError as error:
                error.param = f"session.{error.param}" if error.param else "session"
                raise
        seconds = (body.expires_after or _Expiry()).seconds
        value, key = self._access.ephemeral.create(caller, seconds, session)
        return JSONResponse({"value": value, "expires_at": key.expires_at, "session": config.resource()})
