"""`voicebox bench speech`: word error rate and command acceptance on recordings, streamed as the server streams."""

from __future__ import annotations

import argparse
import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from voicebox.audio.files import read_audio
from voicebox.cli.listening import Listener, Session
from voicebox.cli.manifest import Row, align_labels, limited, read_manifest
from voicebox.cli.mixing import mix_noise
from voicebox.cli.output import Output, add_json_flag
from voicebox.cli.parts import Understanders, build_recognizer
from voicebox.errors import ConfigError
from voicebox.stt.types import SAMPLE_RATE, Audio, Clip
from voicebox.stt.wer import ErrorRate, word_errors
from voicebox.vad.silero import SileroVad

__all__ = ["add_arguments", "run"]

_FULL_WINDOW_BEAM = 1
_NOISE_CLIP_S = 10
_NO_ERRORS = ErrorRate(0, 0)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("folder", type=Path, help="a folder with a manifest.jsonl")
    parser.add_argument("--skills", default="", help="only these skills are on, separated by commas")
    parser.add_argument("--noise", type=Path, help="a recording of noise to mix in, at each --snr")
    parser.add_argument("--snr", default="12", help="signal-to-noise ratios in dB, separated by commas (default 12)")
    parser.add_argument("--compare", action="store_true", help="also decode with Whisper's full window, and compare")
    parser.add_argument("--limit", type=int, help="only so many recordings, spread over the manifest")
    parser.add_argument("--model", default="auto", help="the Whisper model (default: what the server would take here)")
    parser.add_argument("--intent-model", type=Path, help="another GGUF than the one that ships")
    parser.add_argument("--no-bias", action="store_true", help="do not tell the recogniser what the skills expect")
    parser.add_argument("--seed", type=int, default=0, help="of the places where noise begins")
    add_json_flag(parser)


def run(args: argparse.Namespace) -> int:
    """Run the benchmark.

    Raises:
        ConfigError: a folder, a file or a number that cannot be used.
        ModelError: a model that is not there.
    """
    rows = limited(read_manifest(args.folder), args.limit)
    if not rows:
        raise ConfigError(f"{args.folder} has no rows with a text or an intent")
    asyncio.run(_Bench(args, rows).run())
    return 0


def _clips(row: Row) -> Iterator[Audio]:
    """A row's recording; long ones without speech in pieces, each of which a server might take for a turn."""
    audio = read_audio(row.path)
    size = len(audio) if row.text is None or row.text.strip() else _NOISE_CLIP_S * SAMPLE_RATE
    for start in range(0, max(len(audio), 1), max(size, 1)):
        yield audio[start : start + size]


@dataclass(slots=True)
class _Tally:
    """What was counted under one condition (clean, or an SNR)."""

    errors: ErrorRate = _NO_ERRORS
    once: ErrorRate = _NO_ERRORS
    full: ErrorRate = _NO_ERRORS
    commands: int = 0
    accepted: int = 0
    silences: int = 0
    answered: int = 0
    turns: int = 0
    n: int = 0
    audio_s: float = 0.0
    wall_s: float = 0.0
    cpu_s: float = 0.0
    once_s: float = 0.0
    full_s: float = 0.0

    def summary(self, compare: bool) -> dict[str, Any]:
        """The figures; those that nothing was measured for are None."""
        seconds = self.audio_s or 1.0
        figures: dict[str, Any] = {
            "wer": self.errors.rate if self.errors.words else None,
            "acceptance": self.accepted / self.commands if self.commands else None,
            "rtf": self.wall_s / seconds,
            "n": self.n,
            "cpu_s_per_s": self.cpu_s / seconds,
            "turns_per_clip": self.turns / self.n if self.n else None,
        }
        if self.silences:
            figures["answered_noise"] = self.answered / self.silences
        if compare:
            figures |= {
                "wer_whole_clip": self.once.rate,
                "wer_full_window": self.full.rate,
                "cpu_ratio": self.once_s / self.full_s if self.full_s else None,
            }
        return figures


class _Bench:
    def __init__(self, args: argparse.Namespace, rows: Sequence[Row]) -> None:
        self._args = args
        self._rows = rows
        self._out = Output(args.json)
        self._skills = tuple(name.strip() for name in args.skills.split(",") if name.strip()) or None
        self._snrs = _numbers(args.snr) if args.noise else []
        self._noise = read_audio(args.noise) if args.noise else None

    async def run(self) -> None:
        recognizer = build_recognizer(self._args.model)
        full_window = _full_window(recognizer.name) if self._args.compare else None
        tallies = {condition: _Tally() for condition in self._conditions()}
        with Understanders.build(intent=self._args.intent_model) as parts, self._out.progress() as progress:
            listener = Listener(SileroVad(), recognizer, parts.reflex, skills=self._skills, bias=not self._args.no_bias)
            meanings = align_labels(self._rows, parts.skills.intents(self._skills))
            task = progress.add_task("recordings", total=len(self._rows) * len(tallies))
            for number, row in enumerate(self._rows):
                for condition, tally in tallies.items():
                    for clean in _clips(row):
                        audio = self._mixed(clean, condition, number)
                        began, cpu = time.perf_counter(), time.process_time()
                        session = await listener.hear(audio)
                        tally.wall_s += time.perf_counter() - began
                        tally.cpu_s += time.process_time() - cpu
                        tally.audio_s += len(audio) / SAMPLE_RATE
                        self._score(row, meanings, session, tally, condition)
                        if full_window is not None and row.text:
                            self._compare(row.text, audio, listener, full_window, tally)
                    progress.advance(task)
        self._summarize(recognizer.name, tallies)

    def _conditions(self) -> list[float | None]:
        return list(self._snrs) or [None]

    def _mixed(self, clean: Audio, snr: float | None, number: int) -> Audio:
        if snr is None or self._noise is None:
            return clean
        return mix_noise(clean, self._noise, snr, np.random.default_rng([self._args.seed, number]))

    def _score(
        self, row: Row, meanings: dict[str, str], session: Session, tally: _Tally, condition: float | None
    ) -> None:
        tally.n += 1
        tally.turns += len(session.turns)
        result: dict[str, Any] = {"path": str(row.path), "snr_db": condition, "text": session.text}
        if row.text is not None:
            if row.text.strip():
                errors = word_errors(row.text, session.text)
                tally.errors += errors
                result["errors"] = errors.errors
            else:
                tally.silences += 1
                tally.answered += bool(session.turns)
        if row.intent is not None:
            request = session.request
            slots = {name: slot.value for name, slot in request.slots.items()} if request else {}
            good = request is not None and request.intent == meanings[row.intent]
            good = good and all(slots.get(name) == value for name, value in row.slots.items())
            tally.commands += 1
            tally.accepted += good
            wrong = {name: slots.get(name) for name, value in row.slots.items() if slots.get(name) != value}
            result |= {"intent": request.intent if request else None, "slots": slots, "accepted": good}
            if not good:
                self._out.row(result, f"[red]✗[/] {row.path.name}  {session.text}  [dim]{wrong or result['intent']}[/]")
                return
        if self._args.json:
            self._out.row(result)

    def _compare(
        self, reference: str, audio: Audio, listener: Listener, full_window: Callable[[Audio], str], tally: _Tally
    ) -> None:
        """The whole clip at once: by our recogniser, and by faster-whisper with its full window."""
        began = time.process_time()
        text = listener.recognizer.decode([Clip(audio)])[0].text
        tally.once_s += time.process_time() - began
        tally.once += word_errors(reference, text)
        began = time.process_time()
        text = full_window(audio)
        tally.full_s += time.process_time() - began
        tally.full += word_errors(reference, text)

    def _summarize(self, model: str, tallies: dict[float | None, _Tally]) -> None:
        first = next(iter(tallies.values()))
        summary = first.summary(self._args.compare) | {"model": model, "skills": self._skills or "all"}
        if self._snrs:
            summary["by_snr"] = {f"{snr:g}": tally.summary(self._args.compare) for snr, tally in tallies.items()}
        self._out.summary(summary)


def _numbers(text: str) -> list[float]:
    try:
        return [float(part) for part in text.split(",")]
    except ValueError as error:
        raise ConfigError(f"--snr {text} is not a list of numbers", cure="For example --snr 6,9,12") from error


def _full_window(model: str) -> Callable[[Audio], str]:
    """faster-whisper itself, as people use it: the same weights, greedy, its window of 30 s, its temperature fallback.

    Without the fallback a few runaway texts would make it look far worse than it is.
    """
    from faster_whisper import WhisperModel

    from voicebox.models.store import locate

    whisper = WhisperModel(str(locate(model)), device="cpu", compute_type="int8", cpu_threads=1)

    def transcribe(audio: Audio) -> str:
        segments, _ = whisper.transcribe(
            audio,
            language="en",
            beam_size=_FULL_WINDOW_BEAM,
            condition_on_previous_text=False,
            without_timestamps=True,
        )
        return " ".join(_texts(segments))

    return transcribe


def _texts(segments: Any) -> Iterator[str]:
    for segment in segments:
        yield segment.text.strip()
