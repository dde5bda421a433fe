"""The HTTP endpoints through the unmodified OpenAI client, with engines that know what they will say."""

import asyncio
import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import av
import httpx
import numpy as np
import openai
import pytest

from tests.scripted import tone
from tests.server.backends import VOICE, FakeChat, Fakes
from tests.server.running_server import Running, Start
from voicebox.audio.encode import StreamEncoder
from voicebox.stt.types import Priority

HI: Any = [{"role": "user", "content": "Hi"}]


@asynccontextmanager
async def client(server: Running, key: str = "none") -> AsyncIterator[openai.AsyncOpenAI]:
    http = httpx.AsyncClient(trust_env=False)
    async with openai.AsyncOpenAI(
        base_url=f"{server.url}/v1", api_key=key, http_client=http, max_retries=0
    ) as connected:
        yield connected


def recording(seconds: float = 3.0, kind: Any = "wav") -> bytes:
    encoder = StreamEncoder(kind)
    return encoder.push(tone(seconds, 24_000)) + encoder.finish()


def samples(data: bytes) -> int:
    with av.open(io.BytesIO(data)) as container:
        stream = container.streams.audio[0]
        return sum(round(frame.samples * 24_000 / stream.rate) for frame in container.decode(audio=0))


@pytest.mark.parametrize("kind", ["wav", "mp3", "flac", "opus", "aac"])
async def test_transcription_of_each_format(start: Start, kind: str) -> None:
    fakes = Fakes()
    async with start(fakes=fakes) as server, client(server) as api:
        said = await api.audio.transcriptions.create(
            model="whisper-1", file=("x.bin", recording(kind=kind)), prompt="hello", language="en-US", temperature=0
        )
        assert said.text == "word1 word2 word3 word4 word5 word6"
        assert said.usage is not None
        assert said.usage.type == "duration"
    (clip,) = fakes.transcriber.clips
    assert clip.prompt == "hello"
    assert abs(len(clip.audio) - 48_000) < 3_200
    assert fakes.transcriber.priorities == [Priority.BACKGROUND]


async def test_transcription_in_webm_and_m4a(start: Start) -> None:
    async with start(fakes=Fakes()) as server, client(server) as api:
        for container_format, codec in (("webm", "libopus"), ("mp4", "aac")):
            data = io.BytesIO()
            with av.open(data, "w", format=container_format) as container:
                stream: Any = container.add_stream(codec, rate=48_000, layout="stereo")
                frame = av.AudioFrame.from_ndarray(np.tile(tone(2.0, 48_000), (2, 1)), format="fltp", layout="stereo")
                frame.rate = 48_000
                for packet in [*stream.encode(frame), *stream.encode(None)]:
                    container.mux(packet)
            said = await api.audio.transcriptions.create(model="whisper-1", file=("x", data.getvalue()))
            assert said.text.startswith("word")


async def test_transcription_as_text_subtitles_and_words(start: Start) -> None:
    async with start(fakes=Fakes()) as server, client(server) as api:
        create = api.audio.transcriptions.create
        text = await create(model="x", file=recording(1.0), response_format="text")
        assert text == "word1 word2\n"
        srt = await create(model="x", file=recording(1.0), response_format="srt")
        assert srt == "1\n00:00:00,000 --> 00:00:00,900\nword3 word4\n"
        vtt = await create(model="x", file=recording(1.0), response_format="vtt")
        assert vtt == "WEBVTT\n\n00:00:00.000 --> 00:00:00.900\nword5 word6\n"
        verbose = await create(model="x", file=recording(1.0), response_format="verbose_json")
        assert verbose.language == "en"
        assert verbose.duration == 1.0
        assert verbose.segments is not None
        assert [(s.id, s.start, s.end, s.text) for s in verbose.segments] == [(0, 0.0, 0.9, "word7 word8")]
        assert verbose.words is None
        words = await create(
            model="x", file=recording(1.0), response_format="verbose_json", timestamp_granularities=["word"]
        )
        assert words.words is not None
        assert [(w.word, w.start, w.end) for w in words.words] == [("word9", 0.0, 0.4), ("word10", 0.5, 0.9)]
        assert words.segments is None


async def test_transcription_streamed(start: Start) -> None:
    async with start(fakes=Fakes()) as server, client(server) as api:
        silence = np.zeros(24_000, np.float32)
        encoder = StreamEncoder("wav")
        long = encoder.push(np.concatenate([tone(14.0, 24_000), silence, tone(14.0, 24_000)]))
        stream = await api.audio.transcriptions.create(model="x", file=long, stream=True)
        events = [event async for event in stream]
        kinds = [event.type for event in events]
        assert kinds == ["transcript.text.delta", "transcript.text.delta", "transcript.text.done"]
        assert "".join(event.delta for event in events[:-1]) == events[-1].text
        assert len(events[-1].text.split()) == 56


@pytest.mark.parametrize("kind", ["mp3", "opus", "aac", "flac", "wav", "pcm"])
async def test_speech_in_each_format(start: Start, kind: Any) -> None:
    fakes = Fakes()
    text = "Good morning. This is a sentence that is spoken, and this is another one."
    async with start(fakes=fakes) as server, client(server) as api:
        answer = await api.audio.speech.create(
            model="tts-1", voice="nova", input=text, response_format=kind, speed=1.5, instructions="Cheerfully."
        )
        data = answer.read()
    assert " ".join(fakes.speaker.phrases) == text
    assert fakes.speaker.manners[0] is not None
    assert (fakes.speaker.manners[0].voice, fakes.speaker.manners[0].speed) == ("nova", 1.5)
    expected = 0.05 * sum(map(len, fakes.speaker.phrases)) * 24_000
    got = len(data) // 2 if kind == "pcm" else samples(data)
    assert abs(got - expected) < 2_500


async def test_speech_as_events_with_a_voice_object(start: Start) -> None:
    async with start(fakes=Fakes()) as server, client(server) as api:
        voice: Any = {"id": VOICE}
        async with api.audio.speech.with_streaming_response.create(
            model="tts-1", voice=voice, input="Hello.", response_format="pcm", stream_format="sse"
        ) as answer:
            lines = [line async for line in answer.iter_lines() if line]
    assert '"type":"speech.audio.delta"' in lines[0]
    assert lines[-1].startswith('data: {"type":"speech.audio.done","usage":{"input_tokens":1,')


async def test_chat_whole_and_streamed(start: Start) -> None:
    fakes = Fakes()
    async with start(fakes=fakes) as server, client(server) as api:
        history: Any = [
            {"role": "developer", "content": "Be brief."},
            {"role": "user", "content": [{"type": "text", "text": "Hi"}]},
            {"role": "assistant", "content": "Hello."},
            {"role": "user", "content": "How are you?"},
        ]
        whole = await api.chat.completions.create(model="small", messages=history, temperature=0.5, seed=3)
        assert whole.choices[0].message.content == "Hello there, how are you?"
        assert whole.choices[0].finish_reason == "stop"
        assert whole.usage is not None
        assert (whole.usage.prompt_tokens, whole.usage.completion_tokens, whole.usage.total_tokens) == (7, 5, 12)
        assert fakes.chat is not None
        assert [m.role for m in fakes.chat.asked[0]] == ["system", "user", "assistant", "user"]
        assert fakes.chat.samplings[0] is not None
        assert (fakes.chat.samplings[0].temperature, fakes.chat.samplings[0].seed) == (0.5, 3)
        stream = await api.chat.completions.create(
            model="tiny-instruct", messages=HI, stream=True, stream_options={"include_usage": True}
        )
        chunks = [chunk async for chunk in stream]
        said = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
        assert said == "Hello there, how are you?"
        assert chunks[-2].choices[0].finish_reason == "stop"
        assert (chunks[-1].choices, chunks[-1].usage and chunks[-1].usage.total_tokens) == ([], 12)
        assert len(fakes.chat.released) == 2


async def test_chat_ends_at_stop_and_at_its_length(start: Start) -> None:
    async with start(fakes=Fakes()) as server, client(server) as api:
        create = api.chat.completions.create
        stopped = await create(model="small", messages=HI, stop=["how are"])
        assert (stopped.choices[0].message.content, stopped.choices[0].finish_reason) == ("Hello there, ", "stop")
        short = await create(model="small", messages=HI, max_completion_tokens=2)
        assert (short.choices[0].message.content, short.choices[0].finish_reason) == ("Hello there, ", "length")


async def test_the_assistant_asks_skills_that_only_speak(start: Start) -> None:
    fakes = Fakes()
    async with start(fakes=fakes) as server, client(server) as api:
        create = api.chat.completions.create
        time: Any = await create(model="voicebox", messages=[{"role": "user", "content": "What time is it?"}])
        assert time.choices[0].message.content == "It is noon."
        assert time.voicebox == {"tier": "reflex"}
        timer: Any = await create(
            model="voicebox",
            messages=[{"role": "system", "content": "Be kind."}, {"role": "user", "content": "Set a timer"}],
        )
        assert timer.voicebox == {"tier": "small"}
        assert fakes.reflex.done == []
        assert fakes.chat is not None
        assert fakes.chat.asked[0][0].content == "You are a test. Be kind."


async def test_without_the_instruct_model_chat_says_what_to_do(start: Start) -> None:
    async with start(fakes=Fakes(chat=None)) as server, client(server) as api:
        with pytest.raises(openai.InternalServerError) as caught:
            await api.chat.completions.create(model="small", messages=HI)
        assert caught.value.status_code == 503
        assert "voicebox models pull" in caught.value.message
        assert caught.value.response.headers["retry-after"]


async def test_a_client_that_leaves_stops_the_reply(start: Start) -> None:
    chat = FakeChat(hold=True)
    async with start(fakes=Fakes(chat=chat), max_requests=1) as server, client(server) as api:
        stream = await api.chat.completions.create(model="small", messages=HI, stream=True)
        async for chunk in stream:
            if chunk.choices[0].delta.content:
                break
        with pytest.raises(openai.InternalServerError, match="places"):
            await api.chat.completions.create(model="small", messages=HI)
        await stream.close()
        await asyncio.wait_for(chat.ended.wait(), 10)
        chat.begun.clear()
        chat.ended.clear()
        asking = asyncio.create_task(api.chat.completions.create(model="small", messages=HI))
        await asyncio.wait_for(chat.begun.wait(), 10)
        asking.cancel()
        await asyncio.wait_for(chat.ended.wait(), 10)
        chat.hold = False
        assert (await api.chat.completions.create(model="small", messages=HI)).choices


async def test_a_client_that_leaves_stops_its_transcription(start: Start) -> None:
    fakes = Fakes()
    fakes.transcriber.hold = True
    async with start(fakes=fakes) as server, client(server) as api:
        asking = asyncio.create_task(api.audio.transcriptions.create(model="x", file=recording()))
        assert await asyncio.to_thread(fakes.transcriber.submitted.wait, 10)
        asking.cancel()
        assert await asyncio.to_thread(fakes.transcriber.cancelled.wait, 10)


async def test_models(start: Start) -> None:
    async with start(health={"models": {"stt": "whisper-base", "small": "qwen"}}) as server, client(server) as api:
        assert [model.id async for model in api.models.list()] == ["voicebox", "small", "qwen", "whisper-base"]
        assert (await api.models.retrieve("whisper-base")).owned_by == "voicebox"
        with pytest.raises(openai.NotFoundError):
            await api.models.retrieve("gpt-9")


BAD_CHATS: list[tuple[dict[str, Any], str, str | None]] = [
    ({"model": "gpt-9"}, "model_not_found", "model"),
    ({"n": 2}, "invalid_value", "n"),
    ({"tools": [{"type": "function"}]}, "invalid_value", "tools"),
    ({"response_format": {"type": "json_object"}}, "invalid_value", "response_format"),
    ({"messages": []}, "invalid_value", "messages"),
    ({"messages": [{"role": "tool", "content": "x"}]}, "invalid_value", "messages.0.role"),
    ({"messages": [{"role": "user", "content": "x" * 20_001}]}, "context_length_exceeded", "messages"),
    ({"temprature": 1}, "unknown_parameter", "temprature"),
]


@pytest.mark.parametrize(("fields", "code", "param"), BAD_CHATS)
async def test_chats_that_are_refused(start: Start, fields: dict[str, Any], code: str, param: str | None) -> None:
    async with start(fakes=Fakes()) as server, client(server) as api:
        with pytest.raises((openai.BadRequestError, openai.NotFoundError)) as caught:
            await api.post("/chat/completions", body={"model": "small", "messages": HI, **fields}, cast_to=object)
        assert (caught.value.code, caught.value.param) == (code, param)


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"voice": "bob"}, "voice_not_found"),
        ({"input": "x" * 4_097}, "invalid_value"),
        ({"input": "..."}, "invalid_value"),
        ({"speed": 5}, "invalid_value"),
        ({"response_format": "midi"}, "invalid_value"),
    ],
)
async def test_speech_that_is_refused(start: Start, fields: dict[str, Any], code: str) -> None:
    async with start(fakes=Fakes()) as server, client(server) as api:
        with pytest.raises(openai.BadRequestError) as caught:
            await api.post(
                "/audio/speech", body={"model": "x", "voice": "nova", "input": "Hi", **fields}, cast_to=object
            )
        assert caught.value.code == code


@pytest.mark.parametrize(
    ("fields", "status", "code"),
    [
        ({"file": b"not audio at all"}, 400, "invalid_audio"),
        ({"file": b""}, 400, "invalid_audio"),
        ({"file": b"RIFF\x00\x00\x00\x00WAVEjunk"}, 400, "invalid_audio"),
        ({"file": b"\x1a\x45\xdf\xa3" + bytes(100)}, 400, "invalid_audio"),
        ({"file": b"#EXTM3U\n#EXTINF:1,\n/etc/passwd\n"}, 400, "invalid_audio"),
        ({"language": "de"}, 400, "unsupported_language"),
        ({"temperature": 0.7}, 400, "invalid_value"),
        ({"include": ["logprobs"]}, 400, "unsupported_parameter"),
        ({"timestamp_granularities": ["word"]}, 400, "invalid_value"),
        ({"response_format": "srt", "stream": True}, 400, "invalid_value"),
        ({"extra_body": {"colour": "red"}}, 400, "unknown_parameter"),
        ({"file": b"RIFF" + bytes(200_000)}, 413, "request_too_large"),
        ({"file": recording(8.0, "mp3")}, 400, "invalid_audio"),
    ],
)
async def test_transcriptions_that_are_refused(start: Start, fields: Any, status: int, code: str) -> None:
    async with start(fakes=Fakes(), max_file_bytes=120_000, max_file_s=5) as server, client(server) as api:
        with pytest.raises(openai.APIStatusError) as caught:
            await api.audio.transcriptions.create(**{"model": "whisper-1", "file": recording(1.0), **fields})
        assert (caught.value.status_code, caught.value.code) == (status, code)
