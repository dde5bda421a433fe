"""`/v1/realtime/calls`: calls over WebRTC begin with an SDP offer and end with a hang-up."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import time
from collections.abc import Callable
from typing import Any

from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import Response

from voicebox.config import Settings
from voicebox.conversation.events import SessionEvent
from voicebox.conversation.ports import SessionPort
from voicebox.server.admission import Admission, RefusedError
from voicebox.server.auth import Caller
from voicebox.server.guard import Guard
from voicebox.server.http_body import validated
from voicebox.server.http_errors import HttpError
from voicebox.server.spending import account
from voicebox.transports.realtime.protocol import ProtocolError
from voicebox.transports.realtime.session_config import SessionConfig
from voicebox.transports.realtime.session_patch import SessionPatch
from voicebox.transports.realtime.websocket import SessionFactory
from voicebox.transports.webrtc.call import CallSettings, OfferError, WebrtcCall

__all__ = ["Calls"]

_log = logging.getLogger(__name__)

_MAX_SDP = 64 * 1024


class Calls:
    """The endpoints, and the calls that they began."""

    def __init__(
        self,
        settings: Settings,
        guard: Guard,
        admission: Admission,
        config: Callable[[], SessionConfig],
        sessions: SessionFactory,
        observe: Callable[[SessionEvent], None],
        ended: Callable[[SessionPort], None],
    ) -> None:
        webrtc = settings.webrtc
        credential = webrtc.ice_credential
        self._settings = CallSettings(
            ice_servers=webrtc.ice_servers,
            ice_username=webrtc.ice_username or None,
            ice_credential=credential.get_secret_value() if credential is not None else None,
            connect_s=webrtc.connect_s,
            silence_s=webrtc.silence_s,
            max_s=settings.server.session_max_s,
            max_queue_bytes=settings.server.max_queue_bytes,
        )
        self._grace_s = settings.server.stop_grace_s
        self._guard = guard
        self._admission = admission
        self._config = config
        self._sessions = sessions
        self._observe = observe
        self._ended = ended
        self._calls: dict[str, tuple[WebrtcCall, Caller]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def create(self, request: Request) -> Response:
        """Answer an offer; the call goes on after the response."""
        caller = self._guard.call(request)
        offer, session = await _offer(request)
        config = self._config()
        for wish in (caller.session, session):
            if wish:
                patch = validated(SessionPatch, wish)
                config.kind = patch.type
                try:
                    config.apply(patch)
                except ProtocolError as error:
                    raise HttpError(400, error.message, error.code, param=error.param) from None
        config.model = request.query_params.get("model") or config.model
        place = contextlib.ExitStack()
        try:
            place.enter_context(caller.quotas.session())
            place.enter_context(self._admission.session())
            call = WebrtcCall(config, self._settings, self._sessions, self._observe, self._ended)
            answer = await call.answer(offer)
        except OfferError as error:
            place.close()
            raise HttpError(400, error.message, "invalid_offer", cure=error.cure) from None
        except RefusedError as error:
            place.close()
            raise HttpError(503, str(error), error.code, headers={"retry-after": "2"}) from None
        except BaseException:
            place.close()
            raise
        self._calls[call.id] = (call, caller)
        account.set(caller.quotas)
        task = asyncio.create_task(self._hold(call, caller, place), name=call.id)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        headers = {"location": f"/v1/realtime/calls/{call.id}", "access-control-expose-headers": "Location"}
        return Response(answer, 201, headers, media_type="application/sdp")

    async def end(self, request: Request) -> Response:
        """Hang up."""
        caller = self._guard.caller(request)
        call, owner = self._calls.get(request.path_params["call"], (None, None))
        if call is None or owner is None or owner.key != caller.key:
            raise HttpError(404, "There is no such call", "call_not_found")
        call.hang_up()
        return Response(status_code=200)

    async def _hold(self, call: WebrtcCall, caller: Caller, place: contextlib.ExitStack) -> None:
        began_s, left_s = time.monotonic(), caller.quotas.left_s
        stopping = asyncio.create_task(self._stop(call))
        try:
            with place:
                async with asyncio.timeout(left_s if left_s < float("inf") else None):
                    await call.run()
        except TimeoutError:
            _log.info("call %s: the minutes of its key are used up", call.id)
        except Exception:
            _log.exception("call %s failed", call.id)
        finally:
            stopping.cancel()
            self._calls.pop(call.id, None)
            with contextlib.suppress(HttpError):
                caller.quotas.spend(time.monotonic() - began_s)

    async def _stop(self, call: WebrtcCall) -> None:
        await self._admission.wait_stopping()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(call.reply_over(), self._grace_s)
        call.hang_up()


async def _offer(request: Request) -> tuple[str, dict[str, Any]]:
    """The SDP, and the session that the client wants.

    Raises:
        HttpError: 400, 413 or 415.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    length = request.headers.get("content-length", "0")
    if not length.isdigit() or int(length) > 2 * _MAX_SDP:
        raise HttpError(413, f"An offer has at most {_MAX_SDP} bytes", "request_too_large")
    if kind == "application/sdp":
        return _text(await request.body()), {}
    if kind != "multipart/form-data":
        raise HttpError(
            415,
            f"An offer is application/sdp or multipart/form-data, not {kind or 'nothing'}",
            "unsupported_media_type",
        )
    async with request.form(max_files=2, max_fields=2, max_part_size=_MAX_SDP) as form:
        parts = {name: await _part(form.get(name)) for name in ("sdp", "session")}
    if not parts["sdp"]:
        raise HttpError(400, "The part 'sdp' is missing", "missing_required_parameter", param="sdp")
    try:
        session = json.loads(parts["session"] or "{}")
    except ValueError as error:
        raise HttpError(400, f"The session is no JSON: {error}", "invalid_json", param="session") from None
    if not isinstance(session, dict):
        raise HttpError(400, "The session must be an object", "invalid_type", param="session")
    return parts["sdp"], session


async def _part(part: UploadFile | str | None) -> str:
    if isinstance(part, UploadFile):
        return _text(await part.read(_MAX_SDP + 1))
    return part or ""


def _text(data: bytes) -> str:
    if len(data) > _MAX_SDP:
        raise HttpError(413, f"An offer has at most {_MAX_SDP} bytes", "request_too_large")
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise HttpError(400, "The offer is no text", "invalid_offer") from None
