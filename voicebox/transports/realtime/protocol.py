"""The events of OpenAI's Realtime protocol, GA shape: what clients send, and how the server's are built."""

from __future__ import annotations

import json
import secrets
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from voicebox.errors import VoiceboxError
from voicebox.transports.realtime.session_patch import ResponsePatch, SessionPatch

__all__ = [
    "BufferAppend",
    "BufferClear",
    "BufferCommit",
    "ClientEvent",
    "ItemCreate",
    "ItemDelete",
    "ItemRetrieve",
    "ItemTruncate",
    "OutputClear",
    "ProtocolError",
    "ResponseCancel",
    "ResponseCreate",
    "ServerEvent",
    "SessionUpdate",
    "beta_error",
    "error_event",
    "new_id",
    "parse",
    "server_event",
]

ServerEvent = dict[str, Any]
"""A server event, ready for JSON."""

_TAGS = frozenset({"server_vad", "semantic_vad", "audio/pcm", "audio/pcmu", "audio/pcma"})
"""Discriminators, which pydantic puts into the paths of its errors and which are no part of the JSON."""


class ProtocolError(VoiceboxError):
    """A client event that cannot be carried out.

    Args:
        code: machine-readable, as OpenAI's: "invalid_value", "unknown_parameter", "missing_required_parameter" …
        message: for people.
        param: path of the field ("session.audio.input.format.rate"), or None.
        event_id: the client's id of its event, or None where it gave none.
        fatal: the connection ends after it.
    """

    def __init__(
        self, code: str, message: str, *, param: str | None = None, event_id: str | None = None, fatal: bool = False
    ) -> None:
        super().__init__(message)
        self.code = code
        self.param = param
        self.event_id = event_id
        self.fatal = fatal


class _Event(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    event_id: Annotated[str, Field(max_length=512)] | None = None


class SessionUpdate(_Event):
    """Changes the session; fields that are not given stay."""

    type: Literal["session.update"]
    session: SessionPatch


class BufferAppend(_Event):
    """Input audio, base64."""

    type: Literal["input_audio_buffer.append"]
    audio: str


class BufferCommit(_Event):
    """Ends the caller's turn (push-to-talk)."""

    type: Literal["input_audio_buffer.commit"]


class BufferClear(_Event):
    """Forgets the audio of the turn so far."""

    type: Literal["input_audio_buffer.clear"]


class OutputClear(_Event):
    """Stops audio that was made but not sent yet."""

    type: Literal["output_audio_buffer.clear"]


class ItemCreate(_Event):
    """Adds an item; its content is checked by the conversation, kind by kind."""

    type: Literal["conversation.item.create"]
    item: dict[str, Any]
    previous_item_id: str | None = None


class ItemRetrieve(_Event):
    """Asks for an item."""

    type: Literal["conversation.item.retrieve"]
    item_id: str


class ItemDelete(_Event):
    """Removes an item."""

    type: Literal["conversation.item.delete"]
    item_id: str


class ItemTruncate(_Event):
    """Says how much of a reply was played."""

    type: Literal["conversation.item.truncate"]
    item_id: str
    content_index: int
    audio_end_ms: Annotated[int, Field(ge=0)]


class ResponseCreate(_Event):
    """Asks for a reply now."""

    type: Literal["response.create"]
    response: ResponsePatch | None = None


class ResponseCancel(_Event):
    """Stops the reply."""

    type: Literal["response.cancel"]
    response_id: str | None = None


ClientEvent = (
    SessionUpdate
    | BufferAppend
    | BufferCommit
    | BufferClear
    | OutputClear
    | ItemCreate
    | ItemRetrieve
    | ItemDelete
    | ItemTruncate
    | ResponseCreate
    | ResponseCancel
)

_MODELS: dict[str, type[_Event]] = {
    "session.update": SessionUpdate,
    "input_audio_buffer.append": BufferAppend,
    "input_audio_buffer.commit": BufferCommit,
    "input_audio_buffer.clear": BufferClear,
    "output_audio_buffer.clear": OutputClear,
    "conversation.item.create": ItemCreate,
    "conversation.item.retrieve": ItemRetrieve,
    "conversation.item.delete": ItemDelete,
    "conversation.item.truncate": ItemTruncate,
    "response.create": ResponseCreate,
    "response.cancel": ResponseCancel,
}

_BETA_SESSION_KEYS = frozenset(
    {
        "modalities",
        "voice",
        "input_audio_format",
        "output_audio_format",
        "input_audio_transcription",
        "turn_detection",
        "temperature",
        "max_response_output_tokens",
        "speed",
    }
)


def parse(text: str) -> ClientEvent:
    """A client event from its JSON.

    Raises:
        ProtocolError: malformed JSON, an unknown type, a missing, unknown or wrong field; it carries the client's
            event id. Fatal for the shape of the beta, which is no longer spoken.
    """
    try:
        raw = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ProtocolError("invalid_json", f"The message is not valid JSON: {str(error)[:200]}") from None
    if not isinstance(raw, dict):
        raise ProtocolError("invalid_type", "A message must be a JSON object.")
    given = raw.get("event_id")
    event_id = given if isinstance(given, str) else None
    kind = raw.get("type")
    if kind is None:
        raise ProtocolError(
            "missing_required_parameter", "Missing required parameter: 'type'.", param="type", event_id=event_id
        )
    model = _MODELS.get(kind) if isinstance(kind, str) else None
    if model is None:
        names = ", ".join(f"'{name}'" for name in _MODELS)
        raise ProtocolError(
            "invalid_value",
            f"Invalid value: {str(kind)[:100]!r}. Supported values are: {names}.",
            param="type",
            event_id=event_id,
        )
    session = raw.get("session")
    if isinstance(session, dict) and "type" not in session and _BETA_SESSION_KEYS & session.keys():
        raise beta_error(event_id)
    try:
        return model.model_validate(raw)  # type: ignore[return-value]
    except ValidationError as error:
        raise _explain(error, event_id) from None


def beta_error(event_id: str | None = None) -> ProtocolError:
    """The error for a client that speaks the beta."""
    return ProtocolError(
        "beta_api_shape_disabled",
        "The beta shape of the Realtime API is not supported. Use the GA shape: session.type 'realtime', formats and "
        "turn detection under session.audio, no OpenAI-Beta header.",
        event_id=event_id,
        fatal=True,
    )


def _explain(error: ValidationError, event_id: str | None) -> ProtocolError:
    problem = error.errors(include_url=False)[0]
    param = ".".join(str(part) for part in problem["loc"] if part not in _TAGS)
    kind = problem["type"]
    if kind == "missing":
        code, message = "missing_required_parameter", f"Missing required parameter: '{param}'."
    elif kind == "extra_forbidden":
        code, message = "unknown_parameter", f"Unknown parameter: '{param}'."
    elif kind.endswith(("_type", "_parsing")):
        code, message = "invalid_type", f"Invalid type for '{param}': {problem['msg'].lower()}."
    else:
        code, message = "invalid_value", f"Invalid value for '{param}': {problem['msg'].lower()}."
    return ProtocolError(code, message, param=param, event_id=event_id)


def new_id(prefix: str) -> str:
    """An unguessable id such as `item_5f0c…`."""
    return f"{prefix}_{secrets.token_hex(12)}"


def server_event(kind: str, **fields: Any) -> ServerEvent:
    """A server event with an id of its own."""
    return {"type": kind, "event_id": new_id("event"), **fields}


def error_event(
    code: str,
    message: str,
    *,
    param: str | None = None,
    client_event_id: str | None = None,
    kind: Literal["invalid_request_error", "server_error"] = "invalid_request_error",
) -> ServerEvent:
    """An `error` event; `client_event_id` is the id of the event that caused it."""
    return server_event(
        "error",
        error={"type": kind, "code": code, "message": message, "param": param, "event_id": client_event_id},
    )
