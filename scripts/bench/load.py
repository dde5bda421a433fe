"""How much the server's own work costs: many connections, and engines that cost nothing.

    python -m scripts.bench.load [--idle 200] [--sending 50] [--seconds 30]

The server runs the product's sessions (turn machine, echo detection, playout, protocol) on a voice detector by
loudness, a recogniser that knows its words and a voice that hums, in a process of its own. Those who send speak for one
second in four, in real time, and ask once a second for an item that is not there: the time to the answer is how long a
frame waits to be handled, with the way there and back, and with the load generator's own lateness. Prints one line of
JSON.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import json
import os
import secrets
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from websockets.asyncio.client import connect

from tests.conversation.call import LoudnessVad, ScriptedReflex, ScriptedTranscriber, ToneSpeaker
from voicebox.audio.formats import PCM16_24K
from voicebox.config import load_settings
from voicebox.conversation.ports import Emit, SessionOptions
from voicebox.conversation.session import Session, SessionEngines
from voicebox.routing.answerer import Answerer
from voicebox.server.app import create_app
from voicebox.server.lifecycle import serve

_FRAME_S = 0.02


def _serve() -> None:
    stt, reflex = ScriptedTranscriber(), ScriptedReflex()
    stt.says = "turn on the light"
    answerer = Answerer(reflex, ToneSpeaker(), lambda: None, lambda instructions: instructions)  # type: ignore[arg-type]
    engines = SessionEngines(LoudnessVad(), stt, answerer)
    settings = load_settings(
        flags={"server.port": 0, "server.max_sessions": 10_000, "server.connects_per_minute": 0, "server.max_lag_ms": 0}
    )

    def session(emit: Emit, options: SessionOptions) -> Session:
        stt.jobs.clear()  # a fake that remembers everything would be the memory that is measured
        return Session(f"sess_{secrets.token_hex(8)}", engines, emit, options)

    app = create_app(settings, session)
    asyncio.run(serve(app, settings.server, on_ready=lambda url: print(url, flush=True)))


def _frames() -> list[str]:
    """Four seconds: one of voice, three of silence."""
    rng = np.random.default_rng(0)
    audio = np.concatenate((rng.uniform(-0.5, 0.5, 24_000), np.zeros(72_000))).astype(np.float32)
    step = round(_FRAME_S * 24_000)
    data = [PCM16_24K.encode(audio[at : at + step]) for at in range(0, len(audio), step)]
    return [json.dumps({"type": "input_audio_buffer.append", "audio": base64.b64encode(d).decode()}) for d in data]


class _Load:
    def __init__(self, url: str, frames: list[str]) -> None:
        self.address = url.replace("http", "ws", 1) + "/v1/realtime"
        self.frames = frames
        self.waits_ms: list[float] = []
        self.late_ms: list[float] = []
        self.turns = 0
        self.errors = 0
        self.over = asyncio.Event()

    async def idle(self, ready: asyncio.Semaphore) -> None:
        async with connect(self.address, compression=None, open_timeout=60) as socket:
            await socket.recv()
            ready.release()
            await self.over.wait()

    async def sending(self, ready: asyncio.Semaphore, start: asyncio.Event, offset: int) -> None:
        async with connect(self.address, compression=None, open_timeout=60, max_size=None) as socket:
            await socket.recv()
            ready.release()
            asked: dict[str, float] = {}
            listening = asyncio.create_task(self._listen(socket, asked))
            await start.wait()
            loop = asyncio.get_running_loop()
            began, at = loop.time() + offset * _FRAME_S / 50, 0
            while not self.over.is_set():
                wait = began + at * _FRAME_S - loop.time()
                if wait > 0:
                    await asyncio.sleep(wait)
                self.late_ms.append(1000 * max(0.0, loop.time() - began - at * _FRAME_S))
                await socket.send(self.frames[(at + 4 * offset) % len(self.frames)])
                if at % 50 == offset % 50:
                    name = f"ask_{at}"
                    asked[name] = time.perf_counter()
                    probe = {"type": "conversation.item.retrieve", "event_id": name, "item_id": "none"}
                    await socket.send(json.dumps(probe))
                at += 1
            listening.cancel()

    async def _listen(self, socket: Any, asked: dict[str, float]) -> None:
        async for message in socket:
            if message.startswith('{"type":"error"'):
                name = json.loads(message)["error"]["event_id"]
                if name in asked:
                    self.waits_ms.append(1000 * (time.perf_counter() - asked.pop(name)))
                else:
                    self.errors += 1
            elif message.startswith('{"type":"response.done"'):
                self.turns += 1


def _rss_mb(pid: int) -> float:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


def _cpu_s(pid: int) -> float:
    user, system = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


async def _measure(args: argparse.Namespace) -> dict[str, Any]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "scripts.bench.load", "--serve", stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    url = (await process.stdout.readline()).decode().strip()
    load, ready, start = _Load(url, _frames()), asyncio.Semaphore(0), asyncio.Event()
    empty_mb = _rss_mb(process.pid)
    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(args.idle):
                group.create_task(load.idle(ready))
            for offset in range(args.sending):
                group.create_task(load.sending(ready, start, offset))
            for _ in range(args.idle + args.sending):
                await ready.acquire()
            connected_mb, cpu = _rss_mb(process.pid), _cpu_s(process.pid)
            start.set()
            await asyncio.sleep(args.seconds)
            after, loaded_mb = _cpu_s(process.pid), _rss_mb(process.pid)
            load.over.set()
    finally:
        process.terminate()
        await process.wait()
    sessions = args.idle + args.sending
    return {
        "idle": args.idle,
        "sending": args.sending,
        "seconds": args.seconds,
        "handled_ms": {f"p{p}": round(float(np.percentile(load.waits_ms, p)), 1) for p in (50, 95, 99)},
        "asked": len(load.waits_ms),
        "generator_late_p99_ms": round(float(np.percentile(load.late_ms, 99)), 1),
        "turns": load.turns,
        "errors": load.errors,
        "server_cores": round((after - cpu) / args.seconds, 2),
        "mb_per_session_connected": round((connected_mb - empty_mb) / sessions, 3),
        "mb_per_session_loaded": round((loaded_mb - empty_mb) / sessions, 3),
    }


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--idle", type=int, default=200, help="connections that send nothing (200)")
    parser.add_argument("--sending", type=int, default=50, help="connections that send audio (50)")
    parser.add_argument("--seconds", type=float, default=30.0, help="how long (30)")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.serve:
        _serve()
    else:
        print(json.dumps(asyncio.run(_measure(args))))


if __name__ == "__main__":
    main()
