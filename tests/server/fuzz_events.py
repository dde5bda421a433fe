"""Client events that no client would send, over a WebSocket and over a data channel.

`python -m tests.server.fuzz_events 10000 [websocket|datachannel]` sends many. After each a probe is sent: it must be
answered, or the connection closed with a code; nothing may be an internal error, and nothing may be left behind.
"""

from __future__ import annotations

import asyncio
import base64
import json
import logging
import sys
from collections import Counter
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from tests.scripted import ScriptedEngines, tone
from tests.server.fuzz import mutated, text, values
from tests.transports.webrtc.caller import RATE, RtcCaller
from voicebox.audio.formats import PCM16_24K
from voicebox.config import load_settings
from voicebox.server.app import Application, create_app
from voicebox.server.lifecycle import running

PATIENCE_S = 10.0
AUDIO = base64.b64encode(PCM16_24K.encode(tone(0.1, 24_000))).decode()
TOOL = {
    "type": "function",
    "name": "look",
    "description": "Look",
    "parameters": {"type": "object", "properties": {"at": {"type": "string"}}, "required": ["at"]},
}
MESSAGE = {"id": "m", "type": "message", "role": "user", "content": [{"type": "input_text", "text": "Hello"}]}
GOOD: dict[str, dict[str, Any]] = {
    "session.update": {
        "session": {
            "type": "realtime",
            "model": "voicebox",
            "instructions": "Be brief.",
            "output_modalities": ["audio"],
            "audio": {
                "input": {
                    "format": {"type": "audio/pcm", "rate": 24000},
                    "transcription": {"model": "whisper-1", "language": "en"},
                    "turn_detection": {"type": "server_vad", "threshold": 0.5, "idle_timeout_ms": 6000},
                },
                "output": {"format": {"type": "audio/pcmu"}, "voice": "alloy", "speed": 1.1},
            },
            "tools": [TOOL],
            "tool_choice": {"type": "function", "name": "look"},
            "max_output_tokens": 100,
            "voicebox": {"skills": ["timer"]},
        }
    },
    "input_audio_buffer.append": {"audio": AUDIO},
    "input_audio_buffer.commit": {},
    "input_audio_buffer.clear": {},
    "output_audio_buffer.clear": {},
    "conversation.item.create": {"item": MESSAGE, "previous_item_id": "root"},
    "conversation.item.retrieve": {"item_id": "m"},
    "conversation.item.delete": {"item_id": "m"},
    "conversation.item.truncate": {"item_id": "m", "content_index": 0, "audio_end_ms": 100},
    "response.create": {
        "response": {
            "conversation": "none",
            "input": [MESSAGE, {"type": "item_reference", "id": "m"}],
            "instructions": "Shout.",
            "output_modalities": ["text"],
            "metadata": {"a": "b"},
            "tools": [TOOL],
            "tool_choice": "auto",
            "max_output_tokens": "inf",
        }
    },
    "response.cancel": {"response_id": "resp"},
}


@st.composite
def messages(draw: st.DrawFn) -> str | bytes:
    """A client event that is nearly good, or anything at all."""
    kind = draw(st.integers(0, 19))
    if kind == 0:
        return draw(st.binary(max_size=50))
    if kind == 1:
        return draw(text).encode("utf-8", "replace").decode()
    if kind == 2:
        return json.dumps(draw(values)).encode("utf-8", "replace").decode()
    name = draw(st.sampled_from(sorted(GOOD)))
    event = {"type": name, "event_id": "mine", **GOOD[name]}
    if kind < 16:
        event = draw(mutated(event))
    whole = json.dumps(event).encode("utf-8", "replace").decode()
    return whole[: draw(st.integers(0, len(whole)))] if kind == 3 else whole


class Line:
    """A connection that is made again where it was closed."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.sent = 0

    async def exchange(self, message: str | bytes) -> list[dict[str, Any]]:
        """Send a message and a probe; the events up to the probe's answer, a close as an event of type "close"."""
        self.sent += 1
        name = f"probe_{self.sent}"
        probe = {"type": "conversation.item.retrieve", "event_id": name, "item_id": "there is none"}
        async with asyncio.timeout(PATIENCE_S):
            return await self.talk(message, json.dumps(probe), name)

    async def talk(self, message: str | bytes, probe: str, name: str) -> list[dict[str, Any]]:
        raise NotImplementedError

    async def close(self) -> None:
        raise NotImplementedError


def is_answer(event: dict[str, Any], name: str) -> bool:
    return event["type"] == "error" and event["error"]["event_id"] == name


class Socket(Line):
    """Over a WebSocket."""

    ws: ClientConnection | None = None

    async def talk(self, message: str | bytes, probe: str, name: str) -> list[dict[str, Any]]:
        if self.ws is None:
            self.ws = await connect(self.url.replace("http", "ws", 1) + "/v1/realtime", max_size=2**24)
        events: list[dict[str, Any]] = []
        try:
            await self.ws.send(message)
            await self.ws.send(probe)
            while not events or not is_answer(events[-1], name):
                events.append(json.loads(await self.ws.recv()))
        except ConnectionClosed as closed:
            self.ws = None
            if closed.rcvd is None:
                raise AssertionError("closed without a word") from closed
            events.append({"type": "close", "code": closed.rcvd.code, "reason": closed.rcvd.reason})
        return events

    async def close(self) -> None:
        if self.ws is not None:
            await self.ws.close()


class Channel(Line):
    """Over the data channel of a WebRTC call."""

    caller: RtcCaller | None = None

    async def talk(self, message: str | bytes, probe: str, name: str) -> list[dict[str, Any]]:
        if self.caller is None:
            self.caller = RtcCaller(tone(0.1, RATE))
            await self.caller.dial(self.url)
            await self.caller.until("session.created")
        caller, begin = self.caller, len(self.caller.events)
        caller.channel.send(message)
        caller.channel.send(probe)
        while True:
            if any(is_answer(event, name) for event in caller.events[begin:]):
                return caller.events[begin:]
            if any(event["type"] == "error" and event["error"]["code"].startswith("beta") for event in caller.events):
                self.caller = None
                await caller.hang_up()
                return [*caller.events[begin:], {"type": "close"}]
            await asyncio.sleep(0.001)

    async def close(self) -> None:
        if self.caller is not None:
            await self.caller.hang_up()


def run(count: int, over: type[Line]) -> Counter[str]:
    """Send so many messages; what came of them, by kind of answer."""
    seen: Counter[str] = Counter()
    loop = asyncio.new_event_loop()
    engines = ScriptedEngines(reply_s=0.05)

    async def serve(ready: asyncio.Future[tuple[str, Application]], over: asyncio.Event) -> None:
        flags = {"port": 0, "max_sessions": 10_000, "connects_per_minute": 0, "resume_s": 0}
        config = load_settings(flags={f"server.{name}": value for name, value in flags.items()})
        app = create_app(config, engines.session)
        async with running(app, config.server) as url:
            ready.set_result((url, app))
            await over.wait()

    async def begin() -> tuple[str, Application, asyncio.Event, asyncio.Task[None]]:
        ready: asyncio.Future[tuple[str, Application]] = asyncio.get_running_loop().create_future()
        over = asyncio.Event()
        task = asyncio.create_task(serve(ready, over))
        return (*await ready, over, task)

    url, app, done, server = loop.run_until_complete(begin())
    line = over(url)

    @settings(
        max_examples=count,
        deadline=None,
        database=None,
        derandomize=True,
        phases=(Phase.generate,),
        suppress_health_check=list(HealthCheck),
    )
    @given(messages())
    def one(message: str | bytes) -> None:
        for event in loop.run_until_complete(line.exchange(message)):
            if event["type"] == "error":
                assert event["error"]["code"] != "internal_error", message
                seen[f"error {event['error']['code']}"] += 1
            else:
                seen[event["type"]] += 1

    async def end() -> None:
        await line.close()
        async with asyncio.timeout(30):
            await app.admission.wait_idle()
        done.set()
        await server
        left = {task for task in asyncio.all_tasks() if task is not asyncio.current_task()}
        assert not {task for task in left if "realtime" in task.get_name() or "rtc_" in task.get_name()}, left

    try:
        one()
    finally:
        loop.run_until_complete(end())
        loop.close()
    assert all(session.closed == 1 for session in engines.sessions)
    seen["messages"] = line.sent
    return seen


if __name__ == "__main__":
    logging.disable(logging.ERROR)
    kinds: dict[str, type[Line]] = {"websocket": Socket, "datachannel": Channel}
    print(json.dumps(run(int(sys.argv[1]), kinds[sys.argv[2] if len(sys.argv) > 2 else "websocket"])))  # noqa: T201
