"""What a request or a call must pass before anything is done for it: origin, key, scope, rate, room."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from starlette.requests import HTTPConnection, Request
from starlette.responses import Response
from starlette.websockets import WebSocket

from voicebox.config import ServerSettings
from voicebox.errors import VoiceboxError
from voicebox.server.admission import Admission
from voicebox.server.auth import Access, Caller, origin_accepted
from voicebox.server.headroom import Headroom
from voicebox.server.http_errors import Handler, HttpError, error_response, guarded
from voicebox.server.keys import Scope
from voicebox.server.quotas import Rate
from voicebox.telemetry.metrics import Metrics

__all__ = ["Guard", "spend"]

_log = logging.getLogger(__name__)


@dataclass
class Guard:
    """The door.

    Args:
        settings: origins and rates.
        access: the keys.
        admission: the calls there are.
        headroom: whether more would be too many.
        metrics: counts who is turned away.
    """

    settings: ServerSettings
    access: Access
    admission: Admission
    headroom: Headroom
    metrics: Metrics

    def __post_init__(self) -> None:
        self._connects = Rate(self.settings.connects_per_minute)

    def request(self, handler: Handler, scope: Scope | None = None) -> Handler:
        """A handler that only callers with a key for this scope reach (None: with any key that is not ephemeral)."""

        async def checked(request: Request) -> Response:
            caller = self.caller(request)
            caller.check(scope)
            if scope is None and caller.ephemeral:
                raise HttpError(403, "An ephemeral key opens calls only", "insufficient_scope")
            caller.quotas.request()
            request.state.caller = caller
            return await handler(request)

        return guarded(checked)

    def call(self, connection: HTTPConnection) -> Caller:
        """Whose call this is, which may begin as far as its key and the machine go.

        Raises:
            HttpError: 401, 403, 429, or 503 if those who are here would suffer.
        """
        address = connection.client.host if connection.client is not None else ""
        wait_s = self._connects.take(address)
        if wait_s:
            raise HttpError(
                429,
                f"More than {self.settings.connects_per_minute} calls in a minute came from your address",
                "rate_limit_exceeded",
                headers={"retry-after": str(max(1, round(wait_s + 0.5)))},
            )
        caller = self.caller(connection)
        caller.check("realtime")
        caller.quotas.request()
        if self.admission.active and self.headroom.short:
            raise HttpError(503, "The server has no room for another call now", "server_overloaded")
        return caller

    def caller(self, connection: HTTPConnection) -> Caller:
        """Whose request this is.

        Raises:
            HttpError: 401 without a key, 403 from a stranger's web page.
        """
        if not origin_accepted(self.settings, connection.headers, keyed=self.access.keyed):
            raise HttpError(
                403, "This origin may not connect", "origin_not_allowed", cure="See server.allowed_origins."
            )
        caller = self.access.caller(connection.headers, connection.scope.get("subprotocols", ()))
        if caller is None:
            raise HttpError(
                401, "Incorrect or missing API key.", "invalid_api_key", headers={"www-authenticate": "Bearer"}
            )
        return caller

    async def refuse(self, websocket: WebSocket, error: VoiceboxError) -> None:
        """Answer a call that was not accepted yet as any request."""
        self.metrics.refused(error.code if isinstance(error, HttpError) else "error")
        await websocket.send_denial_response(error_response(error))


def spend(request: Request, seconds: float) -> None:
    """Put seconds of audio on the account of the request's key.

    Raises:
        HttpError: 429, nothing was left.
    """
    caller: Caller = request.state.caller
    caller.quotas.spend(seconds)
