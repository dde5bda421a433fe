"""Calls over WebRTC, on scripted sessions, with aiortc as the client."""

from __future__ import annotations

import asyncio

import httpx
import numpy as np

from tests.scripted import ScriptedEngines, tone
from tests.server.running_server import Start
from tests.transports.webrtc.caller import RATE, Network, RtcCaller


def _speech() -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    """Two seconds of silence, for what is lost at the beginning of a call, and then a voice."""
    return np.concatenate((np.zeros(RATE, np.float32), tone(0.6, RATE), np.zeros(RATE, np.float32)))


async def test_a_spoken_turn(start: Start) -> None:
    engines = ScriptedEngines()
    async with start(engines) as server:
        caller = RtcCaller(_speech())
        try:
            response = await caller.dial(server.url)
            assert response.status_code == 201
            assert response.headers["content-type"] == "application/sdp"
            assert "Location" in response.headers["access-control-expose-headers"]
            assert (await caller.until("session.created"))["session"]["type"] == "realtime"
            caller.send("session.update", session={"type": "realtime", "instructions": "Be brief."})
            await caller.until("session.updated")
            await caller.until("input_audio_buffer.speech_started")
            await caller.until("output_audio_buffer.started")
            await caller.until("response.done")
            stopped = await caller.until("output_audio_buffer.stopped")
            kinds = [event["type"] for event in caller.events]
            assert "response.output_audio.delta" not in kinds, "audio goes as media"
            assert stopped["response_id"] == (await caller.until("response.created"))["response"]["id"]
            await asyncio.sleep(0.3)
            assert (np.abs(caller.sound) > 0.05).sum() > 0.3 * 0.5 * RATE, "the reply was not heard"
            assert 300 < max(engines.sessions[0].heard_ms.values()) <= 550, "the session does not know what was heard"
            assert server.app.admission.active == 1
        finally:
            async with httpx.AsyncClient(trust_env=False) as client:
                assert (await client.delete(caller.location)).status_code == 200
                assert (await client.post(f"{server.url}/v1/realtime/calls/none/hangup")).status_code == 404
            await caller.hang_up()
        await asyncio.wait_for(server.app.admission.wait_idle(), 5)
        assert engines.sessions[0].closed == 1


async def test_the_answer_asks_for_redundancy_and_offers_what_can_be_decoded(start: Start) -> None:
    async with start() as server:
        caller = RtcCaller(_speech())
        try:
            answer = (await caller.dial(server.url)).text
            assert "useinbandfec=1" in answer
            assert "G722" not in answer
            assert answer.count("\r\n") == answer.count("\n")
            stats = await caller.until("voicebox.connection")
            assert stats["lost"] == 0
        finally:
            await caller.hang_up()


async def test_a_line_that_goes_dead_ends_the_call(start: Start) -> None:
    network = Network()
    async with start(**{"webrtc.silence_s": 1.0}) as server:
        caller = RtcCaller(_speech(), network)
        try:
            await caller.dial(server.url)
            await caller.until("voicebox.connection")
            await asyncio.sleep(0.5)
            assert server.app.admission.active == 1
            network.cut = True
            await asyncio.wait_for(server.app.admission.wait_idle(), 10)
        finally:
            await caller.hang_up()


async def test_a_caller_who_vanishes_is_noticed(start: Start) -> None:
    async with start() as server:
        caller = RtcCaller(_speech())
        await caller.dial(server.url)
        await caller.until("session.created")
        await caller.hang_up()
        await asyncio.wait_for(server.app.admission.wait_idle(), 15)


async def test_calls_leave_no_tasks(start: Start) -> None:
    async with start() as server:
        before: set[str] | None = None
        for _ in range(3):
            caller = RtcCaller(_speech())
            await caller.dial(server.url)
            await caller.until("session.created")
            async with httpx.AsyncClient(trust_env=False) as client:
                await client.post(f"{caller.location}/hangup")
            await caller.hang_up()
            await asyncio.wait_for(server.app.admission.wait_idle(), 15)
            await asyncio.sleep(0.1)
            left = {task.get_name() for task in asyncio.all_tasks() if task.get_name().startswith("rtc_")}
            assert not left
            before = left if before is None else before


async def test_offers_that_cannot_be_answered(start: Start) -> None:
    async with start() as server, httpx.AsyncClient(base_url=server.url, trust_env=False) as client:
        for content, kind, status, code in (
            ("v=0", "application/sdp", 400, "invalid_offer"),
            ("hello", "application/sdp", 400, "invalid_offer"),
            ("", "application/sdp", 400, "invalid_offer"),
            ("{}", "application/json", 415, "unsupported_media_type"),
            ("x" * 200_000, "application/sdp", 413, "request_too_large"),
        ):
            response = await client.post("/v1/realtime/calls", content=content, headers={"content-type": kind})
            assert (response.status_code, response.json()["error"]["code"]) == (status, code)
        response = await client.post("/v1/realtime/calls", files={"session": ("", "{}", "application/json")})
        assert response.json()["error"]["param"] == "sdp"
        assert server.app.admission.active == 0


async def test_a_full_server_and_a_missing_key(start: Start) -> None:
    async with start(api_key="secret", max_sessions=1) as server:
        caller = RtcCaller(_speech())
        try:
            assert (await caller.dial(server.url)).status_code == 401
        finally:
            await caller.hang_up()
        first, second = RtcCaller(_speech()), RtcCaller(_speech())
        try:
            assert (await first.dial(server.url, authorization="Bearer secret")).status_code == 201
            assert (await second.dial(server.url, authorization="Bearer secret")).status_code == 503
        finally:
            await first.hang_up()
            await second.hang_up()
