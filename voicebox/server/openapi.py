"""What there is over HTTP: for machines `/openapi.json`, for people `/docs`, plain HTML with nothing from elsewhere."""

from __future__ import annotations

import html
from typing import Any

from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response

from voicebox import __version__
from voicebox.audio.encode import MEDIA_TYPES
from voicebox.server.chat_body import ChatBody
from voicebox.server.http_secrets import SecretBody
from voicebox.server.http_speech import SpeechBody
from voicebox.server.http_transcriptions import TranscriptionFields

__all__ = ["Documentation", "openapi"]

_REF = "#/components/schemas/{model}"
_OPEN: list[dict[str, list[str]]] = [{}]


class Documentation:
    """The two endpoints; both are open to everyone and the same for all."""

    def __init__(self) -> None:
        self._schema = openapi()
        self._page = _page(self._schema)

    async def schema(self, request: Request) -> Response:
        """OpenAPI 3.1."""
        return JSONResponse(self._schema)

    async def page(self, request: Request) -> Response:
        """The same to read."""
        policy = "default-src 'none'; style-src 'unsafe-inline'"
        return HTMLResponse(self._page, headers={"content-security-policy": policy})


def openapi() -> dict[str, Any]:
    """The description of all endpoints."""
    schemas: dict[str, Any] = {"Error": _ERROR}
    form = _schema(TranscriptionFields, schemas)
    form["properties"] = {"file": {"type": "string", "format": "binary"}, **form["properties"]}
    form["required"] = ["file", *form["required"]]
    speech = {
        "description": "The audio, sent while it is spoken; with stream_format sse, events.",
        "content": {
            **{kind: {"schema": {"type": "string", "format": "binary"}} for kind in MEDIA_TYPES.values()},
            "text/event-stream": {"schema": {"type": "string"}},
        },
    }
    paths = {
        "/v1/audio/transcriptions": {
            "post": _operation(
                "Transcribe a recording",
                "audio",
                {"multipart/form-data": {"schema": form}},
                _answer(
                    "The text, as response_format says; with stream, events.",
                    "application/json",
                    "text/plain",
                    "text/event-stream",
                ),
            )
        },
        "/v1/audio/speech": {"post": _operation("Speak a text", "audio", _json(SpeechBody, schemas), speech)},
        "/v1/chat/completions": {
            "post": _operation(
                "Answer a chat",
                "chat",
                _json(ChatBody, schemas),
                _answer("The reply; with stream, chunks.", "application/json", "text/event-stream"),
            )
        },
        "/v1/realtime/client_secrets": {
            "post": _operation(
                "Make an ephemeral key",
                "realtime",
                _json(SecretBody, schemas),
                _answer("The key, when it expires, and the session that it opens.", "application/json"),
            )
        },
        "/v1/realtime": {
            "get": _operation(
                "Begin a call (WebSocket)",
                "realtime",
                None,
                {"description": "Switching protocols: OpenAI's Realtime events."},
                status="101",
            )
        },
        "/v1/realtime/calls": {
            "post": _operation(
                "Begin a call (WebRTC)",
                "realtime",
                {
                    "multipart/form-data": {
                        "schema": {
                            "type": "object",
                            "required": ["sdp"],
                            "properties": {"sdp": {"type": "string"}, "session": {"type": "object"}},
                        }
                    },
                    "application/sdp": {"schema": {"type": "string"}},
                },
                _answer("The SDP answer; Location is the call.", "application/sdp"),
                status="201",
            )
        },
        "/v1/realtime/calls/{call}": {"delete": _call_over()},
        "/v1/realtime/calls/{call}/hangup": {"post": _call_over()},
        "/v1/models": {
            "get": _operation("List what can be asked for", None, None, _answer("Models.", "application/json"))
        },
        "/v1/models/{model}": {
            "get": {
                **_operation("One of them", None, None, _answer("A model.", "application/json")),
                "parameters": [{"name": "model", "in": "path", "required": True, "schema": {"type": "string"}}],
            }
        },
        "/metrics": {"get": _operation("Prometheus metrics", "admin", None, _answer("Metrics.", "text/plain"))},
        "/health": {"get": _public("What runs, and how busy it is")},
        "/health/live": {"get": _public("Whether the process answers")},
        "/health/ready": {"get": _public("Whether another call would be taken")},
    }
    return {
        "openapi": "3.1.0",
        "info": {"title": "voicebox", "version": __version__, "description": "A real-time voice assistant server."},
        "servers": [{"url": "/"}],
        "security": [{"key": []}],
        "paths": paths,
        "components": {"schemas": schemas, "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}}},
    }


_ERROR: dict[str, Any] = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["message", "type", "param", "code"],
            "properties": {
                "message": {"type": "string"},
                "type": {"type": "string"},
                "param": {"type": ["string", "null"]},
                "code": {"type": "string"},
            },
        }
    },
}


def _schema(model: type[BaseModel], schemas: dict[str, Any]) -> dict[str, Any]:
    """A model's schema; those that it refers to go where all are."""
    schema = model.model_json_schema(ref_template=_REF)
    schemas.update(schema.pop("$defs", {}))
    return schema


def _json(model: type[BaseModel], schemas: dict[str, Any]) -> dict[str, Any]:
    return {"application/json": {"schema": _schema(model, schemas)}}


def _answer(description: str, *kinds: str) -> dict[str, Any]:
    return {"description": description, "content": {kind: {"schema": {}} for kind in kinds}}


def _operation(
    summary: str, scope: str | None, body: dict[str, Any] | None, answer: dict[str, Any], *, status: str = "200"
) -> dict[str, Any]:
    failed = {
        "description": "What is wrong.",
        "content": {"application/json": {"schema": {"$ref": _REF.format(model="Error")}}},
    }
    operation: dict[str, Any] = {"summary": summary, "responses": {status: answer, "default": failed}}
    operation["description"] = f"Needs a key for {scope}." if scope else "Needs a key."
    if body is not None:
        operation["requestBody"] = {"required": True, "content": body}
    return operation


def _call_over() -> dict[str, Any]:
    return {
        **_operation("Hang up", "realtime", None, {"description": "The call ends."}),
        "parameters": [{"name": "call", "in": "path", "required": True, "schema": {"type": "string"}}],
    }


def _public(summary: str) -> dict[str, Any]:
    answers = {"200": _answer("Yes.", "application/json"), "503": _answer("No.", "application/json")}
    return {"summary": summary, "description": "Open to everyone.", "responses": answers, "security": _OPEN}


def _page(schema: dict[str, Any]) -> str:
    parts = []
    for path, methods in schema["paths"].items():
        for method, operation in methods.items():
            head = f"<h2><code>{method.upper()} {html.escape(path)}</code></h2>"
            text = f"<p>{html.escape(operation['summary'])}. {html.escape(operation['description'])}</p>"
            parts.append(head + text + _fields(operation))
    return (
        "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content='width=device-width'>"
        "<title>voicebox: HTTP endpoints</title><style>body{font:16px/1.5 system-ui,sans-serif;max-width:56rem;"
        "margin:2rem auto;padding:0 1rem}table{border-collapse:collapse}td,th{text-align:left;padding:.2rem .8rem;"
        "border-bottom:1px solid #ccc;vertical-align:top}h2{margin-top:2rem;font-size:1.1rem}</style>"
        f"<h1>voicebox {html.escape(__version__)}</h1><p>Shapes are those of OpenAI's API; errors are "
        '<code>{"error": {message, type, param, code}}</code>. For machines: <a href=openapi.json>openapi.json</a>.'
        f"</p>{''.join(parts)}</html>"
    )


def _fields(operation: dict[str, Any]) -> str:
    body = operation.get("requestBody")
    if body is None:
        return ""
    kind, content = next(iter(body["content"].items()))
    schema = content["schema"]
    rows = "".join(
        f"<tr><td><code>{html.escape(name)}</code><td>{html.escape(_type(field))}"
        f"<td>{'required' if name in schema.get('required', ()) else ''}"
        for name, field in schema["properties"].items()
    )
    return f"<p><code>{html.escape(kind)}</code></p><table><tr><th>field<th>type<th>{rows}</table>"


def _type(field: dict[str, Any]) -> str:
    if "enum" in field:
        return " | ".join(map(str, field["enum"]))
    if "anyOf" in field:
        return " | ".join(_type(each) for each in field["anyOf"] if each.get("type") != "null")
    if "$ref" in field:
        return "object"
    kind = str(field.get("format") or field.get("type", "any"))
    return f"list of {_type(field['items'])}" if kind == "array" and "items" in field else kind
