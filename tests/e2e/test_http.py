"""The HTTP endpoints on the real engines, through the unmodified OpenAI client."""

import asyncio
import io
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import openai
import pytest

from tests.e2e.conftest import Speak
from voicebox.audio.encode import StreamEncoder
from voicebox.audio.resample import resample
from voicebox.audio.upload import read_upload
from voicebox.client.result import TalkResult

pytestmark = [pytest.mark.models, pytest.mark.instruct]


@pytest.fixture
async def api(url: str) -> AsyncIterator[openai.AsyncOpenAI]:
    http = httpx.AsyncClient(trust_env=False, timeout=120)
    async with openai.AsyncOpenAI(base_url=f"{url}/v1", api_key="none", http_client=http, max_retries=0) as client:
        yield client


def file_of(audio: Any, kind: Any = "wav") -> bytes:
    encoder = StreamEncoder(kind)
    return encoder.push(resample(audio, 16_000, 24_000)) + encoder.finish()


@pytest.mark.parametrize("kind", ["mp3", "opus", "aac", "flac", "wav"])
async def test_what_is_spoken_is_understood(api: openai.AsyncOpenAI, kind: Any) -> None:
    spoken = await api.audio.speech.create(
        model="voicebox", voice="alloy", input="Please turn on the kitchen lights.", response_format=kind
    )
    data = spoken.read()
    assert 1.0 < len(read_upload(io.BytesIO(data), max_s=60)) / 16_000 < 5.0
    said = await api.audio.transcriptions.create(
        model="voicebox", file=data, response_format="verbose_json", timestamp_granularities=["word"]
    )
    assert "kitchen lights" in said.text.lower()
    assert said.words is not None
    starts = [word.start for word in said.words]
    assert starts == sorted(starts)
    assert "kitchen" in [word.word.lower() for word in said.words]


async def test_a_long_recording_beside_a_call(api: openai.AsyncOpenAI, speak: Speak, talk: Callable[..., Any]) -> None:
    sentences = ["Turn on the lights in the kitchen.", "What time is it?", "Set a timer for ten minutes."] * 8
    long = file_of(speak(*sentences, pause_s=0.6), "opus")

    async def streamed() -> list[Any]:
        stream = await api.audio.transcriptions.create(model="voicebox", file=long, stream=True)
        return [event async for event in stream]

    reading = asyncio.create_task(streamed())
    result: TalkResult = await talk("What is six times seven?")
    events = await reading
    [turn] = result.turns
    assert "42" in turn.reply
    assert len(events) > 3
    text = events[-1].text.lower()
    assert "".join(event.delta for event in events[:-1]).lower() == text
    assert text.count("kitchen") == 8
    assert text.count("timer") == 8


async def test_chat_on_the_real_tiers(api: openai.AsyncOpenAI) -> None:
    skill: Any = await api.chat.completions.create(
        model="voicebox", messages=[{"role": "user", "content": "What is six times seven?"}]
    )
    assert "42" in skill.choices[0].message.content
    assert skill.voicebox == {"tier": "reflex"}
    answer = await api.chat.completions.create(
        model="small", messages=[{"role": "user", "content": "Say hello.\0 \ud7ff"}], max_tokens=8, temperature=0
    )
    assert answer.choices[0].message.content
    assert answer.usage is not None
    assert 0 < answer.usage.completion_tokens <= 8
    assert answer.usage.prompt_tokens > 5
    stream = await api.chat.completions.create(
        model="small",
        messages=[{"role": "user", "content": "Say hello.\0 \ud7ff"}],
        max_tokens=8,
        temperature=0,
        stream=True,
        stream_options={"include_usage": True},
    )
    chunks = [chunk async for chunk in stream]
    assert "".join(c.choices[0].delta.content or "" for c in chunks if c.choices) == answer.choices[0].message.content
    assert chunks[-1].usage == answer.usage


async def test_a_chat_that_is_too_long_for_the_model(api: openai.AsyncOpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        await api.chat.completions.create(model="small", messages=[{"role": "user", "content": "word " * 9_000}])
    assert caught.value.code == "context_length_exceeded"


@pytest.mark.parametrize("text", ["a\0b", "🙂 ok", "<b>one</b> & two", "1\n\n\n2", "ａｂｃ"])
async def test_odd_texts_are_spoken_or_refused(api: openai.AsyncOpenAI, text: str) -> None:
    spoken = await api.audio.speech.create(model="voicebox", voice="alloy", input=text, response_format="pcm")
    assert len(spoken.read()) > 1_000
