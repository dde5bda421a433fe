"""`voicebox bench languages`: how often the language that is spoken is found, by how much of a recording is heard."""

from __future__ import annotations

import argparse
import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from voicebox.audio.files import read_audio
from voicebox.cli.manifest import Row, limited, read_manifest
from voicebox.cli.output import Output, add_json_flag
from voicebox.errors import ConfigError
from voicebox.models.store import locate
from voicebox.stt.languages import SpokenLanguages
from voicebox.stt.types import SAMPLE_RATE, Clip
from voicebox.stt.wer import ErrorRate, word_errors
from voicebox.stt.whisper import WhisperRecognizer

__all__ = ["Heard", "add_arguments", "run", "summarize"]

WHOLE = "whole"


@dataclass(frozen=True, slots=True)
class Heard:
    """What was found in the first seconds of a recording ("whole": all of it).

    `kept` says whether a session would go on in the language that was found, right or wrong.
    """

    at: str
    language: str
    found: str
    probability: float
    kept: bool
    errors: ErrorRate


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument(
        "folder", type=Path, help="a folder with a manifest.jsonl whose rows have a language and a text"
    )
    parser.add_argument("--model", default="whisper-base", help="a multilingual Whisper model (default whisper-base)")
    parser.add_argument("--at", default="1,2", metavar="S,…", help="also hear only so many seconds (default 1,2)")
    parser.add_argument("--among", default="", metavar="CODE,…", help="choose from these languages (default: all)")
    parser.add_argument("--limit", type=int, help="only so many recordings, spread over the manifest")
    add_json_flag(parser)


def run(args: argparse.Namespace) -> int:
    """Run the benchmark.

    Raises:
        ConfigError: a folder, a file or a number that cannot be used.
        ModelError: a model that is not there, or knows no other language.
    """
    cuts = _seconds(args.at)
    rows = limited([row for row in read_manifest(args.folder) if row.language and row.text], args.limit)
    if not rows:
        raise ConfigError(f"{args.folder} has no rows with a language and a text")
    among = [code.strip() for code in args.among.split(",") if code.strip()]
    recognizer = WhisperRecognizer(locate(args.model), args.model, language="auto", languages=among)
    if not recognizer.multilingual:
        raise ConfigError(f"{args.model} knows English only", cure="Choose a multilingual model such as whisper-base")
    out = Output(args.json)
    heard: list[Heard] = []
    for row in rows:
        for one in _hear(recognizer, row, cuts):
            heard.append(one)
            out.row({"path": row.path.name} | _fields(one), _line(row, one))
    out.summary({"model": recognizer.name, "among": among or "all", "n": len(rows)} | summarize(heard))
    return 0


def summarize(heard: Sequence[Heard]) -> dict[str, Any]:
    """Shares by how much was heard: right at once, kept by a session, right of those; word errors of what is whole."""
    lengths: dict[str, list[Heard]] = defaultdict(list)
    for one in heard:
        lengths[one.at].append(one)
    figures: dict[str, Any] = {}
    for at, some in lengths.items():
        kept = [one for one in some if one.kept]
        languages = sorted({one.language for one in some})
        figures[f"at_{at}"] = {
            "right": _right(some),
            "kept": len(kept) / len(some),
            "right_of_kept": _right(kept) if kept else None,
            "by_language": {code: _right([one for one in some if one.language == code]) for code in languages},
            "wer": sum((one.errors for one in some), ErrorRate(0, 0)).rate,
        }
    return figures


def _hear(recognizer: WhisperRecognizer, row: Row, cuts: Sequence[float]) -> list[Heard]:
    """A recording's beginnings, each as the first that its session says, and all of it."""
    audio = read_audio(row.path)
    sizes = {f"{cut:g}_s": int(cut * SAMPLE_RATE) for cut in cuts} | {WHOLE: len(audio)}
    found = []
    for at, size in sizes.items():
        (hypothesis,) = recognizer.decode([Clip(audio[:size])])
        session = SpokenLanguages()
        session.heard(at, hypothesis)
        found.append(
            Heard(
                at=at,
                language=row.language,
                found=hypothesis.language,
                probability=hypothesis.language_probability,
                kept=bool(session.of(at)),
                errors=word_errors(row.text or "", hypothesis.text),
            )
        )
    return found


def _right(heard: Sequence[Heard]) -> float:
    return sum(one.found == one.language for one in heard) / len(heard)


def _seconds(text: str) -> list[float]:
    try:
        cuts = [float(part) for part in text.split(",") if part.strip()]
    except ValueError as error:
        raise ConfigError(f"--at {text} is not a list of numbers", cure="For example --at 1,2") from error
    if any(not 0 < cut < math.inf for cut in cuts):
        raise ConfigError(f"--at {text}: seconds are greater than 0")
    return cuts


def _fields(one: Heard) -> dict[str, object]:
    return {
        "at": one.at,
        "language": one.language,
        "found": one.found,
        "probability": one.probability,
        "kept": one.kept,
        "errors": one.errors.errors,
        "words": one.errors.words,
    }


def _line(row: Row, one: Heard) -> str | None:
    """People see what went wrong."""
    if one.found == one.language:
        return None
    return f"[red]✗[/] {row.path.name} ({one.at}): {one.found}, P {one.probability:.2f}"
