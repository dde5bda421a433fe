"""The server over real sockets on loopback, with scripted sessions."""

import asyncio
import base64
import json
import socket
from typing import Any

import httpx
import numpy as np
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from tests.scripted import ScriptedEngines, tone
from tests.server.running_server import Running, Start
from voicebox import __version__
from voicebox.audio.formats import PCM16_24K
from voicebox.config import load_settings
from voicebox.errors import ConfigError
from voicebox.server.app import create_app
from voicebox.server.lifecycle import running


async def receive(ws: ClientConnection, kind: str) -> dict[str, Any]:
    """The next event of a kind."""
    while True:
        event: dict[str, Any] = json.loads(await ws.recv())
        if event["type"] == kind:
            return event


async def send(ws: ClientConnection, kind: str, **fields: Any) -> None:
    await ws.send(json.dumps({"type": kind, **fields}))


def append(audio: np.ndarray[Any, Any]) -> str:
    data = base64.b64encode(PCM16_24K.encode(audio)).decode()
    return json.dumps({"type": "input_audio_buffer.append", "audio": data})


SPEECH = append(np.concatenate((tone(0.4, 24_000), np.zeros(12_000, np.float32))))


async def get(server: Running, path: str, **headers: str) -> httpx.Response:
    async with httpx.AsyncClient(trust_env=False) as client:
        return await client.get(server.url + path, headers=headers)


async def test_health_says_what_runs(start: Start) -> None:
    health = {"models": {"stt": "whisper-base"}, "pull": {"name": "qwen", "share": 0.5}}
    async with start(health=health) as server:
        async with connect(server.ws) as ws:
            await receive(ws, "session.created")
            body = (await get(server, "/health")).json()
        assert body["status"] == "ok"
        assert body["version"] == __version__
        assert body["sessions"] == {"active": 1, "limit": 32}
        assert body["pull"] == {"name": "qwen", "share": 0.5}


async def test_models_and_page(start: Start) -> None:
    async with start(health={"models": {"stt": "whisper-base", "voice": {"name": "joe"}, "small": None}}) as server:
        models = (await get(server, "/v1/models")).json()
        assert [model["id"] for model in models["data"]] == ["voicebox", "joe", "whisper-base"]
        page = await get(server, "/")
        assert page.headers["content-type"].startswith("text/html")
        assert "http" not in page.text.replace("http-equiv", "")


async def test_the_session_names_the_models_that_run(start: Start) -> None:
    async with start(health={"models": {"stt": "whisper-base", "voice": "joe"}}) as server, connect(server.ws) as ws:
        audio = (await receive(ws, "session.created"))["session"]["audio"]
        assert audio["output"]["voice"] == "joe"
        assert audio["input"]["transcription"]["model"] == "whisper-base"


async def test_metrics_count_turns(start: Start) -> None:
    async with start() as server, connect(server.ws) as ws:
        await ws.send(SPEECH)
        await receive(ws, "response.done")
        text = (await get(server, "/metrics")).text
        assert 'voicebox_turns_total{speculated="true",tier="reflex"} 1.0' in text
        assert 'voicebox_stage_seconds_count{stage="endpoint"} 1.0' in text
        assert "voicebox_sessions 1.0" in text


async def test_key(start: Start) -> None:
    async with start(api_key="s3cret") as server:
        assert (await get(server, "/health")).status_code == 200
        for path in ("/metrics", "/v1/models"):
            refused = await get(server, path, authorization="Bearer wrong")
            assert refused.status_code == 401
            assert refused.json()["error"]["code"] == "invalid_api_key"
            assert (await get(server, path, authorization="Bearer s3cret")).status_code == 200
        with pytest.raises(InvalidStatus) as caught:
            await connect(server.ws)
        assert caught.value.response.status_code == 401
        async with connect(server.ws, additional_headers={"Authorization": "Bearer s3cret"}) as ws:
            await receive(ws, "session.created")
        protocols: Any = ["realtime", "openai-insecure-api-key.s3cret"]
        async with connect(server.ws, subprotocols=protocols) as ws:
            assert ws.subprotocol == "realtime"
            await receive(ws, "session.created")


async def test_others_cannot_reach_a_server_without_a_key() -> None:
    settings = load_settings(flags={"server.host": "0.0.0.0"})
    with pytest.raises(ConfigError, match="no key"):
        create_app(settings, ScriptedEngines().session)


@pytest.mark.parametrize("origin", ["http://evil.example", "null"])
async def test_strangers_pages_are_refused(start: Start, origin: str) -> None:
    async with start() as server:
        with pytest.raises(InvalidStatus) as caught:
            await connect(server.ws, additional_headers={"Origin": origin})
        assert caught.value.response.status_code == 403
        assert server.engines.sessions == []


async def test_a_page_of_this_server_may_connect_but_not_under_a_borrowed_name(start: Start) -> None:
    async with start() as server:
        async with connect(server.ws, additional_headers={"Origin": server.url}) as ws:
            await receive(ws, "session.created")
        port = server.url.rpartition(":")[2]
        borrowed = {"Origin": f"http://evil.example:{port}", "Host": f"evil.example:{port}"}
        reader, writer = await asyncio.open_connection("127.0.0.1", int(port))
        lines = [f"{name}: {value}\r\n" for name, value in borrowed.items()]
        writer.write(
            (
                "GET /v1/realtime HTTP/1.1\r\n" + "".join(lines) + "Upgrade: websocket\r\nConnection: Upgrade\r\n"
                "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n"
            ).encode()
        )
        assert b" 403 " in await reader.readline()
        writer.close()


async def test_listed_origins(start: Start) -> None:
    origin = {"Origin": "https://app.example"}
    async with (
        start(allowed_origins="https://app.example") as server,
        connect(server.ws, additional_headers=origin) as ws,
    ):
        await receive(ws, "session.created")


async def test_one_too_many_is_told_to_come_back(start: Start) -> None:
    async with start(max_sessions=1) as server:
        async with connect(server.ws) as first:
            await receive(first, "session.created")
            async with connect(server.ws) as second:
                error = json.loads(await second.recv())["error"]
                assert (error["code"], error["type"]) == ("server_busy", "server_error")
                with pytest.raises(ConnectionClosed):
                    await second.recv()
                assert second.close_code == 1013
            await send(first, "input_audio_buffer.clear")
            await receive(first, "input_audio_buffer.cleared")
        async with connect(server.ws) as third:
            await receive(third, "session.created")


async def test_the_beta_is_answered_and_closed(start: Start) -> None:
    async with start() as server:
        async with connect(server.ws, additional_headers={"OpenAI-Beta": "realtime=v1"}) as ws:
            assert json.loads(await ws.recv())["error"]["code"] == "beta_api_shape_disabled"
            with pytest.raises(ConnectionClosed):
                await ws.recv()
            assert ws.close_code == 4000
        async with connect(server.ws) as ws:
            await send(ws, "session.update", event_id="mine", session={"modalities": ["audio"]})
            error = (await receive(ws, "error"))["error"]
            assert (error["code"], error["event_id"]) == ("beta_api_shape_disabled", "mine")
            with pytest.raises(ConnectionClosed):
                await ws.recv()
            assert ws.close_code == 4000
        assert all(session.closed == 1 for session in server.engines.sessions)


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ("{", "invalid_json"),
        ("\x00", "invalid_json"),
        (b"\x00\x01", "invalid_message"),
        ('{"type": "nonsense"}', "invalid_value"),
        ('{"type": "input_audio_buffer.append", "audio": "A"}', "invalid_value"),
        ('{"type": "input_audio_buffer.append", "audio": "' + "A" * 1_000_001 + '"}', "invalid_value"),
    ],
)
async def test_a_bad_message_is_answered_and_the_session_lives_on(
    start: Start, message: str | bytes, code: str
) -> None:
    async with start() as server, connect(server.ws) as ws:
        await ws.send(message)
        assert (await receive(ws, "error"))["error"]["code"] == code
        await ws.send(SPEECH)
        await receive(ws, "response.done")


async def test_a_huge_message_is_refused_before_it_is_read(start: Start) -> None:
    async with start(max_message_bytes=100_000) as server:
        async with connect(server.ws, max_size=None) as ws:
            await receive(ws, "session.created")
            sending = asyncio.create_task(ws.send("x" * 100_000_000))
            with pytest.raises(ConnectionClosed):
                await receive(ws, "never")
            await asyncio.gather(sending, return_exceptions=True)
            assert ws.close_code == 1009
        async with connect(server.ws) as ws:
            await ws.send(SPEECH)
            await receive(ws, "response.done")


async def test_no_compression_is_negotiated(start: Start) -> None:
    async with start() as server, connect(server.ws, compression="deflate") as ws:
        assert ws.response is not None
        assert "sec-websocket-extensions" not in ws.response.headers


async def test_the_model_of_the_address_is_echoed(start: Start) -> None:
    async with start() as server, connect(server.ws + "?model=gpt-realtime") as ws:
        assert (await receive(ws, "session.created"))["session"]["model"] == "gpt-realtime"


async def test_two_clients_do_not_see_each_other(start: Start) -> None:
    async with start() as server, connect(server.ws) as one, connect(server.ws) as two:
        await one.send(SPEECH)
        await receive(one, "response.done")
        await send(two, "input_audio_buffer.clear")
        names = [json.loads(await two.recv())["type"] for _ in range(3)]
        assert names == ["session.created", "conversation.created", "input_audio_buffer.cleared"]
        first, second = server.engines.sessions
        assert first.samples > 0
        assert second.samples == 0


async def test_a_client_that_vanishes_mid_word_leaves_nothing_behind(start: Start) -> None:
    async with start(resume_s=0.1) as server:
        ws = await connect(server.ws)
        await ws.send(append(tone(0.4, 24_000)))
        await receive(ws, "input_audio_buffer.speech_started")
        ws.transport.abort()
        await asyncio.wait_for(server.app.admission.wait_idle(), 10)
        assert server.engines.sessions[0].closed == 1


async def test_a_client_that_does_not_read_costs_bounded_memory_and_no_other_client(start: Start) -> None:
    engines = ScriptedEngines(reply_s=60.0)
    async with start(engines, max_queue_bytes=200_000) as server:
        url = httpx.URL(server.url)
        slow = socket.create_connection((url.host, url.port))
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        async with connect(server.ws, sock=slow, max_queue=1) as ws:
            await receive(ws, "session.created")
            await ws.send(SPEECH)
            dropped = await receive(ws, "error")
            assert dropped["error"]["code"] == "audio_dropped"
            engines.reply_s = 0.5
            async with connect(server.ws) as other:
                await other.send(SPEECH)
                await receive(other, "response.done")
            await receive(ws, "rate_limits.updated")


async def test_a_session_that_cannot_be_made(start: Start) -> None:
    from voicebox.errors import EngineError

    class Broken(ScriptedEngines):
        def session(self, emit: Any, options: Any) -> Any:
            raise EngineError("no room")

    async with start(Broken()) as server, connect(server.ws) as ws:
        error = (await receive(ws, "error"))["error"]
        assert (error["code"], error["message"]) == ("session_failed", "no room")
        with pytest.raises(ConnectionClosed):
            await ws.recv()
        assert ws.close_code == 1011
        assert server.app.admission.active == 0


async def test_a_stopping_server_lets_the_reply_end_and_says_goodbye(start: Start) -> None:
    engines = ScriptedEngines(hold=True)
    async with start(engines, stop_grace_s=30) as server:
        ws = await connect(server.ws)
        await ws.send(SPEECH)
        await receive(ws, "response.created")
        server.app.admission.stop()
        health = await get(server, "/health")
        assert (health.status_code, health.json()["status"]) == (503, "stopping")
        async with connect(server.ws) as late:
            assert json.loads(await late.recv())["error"]["code"] == "server_stopping"
        assert ws.close_code is None
        engines.sessions[0].cancel_reply()
        await receive(ws, "response.done")
        await receive(ws, "rate_limits.updated")
        with pytest.raises(ConnectionClosed):
            await ws.recv()
        assert ws.close_code == 1001
    assert engines.sessions[0].closed == 1


async def test_a_reply_that_does_not_end_does_not_hold_up_the_stop(start: Start) -> None:
    engines = ScriptedEngines(hold=True)
    async with start(engines, stop_grace_s=0) as server:
        ws = await connect(server.ws)
        await ws.send(SPEECH)
        await receive(ws, "response.created")
    with pytest.raises(ConnectionClosed):
        await receive(ws, "never")
    assert ws.close_code == 1001
    assert engines.sessions[0].closed == 1


async def test_a_port_that_is_taken_is_one_clear_line() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        settings = load_settings(flags={"server.port": port})
        app = create_app(settings, ScriptedEngines().session)
        with pytest.raises(ConfigError, match=f"port {port}"):
            async with running(app, settings.server):
                raise AssertionError("it started")
