"""What WebRTC costs: the delay of the receive path beside aiortc's own, and of whole turns beside a WebSocket.

    python -m scripts.bench.webrtc [--calls 12] [--url URL]

The receive paths get the same packets in virtual time; "delay" is from the moment at which a packet's last sample was
spoken (and the packet sent) to the moment at which it is handed on to be decoded. Turns are spoken by the default
voice to a server of its own, by turns over each of the two. Prints one line of JSON.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import statistics
import sys
from types import SimpleNamespace
from typing import Any

import httpx
import numpy as np
from aiortc.jitterbuffer import JitterBuffer
from numpy.typing import NDArray

from tests.transports.webrtc.caller import RATE, RtcCaller
from voicebox.audio.resample import resample
from voicebox.cli.output import Output
from voicebox.cli.own_server import own_server
from voicebox.cli.settings_flags import add_settings_flags
from voicebox.client.realtime_client import play
from voicebox.client.speech import voiced_ends
from voicebox.transports.webrtc.receiver import AudioReceiver, receive_with
from voicebox.transports.webrtc.reorder import Packet, Reorder

_FRAME_S = 0.02
_AUDIBLE = 0.01
_SENTENCES = (
    "Turn off the lights in the living room.",
    "Set a timer for ten minutes.",
    "What is seven times eight?",
    "Add milk to my shopping list.",
)


def ours(arrivals: list[tuple[float, int]]) -> dict[int, float]:
    """When each packet is handed on by our buffer."""
    buffer, out, now = Reorder(), {}, 0.0

    def until(at: float) -> None:
        nonlocal now
        while (deadline := buffer.deadline(now)) is not None and deadline <= at:
            now = deadline
            out.update({int(each.packet.payload): now for each in buffer.due(now)})

    for at, number in sorted(arrivals):
        until(at)
        now = at
        pushed = buffer.push(Packet(number & 0xFFFF, number * 960, b"%d" % number), at)
        out.update({int(each.packet.payload): at for each in pushed})
    return out


def stock(arrivals: list[tuple[float, int]]) -> dict[int, float]:
    """When each packet is handed on by aiortc's."""
    buffer, out = JitterBuffer(capacity=16, prefetch=4), {}
    for at, number in sorted(arrivals):
        packet: Any = SimpleNamespace(sequence_number=number & 0xFFFF, timestamp=number * 960, _data=b"%d" % number)
        frame = buffer.add(packet)[1]
        if frame is not None:
            out[int(frame.data)] = at
    return out


def networks(frames: int) -> dict[str, list[tuple[float, int]]]:
    """(arrival, number) of the packets that come through."""
    rng = random.Random(0)
    sent = [(number * _FRAME_S, number) for number in range(frames)]
    return {
        "clean": sent,
        "one_lost": [each for each in sent if each[1] != 250],
        "burst_of_300_ms_lost": [each for each in sent if not 250 <= each[1] < 265],
        "5_percent_lost_50_ms_jitter": [
            (at + rng.uniform(0, 0.05), number) for at, number in sent if rng.random() >= 0.05
        ],
    }


def buffers() -> dict[str, Any]:
    """Delays of both, in ms: median before the trouble (5 s), and from 1 s after it."""
    rows: dict[str, Any] = {}
    for name, arrivals in networks(1_000).items():
        rows[name] = {}
        for who, path in (("voicebox", ours), ("aiortc", stock)):
            out = path(arrivals)
            delays = {number: 1000 * (at - number * _FRAME_S) for number, at in out.items()}
            rows[name][who] = {
                "before_p50_ms": round(statistics.median(d for n, d in delays.items() if n < 250), 1),
                "after_1_s_p50_ms": round(statistics.median(d for n, d in delays.items() if n >= 315), 1),
                "after_1_s_p95_ms": round(float(np.percentile([d for n, d in delays.items() if n >= 315], 95)), 1),
                "handed_on": round(len(delays) / len(arrivals), 3),
            }
    return rows


async def over_webrtc(url: str, audio: NDArray[np.float32], speech_end_s: float) -> float:
    """Voice to voice in ms."""
    lead = 1.0
    caller = RtcCaller(np.concatenate((np.zeros(round(lead * RATE), np.float32), resample(audio, 16_000, RATE))))
    loop, first = asyncio.get_running_loop(), asyncio.Event()
    first_s = 0.0

    def heard(piece: NDArray[np.float32]) -> None:
        nonlocal first_s
        loud = np.flatnonzero(np.abs(piece) > _AUDIBLE)
        if len(loud) and not first.is_set():
            first_s = loop.time() + float(loud[0]) / 16_000
            first.set()

    receiver = AudioReceiver(heard, loop)
    receive_with(caller.peer.getTransceivers()[0].receiver, receiver.take)
    try:
        response = await caller.dial(url)
        assert response.status_code == 201, response.text
        async with asyncio.timeout(30):
            await first.wait()
        assert caller.microphone.began is not None
        return 1000 * (first_s - (caller.microphone.began + lead + speech_end_s))
    finally:
        receiver.close()
        async with httpx.AsyncClient(trust_env=False) as client:
            await client.delete(caller.location)
        await caller.hang_up()


async def turns(args: argparse.Namespace) -> dict[str, Any]:
    """Voice to voice over both, the same sentences by turns."""
    rows: dict[str, list[float]] = {"websocket": [], "webrtc": []}
    async with (
        httpx.AsyncClient(trust_env=False, timeout=60) as client,
        own_server(args, Output(True), sessions=2) as (
            url,
            _,
        ),
    ):
        for call in range(args.calls):
            said = await client.post(
                f"{url}/v1/audio/speech",
                json={
                    "model": "tts-1",
                    "voice": "default",
                    "input": _SENTENCES[call % len(_SENTENCES)],
                    "response_format": "pcm",
                },
            )
            said.raise_for_status()
            pcm = (np.frombuffer(said.content, np.int16) / 32768).astype(np.float32)
            audio = np.concatenate((np.zeros(4_000, np.float32), resample(pcm, 24_000, 16_000))).astype(np.float32)
            ends = voiced_ends(audio, 16_000)
            result = await play(url, audio, 16_000, voiced=ends)
            assert result.voice_to_voice_ms is not None, result.errors
            rows["websocket"].append(result.voice_to_voice_ms)
            rows["webrtc"].append(await over_webrtc(url, audio, float(ends[-1])))
            print(f"\r{call + 1}/{args.calls}", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    medians = {name: statistics.median(values) for name, values in rows.items()}
    return {
        **{f"{name}_p50_ms": round(value) for name, value in medians.items()},
        # Of the same sentence over both: sentences differ by more than transports.
        "added_p50_ms": round(statistics.median(b - a for a, b in zip(*rows.values(), strict=True))),
        "pairs": len(rows["webrtc"]),
    }


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--calls", type=int, default=12, help="turns over each (12); 0 leaves them out")
    parser.add_argument("--url", help="a running server (default: one is started)")
    add_settings_flags(parser)
    args = parser.parse_args()
    row: dict[str, Any] = {"receive": buffers()}
    if args.calls:
        row["voice_to_voice"] = asyncio.run(turns(args))
    print(json.dumps(row))


if __name__ == "__main__":
    main()
