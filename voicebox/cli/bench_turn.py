"""`voicebox bench turn`: recordings through the whole server, as callers in real time."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from voicebox.cli.output import Output, add_json_flag
from voicebox.cli.own_server import own_server
from voicebox.cli.settings_flags import add_settings_flags
from voicebox.cli.talk import STAGES, summary
from voicebox.errors import VoiceboxError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from voicebox.client.result import TalkResult

__all__ = ["add_arguments", "percentiles", "run", "summarize"]

_RATE = 24_000
_RSS_POINTS = 10
"""How often the server's memory is read."""


@dataclass(frozen=True)
class _Recording:
    path: str
    audio: NDArray[np.float32]
    voiced: NDArray[np.float64]

    @property
    def audio_s(self) -> float:
        return len(self.audio) / _RATE

    @property
    def speech_s(self) -> float:
        """From the first voiced frame to the last."""
        return float(self.voiced[-1] - self.voiced[0]) if len(self.voiced) else 0.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the benchmark's arguments."""
    parser.add_argument("dir", type=Path, metavar="DIR", help="folder with manifest.jsonl and its recordings")
    parser.add_argument("--sessions", type=int, default=1, metavar="N", help="callers at once (default: 1)")
    parser.add_argument("--limit", type=int, metavar="N", help="take only the first N recordings")
    parser.add_argument(
        "--repeat",
        type=int,
        metavar="N",
        help="play the recordings over and over until there were N, and watch the memory",
    )
    parser.add_argument("--url", help="a running server (default: one is started for the benchmark)")
    parser.add_argument("--timeout", type=float, default=8.0, metavar="S", help="wait for an answer (default: 8 s)")
    parser.add_argument("--api-key", help="the server's key")
    add_json_flag(parser)
    add_settings_flags(parser)


def run(args: argparse.Namespace) -> int:
    """Measure; 0 whatever comes out."""
    output = Output(args.json)
    if args.sessions < 1:
        raise VoiceboxError("--sessions must be at least 1")
    recordings = _load(args.dir, args.limit)
    if args.repeat is not None:
        if args.repeat < 1:
            raise VoiceboxError("--repeat must be at least 1")
        recordings = [recordings[number % len(recordings)] for number in range(args.repeat)]
    asyncio.run(_bench(args, output, recordings))
    return 0


def _load(folder: Path, limit: int | None) -> list[_Recording]:
    """All recordings in memory, with their voiced frames: no work is left for the time of measuring."""
    from voicebox.audio.files import read_audio
    from voicebox.client.speech import voiced_ends

    manifest = folder / "manifest.jsonl"
    if not manifest.is_file():
        raise VoiceboxError(f"There is no {manifest}", cure="Give a folder with a manifest.jsonl of {path, …} rows.")
    rows = [json.loads(line) for line in manifest.read_text("utf-8").splitlines() if line.strip()][:limit]
    recordings = []
    for row in rows:
        audio = read_audio(folder / row["path"], _RATE)
        recordings.append(_Recording(row["path"], audio, voiced_ends(audio, _RATE)))
    if not recordings:
        raise VoiceboxError(f"{manifest} names no recordings")
    return recordings


async def _bench(args: argparse.Namespace, output: Output, recordings: Sequence[_Recording]) -> None:
    async with own_server(args, output, sessions=args.sessions) as (url, pid):
        if pid is not None:
            await _call(url, recordings[0], args)  # Warm up, uncounted: first calls touch every page of the models.
        counted = await _counters(url, args.api_key)
        before, started = _cpu_s(pid), time.monotonic()
        rss_mb = [_rss_mb(pid)]
        results = await _callers(url, recordings, args, output, rss=lambda: rss_mb.append(_rss_mb(pid)))
        wall_s = time.monotonic() - started
        cpu_s = _difference(before, _cpu_s(pid))
        after = await _counters(url, args.api_key)
    guesses = {name: after[name] - counted[name] for name in after if name in counted}
    row = summarize(results, [item.speech_s for item in recordings], cpu_s=cpu_s, guesses=guesses)
    output.summary(row | {"rss_mb": rss_mb, "sessions": args.sessions, "wall_s": wall_s})


async def _callers(
    url: str,
    recordings: Sequence[_Recording],
    args: argparse.Namespace,
    output: Output,
    *,
    rss: Callable[[], None],
) -> list[TalkResult]:
    """All calls; `rss` is called after each tenth of them."""
    waiting = list(enumerate(recordings))[::-1]
    results: dict[int, TalkResult] = {}
    with output.progress() as progress:
        task = progress.add_task("calling", total=len(recordings))

        async def caller(delay_s: float) -> None:
            # Callers who spoke in step would all end their turns at once: a load that no crowd makes.
            await asyncio.sleep(delay_s)
            while waiting:
                at, recording = waiting.pop()
                results[at] = await _call(url, recording, args)
                output.row({"path": recording.path, **summary(results[at])})
                if len(results) * _RSS_POINTS % len(recordings) < _RSS_POINTS:
                    rss()
                progress.advance(task)

        callers = min(args.sessions, len(recordings))
        await asyncio.gather(*(caller(1.3 * number) for number in range(callers)))
    return [results[at] for at in sorted(results)]


async def _call(url: str, recording: _Recording, args: argparse.Namespace) -> TalkResult:
    from voicebox.client.realtime_client import play

    return await play(
        url, recording.audio, _RATE, voiced=recording.voiced, api_key=args.api_key, patience_s=args.timeout
    )


def summarize(
    results: Sequence[TalkResult], speech_s: Sequence[float], *, cpu_s: float | None, guesses: dict[str, float]
) -> dict[str, Any]:
    """The figures of a run.

    `n` counts recordings with speech. Latency percentiles are over those whose answer was heard after the last word;
    `early` counts those who were answered before it, `lost_turns` those who heard no answer at all.
    `speculation_hit_rate` is the share of turns whose guess fitted the final words, `ready_rate` of those whose reply
    was also ready when the turn ended; `wasted` guesses per turn. `after_endpoint_ms` runs from the end of the turn to
    the first audio sent, over all turns and over those of which the guess was used (`_hit`).
    """
    spoken = [result for result in results if result.speech_end_s is not None]
    records = [turn.record for result in spoken for turn in result.turns if turn.record]
    answers = [result.answer.record for result in spoken if result.answer is not None and result.answer.record]
    stages = {
        stage: percentiles([record["stages"][stage] for record in answers if stage in record["stages"]], (50, 95))
        for stage in STAGES
    }
    total_speech_s = sum(speech_s)
    settled = guesses.get("used", 0) + guesses.get("missed", 0)
    return {
        "voice_to_voice_ms": percentiles(
            [ms for result in spoken if (ms := result.voice_to_voice_ms) is not None], (50, 95, 99)
        ),
        **stages,
        "after_endpoint_ms": percentiles([_after_endpoint(record) for record in records], (50, 95, 99)),
        "after_endpoint_hit_ms": percentiles(
            [_after_endpoint(record) for record in records if record["speculated"]], (50, 95, 99)
        ),
        "endpoint_reasons": dict(Counter(str(record.get("endpoint", "")) for record in records).most_common()),
        "speculation_hit_rate": guesses["used"] / settled if settled else None,
        "ready_rate": _share(record["speculated"] for record in records),
        "wasted": guesses["wasted"] / settled if settled else None,
        "lost_turns": sum(result.lost for result in spoken),
        "early": sum(result.early for result in spoken),
        "turns": sum(bool(turn.item_id) for result in spoken for turn in result.turns),
        "errors": sum(len(result.errors) for result in results),
        "n": len(spoken),
        "phantom_turns": sum(bool(result.turns) for result in results if result.speech_end_s is None),
        "cpu_s_per_speech_s": cpu_s / total_speech_s if cpu_s is not None and total_speech_s else None,
        "caller_late_ms": max((result.late_ms for result in results), default=0.0),
    }


def percentiles(values: Sequence[float], which: Sequence[int]) -> dict[str, float | None]:
    """`{"p50": …}`; null where there are no values."""
    if not values:
        return {f"p{q}": None for q in which}
    return {f"p{q}": float(np.percentile(values, q)) for q in which}


def _after_endpoint(record: Mapping[str, Any]) -> float:
    stages = record["stages"]
    return float(stages.get("total_ms", 0.0) - stages["endpoint_ms"])


def _share(flags: Any) -> float | None:
    listed = list(flags)
    return sum(listed) / len(listed) if listed else None


def _cpu_s(pid: int | None) -> float | None:
    """CPU seconds of a process so far, its threads included (Linux)."""
    if pid is None:
        return None
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _rss_mb(pid: int | None) -> float | None:
    """Resident memory of a process (Linux)."""
    if pid is None:
        return None
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return None
    return round(int(status.partition("VmRSS:")[2].split()[0]) / 1024, 1)


def _difference(before: float | None, after: float | None) -> float | None:
    return after - before if before is not None and after is not None else None


async def _counters(url: str, api_key: str | None) -> dict[str, float]:
    """What the server counts of its guesses, once all sessions have ended; empty where it does not say."""
    import httpx

    headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
    try:
        async with httpx.AsyncClient(base_url=url, headers=headers, timeout=5, trust_env=False) as client:
            for _ in range(50):
                values = _exposition((await client.get("/metrics")).text)
                if values.get("voicebox_sessions", 0.0) == 0:
                    break
                await asyncio.sleep(0.1)
    except (httpx.HTTPError, httpx.InvalidURL):
        return {}
    names = {name: f"voicebox_speculations_{name}_total" for name in ("made", "used", "wasted", "missed")}
    return {name: values[full] for name, full in names.items() if full in values}


def _exposition(text: str) -> dict[str, float]:
    """Prometheus text → value by metric, summed over labels."""
    totals: dict[str, float] = {}
    for line in text.splitlines():
        name, _, value = line.rpartition(" ")
        if name and not line.startswith("#"):
            key = name.partition("{")[0]
            totals[key] = totals.get(key, 0.0) + float(value)
    return totals
