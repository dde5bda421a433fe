"""`voicebox bench barge-in`: what becomes of a reply that is spoken over, or hears itself, through the whole server."""

from __future__ import annotations

import argparse
import asyncio
import json
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from voicebox.audio.files import read_audio
from voicebox.audio.resample import resample
from voicebox.cli.bench_turn import percentiles
from voicebox.cli.manifest import limited, read_manifest
from voicebox.cli.output import Output, add_json_flag
from voicebox.cli.own_server import own_server
from voicebox.cli.settings_flags import add_settings_flags
from voicebox.client.over_reply import Outcome, talk_over
from voicebox.client.room import Room
from voicebox.client.speech import voiced_ends
from voicebox.errors import ConfigError
from voicebox.models.voices import locate_voice
from voicebox.tts.voices import find_voice, open_voice

__all__ = ["Case", "add_arguments", "run", "summarize"]

_RATE = 24_000
_FRAME_S = 0.032
_LEVEL = 0.06
"""Root mean square of the caller's voiced speech: -24 dB of full scale, about as loud as the assistant."""
_LONGEST_S = 2.5
_QUESTION = "tell me about the lighthouse"
_STORY = (
    "The lighthouse stands on a rock at the end of a narrow bay, and its white tower can be seen from the harbor. "
    "It was built of granite that small boats carried out in the calm months of summer. "
    "For a hundred years a family of keepers climbed the stairs to light the lamp."
)
_NOISES = ("Mm-hm.", "Uh-huh.", "Yeah.", "Okay.", "Right.", "Oh, okay.", "Yeah, sure.", "Mhm, right.")


@dataclass(frozen=True, slots=True)
class Surroundings:
    """How the loudspeaker is heard by the microphone."""

    echo_db: float
    delay_ms: float
    rt60_s: float

    @property
    def room(self) -> Room:
        """The room that this describes."""
        return Room(_RATE, delay_ms=self.delay_ms, level_db=self.echo_db, rt60_s=self.rt60_s)


@dataclass(frozen=True, slots=True)
class Case:
    """One conversation: `kind` is "echo" (nobody speaks), "interruption" or "backchannel".

    `around` None is a caller with headphones.
    """

    kind: str
    name: str
    speech: NDArray[np.float32] | None = None
    onset_s: float = 0.0
    around: Surroundings | None = None


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the benchmark's arguments."""
    parser.add_argument("dir", type=Path, metavar="DIR", help="folder with manifest.jsonl: what callers interrupt with")
    parser.add_argument("--limit", type=int, default=12, metavar="N", help="so many interruptions (default: 12)")
    parser.add_argument(
        "--listeners",
        type=Path,
        metavar="DIR",
        help="recordings of single words such as yes, right, wow: no interruptions",
    )
    parser.add_argument("--echo-db", default="-10", metavar="DB,…", help="levels of the echo (default: -10)")
    parser.add_argument("--delays", default="40,120,250", metavar="MS,…", help="its delays (default: 40,120,250)")
    parser.add_argument("--rt60", default="0.2,0.5", metavar="S,…", help="reverberation (default: 0.2,0.5)")
    parser.add_argument("--voice", default="piper-en_US-joe-medium", help="who says mm-hm (default: the server's own)")
    parser.add_argument("--url", help="a running server that knows the lighthouse (default: one is started)")
    parser.add_argument("--api-key", help="the server's key")
    add_json_flag(parser)
    add_settings_flags(parser)


def run(args: argparse.Namespace) -> int:
    """Measure, in real time; 0 whatever comes out.

    Raises:
        ConfigError: a folder or a number that cannot be used.
        VoiceboxError: no server.
    """
    cases = list(_cases(args))
    asyncio.run(_bench(args, Output(args.json), cases))
    return 0


async def _bench(args: argparse.Namespace, output: Output, cases: Sequence[Case]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        examples = [_QUESTION, "tell me of the lighthouse", "the story of the lighthouse", "what of the lighthouse"]
        tell = f"examples = {json.dumps(examples)}\nreplies = {json.dumps([_STORY])}"
        (Path(folder) / "lighthouse.toml").write_text(
            f'name = "lighthouse"\ndescription = "tell of a lighthouse"\n[intents.tell]\n{tell}\n', encoding="utf-8"
        )
        async with own_server(args, output, sessions=1, more=["--skills.dir", folder, "--lean"]) as (url, _):
            await talk_over(url, _QUESTION, api_key=args.api_key)  # Warm up, uncounted.
            outcomes = []
            with output.progress() as progress:
                task = progress.add_task("calling", total=len(cases))
                for case in cases:
                    outcome = await talk_over(
                        url,
                        _QUESTION,
                        speech=case.speech,
                        room=case.around.room if case.around else None,
                        api_key=args.api_key,
                    )
                    outcomes.append(outcome)
                    output.row(_row(case, outcome))
                    progress.advance(task)
    output.summary(summarize(cases, outcomes))


def _cases(args: argparse.Namespace) -> Iterator[Case]:
    levels, delays, times = (_numbers(args, name) for name in ("echo_db", "delays", "rt60"))
    around = [Surroundings(level, delay, rt60) for level in levels for rt60 in times for delay in delays]
    for place in around:
        yield Case("echo", "nobody speaks", around=place)
    rows = limited(read_manifest(args.dir), args.limit)
    if not rows:
        raise ConfigError(f"{args.dir} has no rows with a text or an intent")
    voices = [("interruption", row.path.name, read_audio(row.path, _RATE)) for row in rows]
    voices += [("backchannel", name, audio) for name, audio in _listeners(args)]
    for number, (kind, name, audio) in enumerate(voices):
        speech, onset_s = _level(audio)
        if len(speech):
            # Every other caller wears headphones.
            yield Case(
                kind, name, speech, onset_s, around[number // 2 % len(around)] if number % 2 and around else None
            )


def _listeners(args: argparse.Namespace) -> Iterator[tuple[str, NDArray[np.float32]]]:
    """What listeners say to show that they listen: recorded, or spoken by the server's voice."""
    if args.listeners is not None:
        rows = [row for row in read_manifest(args.listeners) if (row.text or "").lower() in ("yes", "right", "wow")]
        for row in limited(rows, args.limit):
            yield row.path.name, read_audio(row.path, _RATE)
    voice = open_voice(find_voice(args.voice, locate_voice), 1)
    for text in _NOISES:
        spoken = voice.synthesize(text)
        yield text, resample(spoken.audio, spoken.rate, _RATE)


def _level(audio: NDArray[np.float32]) -> tuple[NDArray[np.float32], float]:
    """Speech at a common level, from half a second before its onset on, and the onset in it; empty without speech."""
    ends = voiced_ends(audio, _RATE)
    runs = [first for first, second in pairwise(ends) if second - first < 1.5 * _FRAME_S]
    if not runs:
        return np.zeros(0, np.float32), 0.0
    onset = max(0, round((runs[0] - _FRAME_S) * _RATE))
    voiced = np.concatenate([audio[max(0, round((end - _FRAME_S) * _RATE)) : round(end * _RATE)] for end in ends])
    start = max(0, onset - _RATE // 2)
    speech = audio[start : onset + round(_LONGEST_S * _RATE)]
    return speech * np.float32(_LEVEL / np.sqrt(np.square(voiced).mean())), (onset - start) / _RATE


def _row(case: Case, outcome: Outcome) -> dict[str, Any]:
    around = None if case.around is None else asdict(case.around)
    return {
        "kind": case.kind,
        "name": case.name,
        "around": around,
        "ducked_ms": _after(case, outcome, outcome.ducked_s),
        "silent_ms": _after(case, outcome, outcome.silent_s),
        "resumed_ms": _after(case, outcome, outcome.resumed_s),
        "taken": outcome.over,
        "breaks": outcome.breaks,
        "said": outcome.said,
        "late_ms": outcome.late_ms,
    }


def _after(case: Case, outcome: Outcome, moment_s: float | None) -> float | None:
    """Milliseconds from the onset of the caller's speech; from the reply's beginning where nobody speaks."""
    start_s = outcome.audible_s if outcome.spoke_s is None else outcome.spoke_s + case.onset_s
    return None if moment_s is None or start_s is None else 1000 * (moment_s - start_s)


def summarize(cases: Sequence[Case], outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """The figures of a run.

    `self_interruptions` counts replies that their own echo broke off, `ducked` those that it made quieter. An
    interruption is `noticed` when the reply is broken off and does not go on. A listener's noise is `unheeded` when the
    reply was never broken off, `carried_on` when it was or was not, and went on to its end.
    """
    of = {
        kind: [(case, outcome) for case, outcome in zip(cases, outcomes, strict=True) if case.kind == kind]
        for kind in ("echo", "interruption", "backchannel")
    }
    noticed = [(case, outcome) for case, outcome in of["interruption"] if outcome.breaks and outcome.resumed_s is None]
    gaps = [1000 * (o.resumed_s - o.silent_s) for _, o in of["backchannel"] if o.resumed_s and o.silent_s]
    return {
        "echo": {
            "n": len(of["echo"]),
            "self_interruptions": sum(outcome.breaks > 0 for _, outcome in of["echo"]),
            "ducked": sum(outcome.ducked_s is not None for _, outcome in of["echo"]),
        },
        "interruption": {
            "n": len(of["interruption"]),
            "noticed": len(noticed),
            "onset_to_ducked_ms": _percentiles(of["interruption"], "ducked_s"),
            "onset_to_silent_ms": _percentiles(noticed, "silent_s"),
        },
        "backchannel": {
            "n": len(of["backchannel"]),
            "unheeded": sum(not o.over and o.breaks == 0 for _, o in of["backchannel"]),
            "carried_on": sum(not o.over for _, o in of["backchannel"]),
            "gap_ms": percentiles(gaps, (50, 95)),
        },
        "caller_late_ms": max((outcome.late_ms for outcome in outcomes), default=0.0),
    }


def _percentiles(pairs: Sequence[tuple[Case, Outcome]], name: str) -> dict[str, float | None]:
    times = [_after(case, outcome, getattr(outcome, name)) for case, outcome in pairs]
    return percentiles([ms for ms in times if ms is not None], (50, 95))


def _numbers(args: argparse.Namespace, name: str) -> list[float]:
    text = getattr(args, name)
    try:
        return [float(part) for part in text.split(",") if part.strip()]
    except ValueError as error:
        raise ConfigError(f"--{name.replace('_', '-')} {text} is not a list of numbers") from error
