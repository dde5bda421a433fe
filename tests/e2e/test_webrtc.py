"""A call over WebRTC to the whole server: Piper speaks what Whisper hears, and the other way round."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import httpx
import numpy as np
import pytest
from numpy.typing import NDArray

from tests.transports.webrtc.caller import RATE, Network, RtcCaller
from voicebox.audio.resample import resample
from voicebox.engines import Engines
from voicebox.stt.types import Clip, Priority

pytestmark = [pytest.mark.models, pytest.mark.timeout(180)]


async def test_a_spoken_turn_over_a_bad_network(
    url: str, speak: Callable[..., NDArray[np.float32]], engines: Engines
) -> None:
    """5 % lost, up to 50 ms of jitter: packets overtake each other all the time."""
    speech = resample(speak("Turn on the lights in the kitchen."), 16_000, RATE)
    network = Network(lost=0.05, jitter_s=0.05)
    caller = RtcCaller(np.concatenate((np.zeros(2 * RATE, np.float32), speech, np.zeros(RATE, np.float32))), network)
    try:
        assert (await caller.dial(url)).status_code == 201
        done = await caller.until("conversation.item.input_audio_transcription.completed", within_s=60)
        assert "lights in the kitchen" in done["transcript"].lower()
        await caller.until("output_audio_buffer.stopped", within_s=60)
        assert engines.household.lights["kitchen"].on
        stats = [event for event in caller.events if event["type"] == "voicebox.connection"][-1]
        assert stats["lost"] > 0
        assert stats["concealed_ms"] > 0
        assert 20 < stats["wait_ms"] <= 120
        assert stats["jitter_ms"] > 5
    finally:
        async with httpx.AsyncClient(trust_env=False) as client:
            await client.delete(caller.location)
        await caller.hang_up()


async def test_a_spoken_turn(url: str, speak: Callable[..., NDArray[np.float32]], engines: Engines) -> None:
    speech = resample(speak("Turn off the lights in the living room."), 16_000, RATE)
    # What is said before the call is connected is lost.
    caller = RtcCaller(np.concatenate((np.zeros(2 * RATE, np.float32), speech, np.zeros(RATE, np.float32))))
    try:
        assert (await caller.dial(url)).status_code == 201
        done = await caller.until("conversation.item.input_audio_transcription.completed", within_s=60)
        assert "lights in the living room" in done["transcript"].lower()
        await caller.until("output_audio_buffer.stopped", within_s=60)
        response = (await caller.until("response.done"))["response"]
        assert response["status"] == "completed"
        await asyncio.sleep(0.5)
        clip = Clip(resample(caller.sound, RATE, 16_000))
        heard = engines.transcriber.submit(clip, session="listener", priority=Priority.FINAL).result(60).text.lower()
        assert "living room" in heard
        assert not engines.household.lights["living room"].on
        record = await caller.until("voicebox.turn")
        assert record["stages"]["endpoint_ms"] > 0
        assert not [event for event in caller.events if event["type"] == "error"]
    finally:
        async with httpx.AsyncClient(trust_env=False) as client:
            await client.delete(caller.location)
        await caller.hang_up()
