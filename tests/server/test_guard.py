"""Who gets in: keys and their scopes, ephemeral keys, limits, origins, room, TLS."""

import json
import ssl
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from tests.scripted import ScriptedEngines
from tests.server.backends import Fakes
from tests.server.running_server import Running, Start
from tests.server.test_app import receive
from voicebox.config import load_settings
from voicebox.errors import ConfigError
from voicebox.server.app import create_app
from voicebox.server.keys import KeyStore, Limits, Scope
from voicebox.server.lifecycle import running

CHAT = {"model": "small", "messages": [{"role": "user", "content": "Hi"}]}


@pytest.fixture
def keys(tmp_path: Path) -> KeyStore:
    return KeyStore(tmp_path / "keys.json")


def made(keys: KeyStore, *scopes: Scope, **limits: Any) -> str:
    return keys.create("", scopes, Limits(**limits))[1]


async def ask(server: Running, method: str, path: str, key: str = "", **fields: Any) -> httpx.Response:
    headers = fields.pop("headers", {}) | ({"authorization": f"Bearer {key}"} if key else {})
    async with httpx.AsyncClient(trust_env=False) as client:
        return await client.request(method, server.url + path, headers=headers, **fields)


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


async def refused(server: Running, headers: dict[str, str]) -> tuple[int, str, str | None]:
    with pytest.raises(InvalidStatus) as caught:
        await connect(server.ws, additional_headers=headers)
    response = caught.value.response
    return response.status_code, json.loads(response.body)["error"]["code"], response.headers.get("retry-after")


async def test_a_key_opens_what_its_scopes_say(start: Start, keys: KeyStore) -> None:
    chat, call, admin = made(keys, "chat"), made(keys, "realtime"), made(keys, "admin")
    async with start(fakes=Fakes(), keys=keys) as server:
        assert (await ask(server, "POST", "/v1/chat/completions", json=CHAT)).status_code == 401
        assert (await ask(server, "POST", "/v1/chat/completions", "vb_wrong", json=CHAT)).status_code == 401
        assert (await ask(server, "POST", "/v1/chat/completions", chat, json=CHAT)).status_code == 200
        denied = await ask(server, "POST", "/v1/chat/completions", call, json=CHAT)
        assert (denied.status_code, denied.json()["error"]["type"]) == (403, "permission_error")
        assert (await ask(server, "POST", "/v1/audio/speech", chat, json={})).status_code == 403
        assert (await ask(server, "GET", "/metrics", chat)).status_code == 403
        assert (await ask(server, "GET", "/metrics", admin)).status_code == 200
        for key in (chat, call, admin):
            assert (await ask(server, "GET", "/v1/models", key)).status_code == 200
        for path in ("/health", "/health/live", "/health/ready", "/docs", "/openapi.json"):
            assert (await ask(server, "GET", path)).status_code == 200
        assert await refused(server, bearer(chat)) == (403, "insufficient_scope", None)
        async with connect(server.ws, additional_headers=bearer(call)) as ws:
            await receive(ws, "session.created")


async def test_a_revoked_key_opens_nothing_any_more(start: Start, keys: KeyStore) -> None:
    key, token = keys.create("", ["chat"])
    keys.create("", ["chat"])
    async with start(fakes=Fakes(), keys=keys) as server:
        assert (await ask(server, "GET", "/v1/models", token)).status_code == 200
        keys.revoke(key.id)
        assert (await ask(server, "GET", "/v1/models", token)).status_code == 401


async def test_listening_to_others_needs_a_key_and_says_how(keys: KeyStore) -> None:
    settings = load_settings(flags={"server.host": "0.0.0.0", "server.port": 0})
    with pytest.raises(ConfigError, match="voicebox keys create"):
        create_app(settings, ScriptedEngines().session, keys=keys)
    made(keys, "chat")
    create_app(settings, ScriptedEngines().session, keys=keys)


async def test_a_client_secret_opens_calls_as_it_was_made(start: Start, keys: KeyStore) -> None:
    key, token = keys.create("", ["realtime"])
    made(keys, "chat")
    async with start(keys=keys) as server:
        http = httpx.AsyncClient(trust_env=False)
        async with openai.AsyncOpenAI(base_url=f"{server.url}/v1", api_key=token, http_client=http) as api:
            secret = await api.realtime.client_secrets.create(
                expires_after={"anchor": "created_at", "seconds": 60},
                session={"type": "realtime", "instructions": "Be brief.", "output_modalities": ["text"]},
            )
        assert secret.value.startswith("ek_")
        assert secret.session.instructions == "Be brief."
        protocols: Any = ["realtime", f"openai-insecure-api-key.{secret.value}"]
        for _ in range(2):
            async with connect(server.ws, subprotocols=protocols) as ws:
                assert ws.subprotocol == "realtime"
                session = (await receive(ws, "session.created"))["session"]
                assert (session["instructions"], session["output_modalities"]) == ("Be brief.", ["text"])
        for method, path in (("GET", "/v1/models"), ("POST", "/v1/realtime/client_secrets")):
            assert (await ask(server, method, path, secret.value, json={})).status_code == 403
        keys.revoke(key.id)
        assert (await refused(server, bearer(secret.value)))[0] == 401


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"expires_after": {"seconds": 9}}, "expires_after.seconds"),
        ({"expires_after": {"seconds": 7_201}}, "expires_after.seconds"),
        ({"expires_after": {"anchor": "now"}}, "expires_after.anchor"),
        ({"session": {"type": "realtime", "instructions": 3}}, "session.instructions"),
        ({"session": {"type": "nonsense"}}, "session.type"),
        ({"seconds": 10}, "seconds"),
    ],
)
async def test_client_secrets_that_are_refused(start: Start, body: dict[str, Any], param: str) -> None:
    async with start() as server:
        answer = await ask(server, "POST", "/v1/realtime/client_secrets", json=body)
        assert answer.status_code == 400
        assert answer.json()["error"]["param"] == param


async def test_limits_of_a_key(start: Start, keys: KeyStore) -> None:
    few = made(keys, "chat", requests_per_minute=2)
    one = made(keys, "realtime", sessions=1)
    async with start(fakes=Fakes(), keys=keys) as server:
        for status in (200, 200, 429):
            answer = await ask(server, "POST", "/v1/chat/completions", few, json=CHAT)
            assert answer.status_code == status
        assert (answer.json()["error"]["code"], answer.json()["error"]["type"]) == (
            "rate_limit_exceeded",
            "rate_limit_error",
        )
        assert 1 <= int(answer.headers["retry-after"]) <= 61
        async with connect(server.ws, additional_headers=bearer(one)) as ws:
            await receive(ws, "session.created")
            assert (await refused(server, bearer(one)))[:2] == (429, "session_limit_exceeded")
            await ws.close()
            await server.app.admission.wait_idle()
        async with connect(server.ws, additional_headers=bearer(one)) as ws:
            await receive(ws, "session.created")


async def test_a_call_ends_with_the_minutes_of_its_key(start: Start, keys: KeyStore) -> None:
    key = made(keys, "realtime", "audio", minutes_per_day=0.005)
    async with start(fakes=Fakes(), keys=keys) as server:
        async with connect(server.ws, additional_headers=bearer(key)) as ws:
            await receive(ws, "session.created")
            assert (await receive(ws, "error"))["error"]["code"] == "quota_exceeded"
            with pytest.raises(ConnectionClosed):
                await ws.recv()
            assert ws.close_code == 1008
        await server.app.admission.wait_idle()
        assert server.engines.sessions[0].closed == 1
        assert (await refused(server, bearer(key)))[:2] == (429, "quota_exceeded")
        spoken = await ask(server, "POST", "/v1/audio/speech", key, json={"model": "x", "input": "Hi"})
        assert spoken.status_code == 429


async def test_an_address_begins_only_so_many_calls_a_minute(start: Start) -> None:
    async with start(connects_per_minute=1) as server:
        async with connect(server.ws) as ws:
            await receive(ws, "session.created")
        status, code, wait = await refused(server, {})
        assert (status, code) == (429, "rate_limit_exceeded")
        assert wait is not None


async def test_when_calls_are_late_no_more_are_taken(start: Start) -> None:
    fakes = Fakes(late_s=3.0)
    # The first is taken: there is nobody who could suffer.
    async with start(fakes=fakes, max_lag_ms=1_000) as server, connect(server.ws) as ws:
        await receive(ws, "session.created")
        while (await ask(server, "GET", "/health/ready")).status_code == 200:
            pass
        assert (await ask(server, "GET", "/health/ready")).json() == {"status": "overloaded"}
        assert await refused(server, {}) == (503, "server_overloaded", "2")
        assert (await ask(server, "GET", "/health")).json()["lag_ms"] > 1_000


async def test_strangers_pages_cannot_send_requests(start: Start) -> None:
    async with start(fakes=Fakes()) as server:
        foreign = {"origin": "https://evil.example"}
        answer = await ask(server, "POST", "/v1/chat/completions", json=CHAT, headers=foreign)
        assert (answer.status_code, answer.json()["error"]["code"]) == (403, "origin_not_allowed")
        own = await ask(server, "POST", "/v1/chat/completions", json=CHAT, headers={"origin": server.url})
        assert own.status_code == 200


async def test_listed_pages_may_read_answers(start: Start) -> None:
    page = {"origin": "https://app.example"}
    async with start(fakes=Fakes(), allowed_origins="https://app.example") as server:
        answer = await ask(server, "POST", "/v1/chat/completions", json=CHAT, headers=page)
        assert answer.headers["access-control-allow-origin"] == "https://app.example"
        before = page | {"access-control-request-method": "POST", "access-control-request-headers": "authorization"}
        assert (await ask(server, "OPTIONS", "/v1/chat/completions", headers=before)).status_code == 200


async def test_unknown_paths_and_methods_are_answered_in_shape(start: Start) -> None:
    async with start(fakes=Fakes()) as server:
        lost = await ask(server, "GET", "/v1/nothing")
        assert (lost.status_code, lost.json()["error"]["code"]) == (404, "not_found")
        wrong = await ask(server, "GET", "/v1/chat/completions")
        assert (wrong.status_code, wrong.json()["error"]["code"]) == (405, "method_not_allowed")


async def test_the_documentation_names_every_endpoint_and_no_other_host(start: Start) -> None:
    async with start(fakes=Fakes()) as server:
        schema = (await ask(server, "GET", "/openapi.json")).json()
        routes = {route.path.replace(":path", "") for route in server.app.asgi.routes}
        assert routes - {"/", "/docs", "/openapi.json"} == set(schema["paths"])
        page = (await ask(server, "GET", "/docs")).text
        assert "://" not in page
        assert all(path in page for path in schema["paths"])
        refs = set(_refs(schema))
        assert refs
        assert refs <= {f"#/components/schemas/{name}" for name in schema["components"]["schemas"]}


def _refs(value: Any) -> list[str]:
    if isinstance(value, dict):
        own = [value["$ref"]] if "$ref" in value else []
        return own + [ref for item in value.values() for ref in _refs(item)]
    return [ref for item in value for ref in _refs(item)] if isinstance(value, list) else []


async def test_tls(start: Start, certificate: tuple[Path, Path]) -> None:
    cert, key = certificate
    trust = ssl.create_default_context(cafile=str(cert))
    async with start(fakes=Fakes(), tls_cert=str(cert), tls_key=str(key)) as server:
        assert server.url.startswith("https://127.0.0.1:")
        async with httpx.AsyncClient(verify=trust, trust_env=False) as client:
            assert (await client.get(server.url + "/health")).status_code == 200
        async with connect(server.ws, ssl=trust) as ws:
            await receive(ws, "session.created")


async def test_tls_that_cannot_be(start: Start, certificate: tuple[Path, Path], tmp_path: Path) -> None:
    cert, key = certificate
    junk = tmp_path / "junk.pem"
    junk.write_text("x")
    for flags, message in (
        ({"tls_cert": str(cert)}, "server.tls_key is not set"),
        ({"tls_key": str(key)}, "server.tls_cert is not set"),
        ({"tls_cert": str(tmp_path / "none.pem"), "tls_key": str(key)}, "cannot be used"),
        ({"tls_cert": str(junk), "tls_key": str(key)}, "cannot be used"),
    ):
        settings = load_settings(flags={"server.port": 0, **{f"server.{name}": value for name, value in flags.items()}})
        app = create_app(settings, ScriptedEngines().session)
        with pytest.raises(ConfigError, match=message):
            async with running(app, settings.server):
                pass
