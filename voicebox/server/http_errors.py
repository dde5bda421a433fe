"""Errors as OpenAI's clients expect them, from whatever goes wrong behind a handler."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from voicebox.audio.upload import UploadError
from voicebox.errors import ConfigError, EngineError, VoiceboxError
from voicebox.server.admission import RefusedError

__all__ = ["Handler", "HttpError", "error_body", "error_response", "guarded", "http_exception"]

_log = logging.getLogger(__name__)

Handler = Callable[[Request], Awaitable[Response]]

RETRY_S = 2
"""What those that are turned away are told to wait."""

_GONE = 499
_KINDS = {401: "authentication_error", 403: "permission_error", 429: "rate_limit_error"}


class HttpError(VoiceboxError):
    """A request that is answered with an error: status, code for machines, and the field that is to blame."""

    def __init__(
        self,
        status: int,
        message: str,
        code: str,
        *,
        param: str | None = None,
        cure: str = "",
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message, cure=cure)
        self.status = status
        self.code = code
        self.param = param
        self.headers = dict(headers or {})


def error_body(
    message: str, code: str, *, kind: str = "invalid_request_error", param: str | None = None
) -> dict[str, Any]:
    """An error as the OpenAI SDKs expect it."""
    return {"error": {"message": message, "type": kind, "param": param, "code": code}}


def error_response(error: Exception) -> Response:
    """The answer to a request that failed with this error. Those that nobody foresaw are logged and say nothing."""
    if not isinstance(error, HttpError):
        error = _as_http(error)
    kind = _KINDS.get(error.status, "server_error" if error.status >= 500 else "invalid_request_error")
    headers = error.headers
    if error.status in (429, 503):
        headers = {"retry-after": str(RETRY_S), **headers}
    body = error_body(str(error), error.code, kind=kind, param=error.param)
    return JSONResponse(body, status_code=error.status, headers=headers)


def guarded(handler: Handler) -> Handler:
    """A handler whose failures are answered in the shape that clients know."""

    async def run(request: Request) -> Response:
        try:
            return await handler(request)
        except ClientDisconnect:
            return Response(status_code=_GONE)
        except Exception as error:
            return error_response(error)

    return run


async def http_exception(request: Request, error: Exception) -> Response:
    """What the router itself refuses: unknown paths and methods."""
    assert isinstance(error, HTTPException)
    known = {
        404: (f"There is no {request.url.path} here. See /docs for what there is.", "not_found"),
        405: (f"{request.method} is not what {request.url.path} takes.", "method_not_allowed"),
    }
    message, code = known.get(error.status_code, (str(error.detail), "invalid_request"))
    return JSONResponse(error_body(message, code), status_code=error.status_code, headers=error.headers)


def _as_http(error: Exception) -> HttpError:
    match error:
        case UploadError():
            return HttpError(400, error.message, "invalid_audio", param="file", cure=error.cure)
        case RefusedError():
            return HttpError(503, error.message, error.code, cure=error.cure)
        case ConfigError():
            return HttpError(400, error.message, "invalid_value", cure=error.cure)
        case EngineError():
            return HttpError(503, error.message, "engine_unavailable", cure=error.cure)
        case VoiceboxError():
            return HttpError(503, error.message, "model_unavailable", cure=error.cure)
    _log.error("A request failed", exc_info=error)
    return HttpError(500, "The server failed on this request; its log has the reason", "internal_error")
