"""Requests that no client would send, against the whole application; `python -m tests.server.fuzz 10000` sends many.

Each must be answered, never with an internal error, and each error in the shape that OpenAI's clients know.
"""

from __future__ import annotations

import asyncio
import json
import logging
import string
import sys
from collections import Counter
from typing import Any

import httpx
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.scripted import ScriptedEngines, tone
from tests.server.backends import Fakes
from voicebox.audio.encode import StreamEncoder
from voicebox.config import load_settings
from voicebox.server.app import create_app

PATHS = [
    "/v1/chat/completions",
    "/v1/audio/speech",
    "/v1/audio/transcriptions",
    "/v1/realtime/client_secrets",
    "/v1/models",
    "/v1/models/x",
    "/health",
]

GOOD: dict[str, Any] = {
    "/v1/chat/completions": {
        "model": "small",
        "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi"}],
        "stream": True,
        "stream_options": {"include_usage": True},
        "stop": ["x"],
        "temperature": 0.5,
        "max_tokens": 5,
        "n": 1,
        "tools": [],
        "response_format": {"type": "text"},
    },
    "/v1/audio/speech": {
        "model": "tts-1",
        "input": "Hello there. How are you?",
        "voice": {"id": "nova"},
        "response_format": "pcm",
        "speed": 1.0,
        "stream_format": "sse",
    },
    "/v1/realtime/client_secrets": {
        "expires_after": {"anchor": "created_at", "seconds": 600},
        "session": {
            "type": "realtime",
            "instructions": "Be brief.",
            "output_modalities": ["text"],
            "audio": {
                "input": {"format": {"type": "audio/pcm", "rate": 24000}, "turn_detection": {"type": "semantic_vad"}},
                "output": {"voice": "nova", "speed": 1.1},
            },
        },
    },
}

_wav = StreamEncoder("wav")
WAV = _wav.push(tone(0.2, 24_000)) + _wav.finish()

FORM: dict[str, Any] = {
    "file": WAV,
    "model": b"whisper-1",
    "language": b"en",
    "prompt": b"hello",
    "response_format": b"verbose_json",
    "temperature": b"0",
    "timestamp_granularities[]": b"word",
    "stream": b"false",
}

text = st.text(st.characters(exclude_categories=()), max_size=30)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | text | st.sampled_from(["", "text", "auto", "realtime"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(text, inner, max_size=3),
    max_leaves=6,
)


@st.composite
def mutated(draw: st.DrawFn, good: Any) -> Any:
    """A good body with some of its values exchanged, left out, or joined by others."""
    if isinstance(good, dict) and good and draw(st.integers(0, 9)):
        out = dict(good)
        for name in draw(st.lists(st.sampled_from(sorted(good)), min_size=1, max_size=2, unique=True)):
            how = draw(st.integers(0, 5))
            if how == 0:
                del out[name]
            elif how == 1:
                out[draw(text)] = draw(values)
            else:
                out[name] = draw(mutated(good[name]))
        return out
    if isinstance(good, list) and good and draw(st.integers(0, 9)):
        out = list(good)
        at = draw(st.integers(0, len(out) - 1))
        out[at] = draw(mutated(out[at]))
        return out
    return draw(values)


@st.composite
def json_requests(draw: st.DrawFn) -> dict[str, Any]:
    path = draw(st.sampled_from(sorted(GOOD)))
    body = draw(mutated(GOOD[path]))
    content = json.dumps(body).encode()
    if not draw(st.integers(0, 4)):
        content = draw(st.binary(max_size=60) | st.just(content[: len(content) // 2]) | st.just(b"[" * 100_000))
    return {"method": "POST", "url": path, "content": content}


@st.composite
def form_requests(draw: st.DrawFn) -> dict[str, Any]:
    boundary = "b0undary"
    parts = dict(FORM)
    for name in draw(st.lists(st.sampled_from(sorted(FORM)), max_size=3, unique=True)):
        how = draw(st.integers(0, 3))
        if how == 0:
            del parts[name]
        elif how == 1:
            parts[draw(st.text(string.ascii_letters + "_[]", max_size=12))] = draw(st.binary(max_size=40))
        else:
            parts[name] = draw(st.binary(max_size=60) | st.just(parts[name][: len(parts[name]) // 2]))
    body = b""
    for name, content in parts.items():
        is_file = name == "file" or not draw(st.integers(0, 15))
        file = '; filename="x.wav"' if is_file else ""
        body += (
            f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"{file}\r\n\r\n'.encode() + content + b"\r\n"
        )
    body += f"--{boundary}--\r\n".encode()
    if not draw(st.integers(0, 4)):
        at = draw(st.integers(0, len(body)))
        body = body[:at] + draw(st.binary(max_size=8)) + body[draw(st.integers(at, len(body))) :]
    kind = draw(
        st.sampled_from([f"multipart/form-data; boundary={boundary}"] * 8 + ["multipart/form-data", "text/plain", ""])
    )
    return {"method": "POST", "url": PATHS[2], "content": body, "headers": {"content-type": kind}}


plain_requests = st.builds(
    lambda method, url, content, headers: {"method": method, "url": url, "content": content, "headers": headers},
    st.sampled_from(["GET", "POST", "PUT", "DELETE", "OPTIONS", "HEAD"]),
    st.sampled_from(PATHS) | st.builds(lambda name: f"/v1/models/{name}", st.text(string.printable[:90], max_size=20)),
    st.binary(max_size=60),
    st.dictionaries(
        st.sampled_from(["authorization", "origin", "content-type", "content-length-x", "host"]),
        st.text(string.printable[:95], max_size=30),
        max_size=2,
    ),
)

requests = json_requests() | form_requests() | plain_requests


def check(response: httpx.Response) -> None:
    """Never an internal error; errors in the shape that clients know, saying what is wrong."""
    assert response.status_code != 500, response.text
    if response.status_code < 400 or response.request.method == "HEAD":
        return
    error = response.json()["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert error["message"]
    assert isinstance(error["code"], str)
    assert 0 < len(error["message"]) <= 2_000


def run(examples: int) -> Counter[int]:
    """Send so many requests; how often each status was the answer."""
    loop = asyncio.new_event_loop()
    app = create_app(
        load_settings(flags={"server.max_file_bytes": 100_000}),
        ScriptedEngines().session,
        health=lambda: {"models": {"stt": "whisper"}},
        backends=Fakes().backends,
    )
    transport = httpx.ASGITransport(app.asgi, raise_app_exceptions=True)
    client = httpx.AsyncClient(transport=transport, base_url="http://localhost", trust_env=False)
    statuses: Counter[int] = Counter()

    @settings(
        max_examples=examples,
        deadline=None,
        database=None,
        derandomize=examples <= 2_000,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate, Phase.shrink],
    )
    @given(request=requests)
    def one(request: dict[str, Any]) -> None:
        try:
            built = client.build_request(**request)
        except (httpx.InvalidURL, ValueError):
            return  # What httpx cannot even write.
        response = loop.run_until_complete(asyncio.wait_for(client.send(built), 30))
        statuses[response.status_code] += 1
        check(response)

    try:
        one()
        loop.run_until_complete(asyncio.sleep(0.1))  # What was cancelled ends.
        assert not asyncio.all_tasks(loop)
    finally:
        loop.run_until_complete(client.aclose())
        loop.close()
    return statuses


if __name__ == "__main__":
    logging.disable(logging.WARNING)
    print(dict(sorted(run(int(sys.argv[1])).items())))  # noqa: T201
