"""Sessions that outlive their connection, and those that last too long; over real sockets, with scripted sessions."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from tests.server.running_server import Running, Start
from tests.server.test_app import SPEECH, receive, send
from tests.server.test_calls import _speech
from tests.transports.webrtc.caller import RtcCaller
from voicebox.server.keys import KeyStore, Limits

pytestmark = pytest.mark.timeout(60)


def lose(ws: ClientConnection) -> None:
    """The network is gone: nobody says goodbye."""
    ws.transport.abort()


def again(server: Running, session: str, last_event: str | None = None, **more: Any) -> Any:
    position = f"&last_event_id={last_event}" if last_event else ""
    return connect(f"{server.ws}?session={session}{position}", **more)


async def created(ws: ClientConnection) -> str:
    return str((await receive(ws, "session.created"))["session"]["id"])


async def ended(ws: ClientConnection) -> tuple[int | None, str]:
    """How the server closed, and the code of its last error."""
    code = ""
    try:
        while True:
            event = json.loads(await ws.recv())
            code = event["error"]["code"] if event["type"] == "error" else code
    except ConnectionClosed as closed:
        return closed.rcvd.code if closed.rcvd else None, code


async def test_a_conversation_goes_on_where_it_broke_off(start: Start) -> None:
    async with start() as server:
        async with connect(server.ws) as first:
            session = await created(first)
            await send(first, "session.update", session={"type": "realtime", "instructions": "Be brief."})
            await receive(first, "session.updated")
            item = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Hello"}], "id": "a"}
            await send(first, "conversation.item.create", item=item)
            last = (await receive(first, "conversation.item.done"))["event_id"]
            lose(first)
        async with again(server, session, last) as second:
            event = json.loads(await second.recv())
            assert (event["type"], event["session"]["id"]) == ("session.created", session)
            assert event["session"]["instructions"] == "Be brief."
            event = json.loads(await second.recv())
            assert (event["type"], event["complete"]) == ("voicebox.session.resumed", True)
            await send(second, "conversation.item.retrieve", item_id="a")
            assert (await receive(second, "conversation.item.retrieved"))["item"]["id"] == "a"
            await second.send(SPEECH)
            await receive(second, "response.done")
            assert server.app.admission.active == 1
        await asyncio.wait_for(server.app.admission.wait_idle(), 5)
        assert [s.closed for s in server.engines.sessions] == [1]


async def test_what_did_not_come_through_is_sent_again(start: Start) -> None:
    async with start() as server:
        async with connect(server.ws) as first:
            session = await created(first)
            await first.send(SPEECH)
            seen = [json.loads(await first.recv())]
            while seen[-1]["type"] != "response.done":
                seen.append(json.loads(await first.recv()))
            lose(first)
        at = next(i for i, event in enumerate(seen) if event["type"] == "response.created")
        async with again(server, session, seen[at]["event_id"]) as second:
            await receive(second, "voicebox.session.resumed")
            repeated = [json.loads(await second.recv()) for _ in seen[at + 1 :]]
            assert repeated == seen[at + 1 :]


@pytest.mark.parametrize("last", [None, "event_that_nobody_sent"])
async def test_without_a_position_nothing_is_sent_twice(start: Start, last: str | None) -> None:
    async with start() as server:
        async with connect(server.ws) as first:
            session = await created(first)
            await first.send(SPEECH)
            await receive(first, "response.done")
            await receive(first, "rate_limits.updated")
            lose(first)
        async with again(server, session, last) as second:
            assert not (await receive(second, "voicebox.session.resumed"))["complete"]
            await send(second, "input_audio_buffer.clear")
            assert json.loads(await second.recv())["type"] == "input_audio_buffer.cleared"


async def test_a_connection_that_is_alive_is_closed_with_a_reason(start: Start) -> None:
    async with start() as server, connect(server.ws) as first:
        session = await created(first)
        async with again(server, session) as second:
            await receive(second, "voicebox.session.resumed")
            assert (await ended(first))[0] == 4001
            async with again(server, session) as third:
                await receive(third, "voicebox.session.resumed")
                assert (await ended(second))[0] == 4001
                await third.send(SPEECH)
                await receive(third, "response.done")
        assert len(server.engines.sessions) == 1


async def test_who_says_goodbye_is_not_waited_for(start: Start) -> None:
    async with start() as server:
        async with connect(server.ws) as first:
            session = await created(first)
        await asyncio.wait_for(server.app.admission.wait_idle(), 5)
        async with again(server, session) as second:
            assert await ended(second) == (4004, "session_not_found")


async def test_a_session_waits_so_long_and_no_longer(start: Start) -> None:
    async with start(resume_s=0.3) as server:
        async with connect(server.ws) as first:
            session = await created(first)
            lose(first)
        await asyncio.wait_for(server.app.admission.wait_idle(), 5)
        assert server.engines.sessions[0].closed == 1
        async with again(server, session) as second:
            assert await ended(second) == (4004, "session_not_found")


async def test_resuming_can_be_turned_off(start: Start) -> None:
    async with start(resume_s=0) as server:
        async with connect(server.ws) as first:
            await created(first)
            lose(first)
        await asyncio.wait_for(server.app.admission.wait_idle(), 5)


async def test_another_key_does_not_open_it(start: Start, tmp_path: Path) -> None:
    keys = KeyStore(tmp_path / "keys.json")
    (_, mine), (_, other) = keys.create("mine", ("realtime",), Limits()), keys.create("other", ("realtime",), Limits())
    headers = [{"Authorization": f"Bearer {key}"} for key in (mine, other)]
    async with start(keys=keys) as server:
        async with connect(server.ws, additional_headers=headers[0]) as first:
            session = await created(first)
            lose(first)
        async with again(server, session, additional_headers=headers[1]) as stranger:
            assert await ended(stranger) == (4004, "session_not_found")
        async with again(server, session, additional_headers=headers[0]) as second:
            await receive(second, "voicebox.session.resumed")


async def test_a_server_that_stops_waits_for_nobody(start: Start) -> None:
    async with start() as server:
        async with connect(server.ws) as first:
            await created(first)
            lose(first)
        await asyncio.sleep(0.1)
        server.app.admission.stop()
        await asyncio.wait_for(server.app.admission.wait_idle(), 5)


async def test_a_session_ends_at_its_age_with_a_warning(start: Start) -> None:
    async with start(session_max_s=0.5) as server, connect(server.ws) as ws:
        assert (await receive(ws, "voicebox.session.expiring"))["seconds_left"] == 0.5
        assert await ended(ws) == (4002, "session_expired")


async def test_a_call_ends_at_its_age(start: Start) -> None:
    async with start(session_max_s=2.0) as server:
        caller = RtcCaller(_speech())
        try:
            await caller.dial(server.url)
            await caller.until("voicebox.session.expiring")
            assert (await caller.until("error"))["error"]["code"] == "session_expired"
            await asyncio.wait_for(server.app.admission.wait_idle(), 10)
        finally:
            await caller.hang_up()


async def test_a_name_that_is_none(start: Start) -> None:
    async with start() as server, again(server, "sess_unknown") as ws:
        assert await ended(ws) == (4004, "session_not_found")
        async with httpx.AsyncClient(trust_env=False) as client:
            assert (await client.get(server.url + "/health")).json()["sessions"]["active"] == 0
