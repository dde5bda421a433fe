"""Bodies of requests: read within limits, checked, and refused with a word on what is wrong with them."""

from __future__ import annotations

import json
from typing import Any, BinaryIO, TypeVar

from pydantic import BaseModel, ValidationError
from python_multipart.exceptions import FormParserError
from starlette.datastructures import FormData, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request

from voicebox.server.http_errors import HttpError

__all__ = ["limited", "read_form", "read_json", "upload_of", "validated"]

_Model = TypeVar("_Model", bound=BaseModel)

_MAX_FIELDS = 64


async def limited(request: Request, most: int) -> bytes:
    """The whole body.

    Raises:
        HttpError: 413, before more than that was read.
    """
    _check_length(request, most)
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > most:
            raise _too_large(most)
    return bytes(body)


async def read_json(request: Request, model: type[_Model], most: int) -> _Model:
    """A JSON body as a model.

    Raises:
        HttpError: 413, or 400 that names the field.
    """
    body = await limited(request, most)
    try:
        value = json.loads(body)
        if b"\\u" in body:
            # Halves of surrogate pairs are JSON, but no text: nothing further in could write them.
            json.dumps(value, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        # UnicodeDecodeError is a ValueError too.
        raise HttpError(400, f"The body is no JSON: {_reason(error)}", "invalid_json") from None
    if not isinstance(value, dict):
        raise HttpError(400, "The body must be a JSON object", "invalid_json")
    return validated(model, value)


def validated(model: type[_Model], value: dict[str, Any]) -> _Model:
    """Checked fields.

    Raises:
        HttpError: 400 with the first field that is wrong, and why.
    """
    try:
        return model.model_validate(value)
    except ValidationError as error:
        problem = error.errors(include_url=False, include_input=False)[0]
        param = ".".join(str(part) for part in problem["loc"])[:200]
        if problem["type"] == "extra_forbidden":
            raise HttpError(400, f"Unknown parameter: {param!r}", "unknown_parameter", param=param) from None
        if problem["type"] == "missing":
            raise HttpError(400, f"Missing required parameter: {param!r}", "missing_parameter", param=param) from None
        reason = problem["msg"].removeprefix("Value error, ")
        message = f"Invalid value for {param!r}: {reason}" if param else reason
        raise HttpError(400, message[:500], "invalid_value", param=param or None) from None


async def read_form(request: Request, most: int) -> FormData:
    """A multipart body; its files are on disk where they are large, and must be closed (`await form.close()`).

    Raises:
        HttpError: 413 as soon as too much has come, 400 for what is no multipart form.
    """
    _check_length(request, most)
    if not request.headers.get("content-type", "").lower().startswith("multipart/form-data"):
        raise HttpError(400, "The body must be multipart/form-data", "invalid_form", cure='Send the file as "file".')
    received = 0

    async def pieces() -> Any:
        nonlocal received
        async for piece in request.stream():
            received += len(piece)
            if received > most:
                raise _too_large(most)
            yield piece

    parser = MultiPartParser(
        request.headers, pieces(), max_files=2, max_fields=_MAX_FIELDS, max_part_size=min(most, 2**20)
    )
    try:
        return await parser.parse()
    except (MultiPartException, FormParserError, KeyError, ValueError) as error:
        # Starlette takes an unreadable boundary or charset for granted.
        reason = error.message if isinstance(error, MultiPartException) else str(error)
        raise HttpError(400, f"The form cannot be read: {reason[:200]}", "invalid_form") from None


def upload_of(form: FormData, name: str) -> BinaryIO:
    """The file of a form.

    Raises:
        HttpError: there is none.
    """
    files = form.getlist(name)
    if not files or not isinstance(files[0], UploadFile):
        raise HttpError(400, f"Missing required parameter: {name!r}", "missing_parameter", param=name)
    return files[0].file


def _reason(error: Exception) -> str:
    return "half of a surrogate pair" if isinstance(error, UnicodeEncodeError) else str(error)[:200]


def _check_length(request: Request, most: int) -> None:
    length = request.headers.get("content-length", "")
    if length.isdigit() and int(length) > most:
        raise _too_large(most)


def _too_large(most: int) -> HttpError:
    return HttpError(
        413,
        f"The request is larger than the {most} bytes that this server takes",
        "request_too_large",
        cure="Send less, or raise server.max_file_bytes or server.max_body_bytes.",
    )
