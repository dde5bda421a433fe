"""Offers that no browser would make: a real one, changed line by line.

python -m tests.server.fuzz_sdp 2000
"""

from __future__ import annotations

import asyncio
import json
import logging
import sys
from collections import Counter
from random import Random

import httpx
from aiortc import RTCPeerConnection

from tests.scripted import ScriptedEngines
from voicebox.config import load_settings
from voicebox.server.app import create_app
from voicebox.server.lifecycle import running

__all__ = ["run"]

_ODD = ("0", "-1", "65536", "4294967296", "9" * 20, "é", "\x00", "", " ", "a" * 3000, "%s%n", "IN IP6 ::1")


async def _real_offer() -> str:
    peer = RTCPeerConnection()
    peer.addTransceiver("audio")
    peer.createDataChannel("oai-events")
    await peer.setLocalDescription(await peer.createOffer())
    offer = peer.localDescription.sdp
    await peer.close()
    return offer


def _changed(offer: str, random: Random) -> str:
    lines = offer.split("\r\n")
    for _ in range(random.choice([1, 1, 1, 2, 5])):
        at = random.randrange(len(lines))
        match random.randrange(7):
            case 0:
                del lines[at]
            case 1:
                lines.insert(at, random.choice(lines))
            case 2:
                words = lines[at].split(" ")
                words[random.randrange(len(words))] = random.choice(_ODD)
                lines[at] = " ".join(words)
            case 3:
                head, colon, _ = lines[at].partition(":")
                lines[at] = head + colon + random.choice(_ODD)
            case 4:
                lines = lines[: at + 1]
            case 5:
                cut = random.randrange(len(lines[at]) + 1)
                lines[at] = lines[at][:cut] + random.choice(_ODD) + lines[at][cut:]
            case _:
                random.shuffle(lines)
        if not lines:
            break
    return random.choice(["\r\n", "\r\n", "\r\n", "\n"]).join(lines)


async def run(count: int, seed: int = 1) -> Counter[str]:
    """Send so many offers; how they were answered. Each is, within 20 s, and never by a fault of the server."""
    random, seen = Random(seed), Counter[str]()
    engines = ScriptedEngines()
    flags = {"port": 0, "max_sessions": 10_000, "connects_per_minute": 0, "max_lag_ms": 0}
    config = load_settings(flags={f"server.{name}": value for name, value in flags.items()})
    app = create_app(config, engines.session)
    offer = await _real_offer()
    async with (
        running(app, config.server) as url,
        httpx.AsyncClient(base_url=url, trust_env=False, timeout=20) as client,
    ):
        for _ in range(count):
            changed = _changed(offer, random)
            headers = {"content-type": "application/sdp"}
            response = await client.post("/v1/realtime/calls", content=changed.encode(), headers=headers)
            assert response.status_code < 500, changed
            if response.status_code == 201:
                seen["answered"] += 1
                assert (await client.delete(response.headers["location"])).status_code in (200, 404)
            else:
                seen[response.json()["error"]["code"]] += 1
        await asyncio.wait_for(app.admission.wait_idle(), 30)
        await asyncio.sleep(0.2)
        left = {task.get_name() for task in asyncio.all_tasks() if task.get_name().startswith("rtc_")}
        assert not left, left
    return seen


if __name__ == "__main__":
    logging.disable(logging.ERROR)
    print(json.dumps(asyncio.run(run(int(sys.argv[1])))))  # noqa: T201
