"""`POST /v1/audio/speech`: text to speech, sent while it is still being spoken."""

from __future__ import annotations

import asyncio
import base64
import itertools
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response

from voicebox.audio.encode import MEDIA_TYPES, RATE, FileFormat, StreamEncoder
from voicebox.audio.resample import Resampler
from voicebox.config import ServerSettings
from voicebox.errors import ConfigError, EngineError
from voicebox.server.backends import Backends, Places
from voicebox.server.http_body import read_json
from voicebox.server.http_errors import HttpError
from voicebox.server.sse import Streaming, broken, event, first_then
from voicebox.tts.phrases import split_phrases
from voicebox.tts.types import Manner, Speaker, SpokenPhrase

__all__ = ["Speech", "SpeechBody"]

MAX_INPUT = 4_096
"""Characters, as OpenAI's limit."""


class _Voice(BaseModel):
    model_config = ConfigDict(extra="forbid")

    id: Annotated[str, Field(min_length=1, max_length=256)]


class SpeechBody(BaseModel):
    """The request. `instructions` is accepted and has no effect: a Piper voice has one way to speak."""

    model_config = ConfigDict(extra="forbid", strict=True)

    model: Annotated[str, Field(min_length=1, max_length=256)]
    input: Annotated[str, Field(min_length=1, max_length=MAX_INPUT)]
    voice: Annotated[str, Field(max_length=256)] | _Voice = ""
    response_format: FileFormat = "mp3"
    speed: Annotated[float, Field(ge=0.25, le=4.0)] = 1.0
    stream_format: Literal["audio", "sse"] = "audio"
    instructions: Annotated[str, Field(max_length=4_096)] = ""


class Speech:
    """The endpoint.

    Args:
        settings: limits.
        backends: the voices.
        places: requests at the models.
        spend: accounts for seconds of audio of the request's key, and raises HttpError where it has none left.
    """

    def __init__(
        self, settings: ServerSettings, backends: Backends, places: Places, *, spend: Callable[[Request, float], None]
    ) -> None:
        self._settings = settings
        self._backends = backends
        self._places = places
        self._spend = spend

    async def create(self, request: Request) -> Response:
        """Speak."""
        body = await read_json(request, SpeechBody, self._settings.max_body_bytes)
        name = body.voice if isinstance(body.voice, str) else body.voice.id
        try:
            self._backends.find_voice(name)
        except ConfigError as error:
            raise HttpError(400, error.message, "voice_not_found", param="voice", cure=error.cure) from None
        phrases = split_phrases(body.input)
        if not any(character.isalnum() for character in body.input):
            raise HttpError(400, "There is nothing to say in this input", "invalid_value", param="input")
        self._spend(request, 0.0)
        spoken = _speak(self._backends.speaker, phrases, Manner(name, body.speed))
        account = _Account(body.input, lambda seconds: self._spend(request, seconds))
        if body.stream_format == "sse":
            stream = _events(_encoded(spoken, body.response_format, account), account)
            return Streaming(await first_then(self._places.held(stream), broken), "text/event-stream")
        stream = _encoded(spoken, body.response_format, account)
        return Streaming(await first_then(self._places.held(stream)), MEDIA_TYPES[body.response_format])


class _Account:
    """What a request has cost."""

    def __init__(self, text: str, spend: Callable[[float], None]) -> None:
        self._spend = spend
        self._text = text
        self._audio_s = 0.0

    def spoken(self, seconds: float) -> None:
        self._audio_s += seconds
        self._spend(seconds)

    @property
    def usage(self) -> dict[str, int]:
        """Tokens in OpenAI's sense do not exist here: words of the input, and 50 ms of audio as one."""
        words, audio = len(self._text.split()), round(self._audio_s * 20)
        return {"input_tokens": words, "output_tokens": audio, "total_tokens": words + audio}


async def _speak(speaker: Speaker, phrases: list[str], manner: Manner) -> AsyncGenerator[SpokenPhrase, None]:
    """The phrases in order; the next one is made while one is sent. They go behind what calls say."""
    coming = [speaker.submit(phrase, speculative=True, manner=manner) for phrase in phrases[:1]]
    try:
        for phrase, following in itertools.zip_longest(phrases, phrases[1:]):
            (future,) = coming
            if following is not None:
                coming = [speaker.submit(following, speculative=True, manner=manner)]
            try:
                spoken = await asyncio.wrap_future(future)
            except asyncio.CancelledError:
                task = asyncio.current_task()
                if task is not None and task.cancelling():
                    future.cancel()
                    raise
                # A call's phrase took its place in the queue.
                spoken = await asyncio.wrap_future(speaker.submit(phrase, manner=manner))
            yield spoken
    finally:
        for future in coming:
            future.cancel()


async def _encoded(
    spoken: AsyncGenerator[SpokenPhrase, None], file_format: FileFormat, account: _Account
) -> AsyncGenerator[bytes, None]:
    encoder = StreamEncoder(file_format)
    resampler: Resampler | None = None
    async with aclosing(spoken):
        async for phrase in spoken:
            if resampler is None:
                resampler = Resampler(phrase.rate, RATE)
            account.spoken(phrase.duration_s)
            data = await asyncio.to_thread(_encode, encoder, resampler, phrase.audio)
            if data:
                yield data
    if resampler is None:
        raise EngineError("The voice said nothing")
    yield await asyncio.to_thread(lambda: encoder.push(resampler.flush()) + encoder.finish())


def _encode(encoder: StreamEncoder, resampler: Resampler, audio: NDArray[np.float32]) -> bytes:
    return encoder.push(resampler.process(audio))


async def _events(pieces: AsyncGenerator[bytes, None], account: _Account) -> AsyncGenerator[bytes, None]:
    async with aclosing(pieces):
        async for piece in pieces:
            if piece:
                yield event({"type": "speech.audio.delta", "audio": base64.b64encode(piece).decode()})
    yield event({"type": "speech.audio.done", "usage": account.usage})
