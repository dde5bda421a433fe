"""`POST /v1/audio/transcriptions`: recordings of any length and usual format to text, subtitles or times of words."""

from __future__ import annotations

import asyncio
import secrets
import zlib
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator
from starlette.datastructures import FormData, UploadFile
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from voicebox.audio.upload import read_upload
from voicebox.config import ServerSettings
from voicebox.errors import ModelError
from voicebox.server import recordings
from voicebox.server.backends import Backends, Places, while_connected
from voicebox.server.http_body import read_form, upload_of, validated
from voicebox.server.http_errors import HttpError
from voicebox.server.recordings import Heard
from voicebox.server.sse import Streaming, broken, event, first_then
from voicebox.server.subtitles import segments, srt, vtt
from voicebox.stt.types import SAMPLE_RATE, Audio

__all__ = ["TranscriptionFields", "Transcriptions"]

_FORM_ROOM = 64 * 1024
"""Bytes that a form may have beside its file."""
_REFUSED = ("known_speaker_names", "known_speaker_references", "include")
_LISTS = ("timestamp_granularities", "include", "known_speaker_names", "known_speaker_references")


class TranscriptionFields(BaseModel):
    """The fields beside the file. `chunking_strategy` is accepted: recordings are always cut at pauses."""

    model_config = ConfigDict(extra="forbid")

    model: Annotated[str, Field(min_length=1, max_length=256)]
    language: Annotated[str, Field(max_length=32)] = ""
    prompt: Annotated[str, Field(max_length=4_096)] = ""
    response_format: Literal["json", "text", "srt", "vtt", "verbose_json"] = "json"
    temperature: float = 0.0
    timestamp_granularities: list[Literal["word", "segment"]] = Field(default_factory=list)
    stream: bool = False
    chunking_strategy: str = "auto"

    @field_validator("temperature")
    @classmethod
    def _greedy(cls, value: float) -> float:
        if value != 0.0:
            raise ValueError("recognition here never draws at random: leave temperature out, or send 0")
        return value


class Transcriptions:
    """The endpoint.

    Args:
        settings: limits.
        backends: recogniser and voice detector.
        places: requests at the models.
        calm: whether nobody is in a call.
        spend: accounts for seconds of audio of the request's key, and raises HttpError where it has none left.
    """

    def __init__(
        self,
        settings: ServerSettings,
        backends: Backends,
        places: Places,
        *,
        calm: Callable[[], bool],
        spend: Callable[[Request, float], None],
    ) -> None:
        self._settings = settings
        self._backends = backends
        self._places = places
        self._calm = calm
        self._spend = spend

    async def create(self, request: Request) -> Response:
        """Transcribe."""
        form = await read_form(request, self._settings.max_file_bytes + _FORM_ROOM)
        try:
            fields = _fields(form)
            language = _language(fields.language, self._backends.language)
            with self._places.place():
                audio = await while_connected(request, self._read(form))
        finally:
            await form.close()
        self._spend(request, len(audio) / SAMPLE_RATE)
        timed = fields.response_format in ("srt", "vtt", "verbose_json")
        wanted = recordings.Request(
            audio, f"file-{secrets.token_hex(8)}", prompt=fields.prompt, language=language, word_times=timed
        )
        if fields.stream:
            if timed:
                raise HttpError(
                    400,
                    f"{fields.response_format} cannot be streamed",
                    "invalid_value",
                    param="response_format",
                    cure="Use json or text with stream.",
                )
            events = self._places.held(_events(self._heard(wanted), audio))
            return Streaming(await first_then(events, broken), "text/event-stream")
        with self._places.place():
            heard = await while_connected(request, self._all(wanted))
        return _answer(fields, heard, audio)

    async def _read(self, form: FormData) -> Audio:
        file = upload_of(form, "file")
        # The file's thread goes on if the client leaves; the file is closed under it, which ends it.
        return await asyncio.to_thread(read_upload, file, max_s=self._settings.max_file_s)

    async def _heard(self, wanted: recordings.Request) -> AsyncGenerator[Heard, None]:
        backends = self._backends
        try:
            async for piece in recordings.transcribe(
                backends.transcriber, wanted, stream=backends.vad, threshold=backends.vad_threshold, calm=self._calm
            ):
                yield piece
        except ModelError as error:
            if wanted.language:
                raise HttpError(400, error.message, "invalid_value", param="language", cure=error.cure) from None
            raise

    async def _all(self, wanted: recordings.Request) -> list[Heard]:
        return [piece async for piece in self._heard(wanted)]


def _fields(form: FormData) -> TranscriptionFields:
    values: dict[str, Any] = {}
    for key in form:
        name = key.removesuffix("[]")
        if name == "file":
            continue
        given = form.getlist(key)
        if any(isinstance(value, UploadFile) for value in given):
            raise HttpError(400, f"{name} is no file", "invalid_value", param=name)
        if name in _REFUSED:
            raise HttpError(400, f"{name} is not supported by this server", "unsupported_parameter", param=name)
        if name not in _LISTS and len(given) > 1:
            raise HttpError(400, f"{name} is given {len(given)} times", "invalid_value", param=name)
        if name in _LISTS:
            values[name] = [*values.get(name, ()), *given]
        elif given[0] != "":
            values[name] = given[0]
    fields = validated(TranscriptionFields, values)
    if fields.timestamp_granularities and fields.response_format != "verbose_json":
        raise HttpError(
            400,
            "timestamp_granularities needs response_format verbose_json",
            "invalid_value",
            param="timestamp_granularities",
        )
    return fields


def _language(asked: str, own: str) -> str:
    """The hint for the recogniser.

    Raises:
        HttpError: the server recognises another language only.
    """
    code = asked.strip().lower().replace("_", "-").split("-")[0]
    if not code or own == "auto":
        return code
    if code != own:
        raise HttpError(
            400,
            f"This server recognises {own!r}, not {asked!r}",
            "unsupported_language",
            param="language",
            cure="Start it with stt.language=auto and a multilingual model.",
        )
    return ""


async def _events(pieces: AsyncGenerator[Heard, None], audio: Audio) -> AsyncGenerator[bytes, None]:
    said: list[str] = []
    async with aclosing(pieces):
        async for piece in pieces:
            yield event({"type": "transcript.text.delta", "delta": f" {piece.text}" if said else piece.text})
            said.append(piece.text)
    yield event({"type": "transcript.text.done", "text": " ".join(said), "usage": _usage(audio)})


def _answer(fields: TranscriptionFields, heard: list[Heard], audio: Audio) -> Response:
    text = " ".join(piece.text for piece in heard)
    match fields.response_format:
        case "json":
            return JSONResponse({"text": text, "usage": _usage(audio)})
        case "text":
            return PlainTextResponse(text + "\n")
        case "srt":
            return PlainTextResponse(srt(segments(heard)))
        case "vtt":
            return PlainTextResponse(vtt(segments(heard)))
    body: dict[str, Any] = {
        "task": "transcribe",
        "language": heard[0].hypothesis.language if heard else "",
        "duration": round(len(audio) / SAMPLE_RATE, 3),
        "text": text,
        "usage": _usage(audio),
    }
    if not fields.timestamp_granularities or "segment" in fields.timestamp_granularities:
        body["segments"] = [
            {
                "id": number,
                "seek": 0,
                "start": round(line.start_s, 3),
                "end": round(line.end_s, 3),
                "text": line.text,
                "tokens": [],
                "temperature": 0.0,
                "avg_logprob": round(line.avg_logprob, 4),
                "compression_ratio": _compression(line.text),
                "no_speech_prob": round(line.no_speech_prob, 4),
            }
            for number, line in enumerate(segments(heard))
        ]
    if "word" in fields.timestamp_granularities:
        words = [word for piece in heard for word in piece.words]
        body["words"] = [
            {"word": word.text, "start": round(word.start_s, 3), "end": round(word.end_s, 3)} for word in words
        ]
    return JSONResponse(body)


def _compression(text: str) -> float:
    data = text.encode()
    return round(len(data) / len(zlib.compress(data)), 4) if data else 0.0


def _usage(audio: Audio) -> dict[str, Any]:
    return {"type": "duration", "seconds": -(-len(audio) // SAMPLE_RATE)}
