"""`voicebox bench intent`: intents, slots and out-of-scope detection on texts."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from voicebox.cli.output import Output, add_json_flag
from voicebox.cli.parts import Understanders
from voicebox.errors import ConfigError
from voicebox.llm.types import OUT_OF_SCOPE, IntentScore
from voicebox.skills.types import Dialog, Understanding

__all__ = ["add_arguments", "auroc", "expected_calibration_error", "resident_mb", "run"]

_NOW = datetime(2026, 3, 4, 10, 30)
"""When all sentences are said: labels such as "2026-03-05T07:00:00" for "tomorrow at seven" count from here."""
_BINS = 15


@dataclass(frozen=True, slots=True)
class _Row:
    text: str
    intent: str
    slots: dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class _Result:
    row: _Row
    score: IntentScore
    understanding: Understanding
    cpu_ms: float


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("file", type=Path, help="JSON lines with text, intent (oos: out of scope) and perhaps slots")
    parser.add_argument(
        "--model", help="another intent model than the one that ships, or an instruct model: a name or a GGUF file"
    )
    parser.add_argument("--limit", type=int, metavar="N", help="only N rows, chosen at random but always the same")
    add_json_flag(parser)


def run(args: argparse.Namespace) -> int:
    """Run the benchmark.

    Raises:
        ConfigError: the file has no such rows, or the limit is not positive.
        ModelError: the model is not there.
    """
    rows = _subset(_read(args.file), args.limit)
    out = Output(args.json)
    memory, began, cpu_began = resident_mb(), time.perf_counter(), time.process_time()
    with Understanders.build(intent=args.model) as parts:
        load_s, load_cpu_s = time.perf_counter() - began, time.process_time() - cpu_began
        unknown = {row.intent for row in rows} - set(parts.intent.labels) - {OUT_OF_SCOPE}
        if unknown:
            raise ConfigError(f"The model has no intent {sorted(unknown)[0]!r}", cure="Label rows with its intents")
        results = asyncio.run(_measure(parts, rows, out))
        after = resident_mb()
    for result in results:
        wrong = _wrong(result)
        if args.json or wrong:
            row = {
                "text": result.row.text,
                "wanted": result.row.intent,
                "intent": _heard(result),
                "slots": {name: slot.value for name, slot in result.understanding.slots.items()},
                "wrong": wrong,
            }
            out.row(row, f"[red]{wrong}[/] {result.row.text}  [dim]{result.row.intent} → {row['intent']}[/]")
    grown = after - memory if after is not None and memory is not None else None
    out.summary({**_summary(results), "load_s": load_s, "load_cpu_s": load_cpu_s, "memory_mb": grown})
    return 0


async def _measure(parts: Understanders, rows: Sequence[_Row], out: Output) -> list[_Result]:
    results = []
    with out.progress() as progress:
        for row in progress.track(rows, description="texts"):
            # Alone and first: the tier's time includes its own call of the model, with nothing of the text cached.
            parts.reflex.release("bench")
            began = time.process_time()
            understanding = await parts.reflex.understand(row.text, dialog=Dialog(), session="bench", now=_NOW)
            cpu_ms = (time.process_time() - began) * 1000
            # Again, in the same session, where it costs little more than reading the cache.
            score = await asyncio.wrap_future(parts.intent.score(row.text, session="bench"))
            results.append(_Result(row, score, understanding, cpu_ms))
    return results


def _read(file: Path) -> list[_Row]:
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise ConfigError(f"{file} cannot be read ({error.strerror})") from error
    rows = []
    for number, line in enumerate(lines, 1):
        if line.strip():
            try:
                data = json.loads(line)
                rows.append(_Row(str(data["text"]), str(data["intent"]), data.get("slots")))
            except (ValueError, KeyError, TypeError) as error:
                raise ConfigError(f"Line {number} of {file} is no row with text and intent ({error})") from error
    if not rows:
        raise ConfigError(f"{file} has no rows")
    return rows


def _subset(rows: list[_Row], limit: int | None) -> list[_Row]:
    """`limit` rows in the order of the file, the same ones every time; all without a limit."""
    if limit is None or limit >= len(rows):
        return rows
    if limit < 1:
        raise ConfigError(f"--limit {limit} leaves no rows")
    chosen = sorted(random.Random(0).sample(range(len(rows)), limit))
    return [rows[i] for i in chosen]


def resident_mb() -> float | None:
    """Memory of this process that is in use now, mapped files included; None where /proc does not tell."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    except (OSError, ValueError, IndexError):
        return None
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def _heard(result: _Result) -> str:
    return result.understanding.intent if result.understanding.in_scope else OUT_OF_SCOPE


def _slots_exact(result: _Result) -> bool:
    found = {name: slot.value for name, slot in result.understanding.slots.items()}
    return _heard(result) == result.row.intent and found == result.row.slots


def _wrong(result: _Result) -> str:
    """What is wrong with a result, in a word; empty if nothing is."""
    if _heard(result) != result.row.intent:
        return "intent"
    return "slots" if result.row.slots is not None and not _slots_exact(result) else ""


def _summary(results: Sequence[_Result]) -> dict[str, Any]:
    inside = [result for result in results if result.row.intent != OUT_OF_SCOPE]
    outside = [result for result in results if result.row.intent == OUT_OF_SCOPE]
    slotted = [result for result in inside if result.row.slots is not None]
    confidence = np.array([result.score.confidence for result in results])
    correct = np.array([result.score.intent == result.row.intent for result in results])
    ms = np.array([result.understanding.ms for result in results])
    # What the processor took says the same on a machine that is busy with other things.
    cpu_ms = np.array([result.cpu_ms for result in results])
    return {
        "in_scope_accuracy": _share([_best_label(result) == result.row.intent for result in inside]),
        "accepted_accuracy": _share([_heard(result) == result.row.intent for result in inside]),
        "slots_exact": _share([_slots_exact(result) for result in slotted]),
        "in_scope_rejected": _share([not result.understanding.in_scope for result in inside]),
        "oos_recall": _share([not result.understanding.in_scope for result in outside]),
        "auroc": auroc(
            np.array([result.score.in_scope for result in inside]),
            np.array([result.score.in_scope for result in outside]),
        ),
        "ece": expected_calibration_error(confidence, correct),
        "p50_ms": float(np.percentile(ms, 50)),
        "p95_ms": float(np.percentile(ms, 95)),
        "p50_cpu_ms": float(np.percentile(cpu_ms, 50)),
        "p95_cpu_ms": float(np.percentile(cpu_ms, 95)),
        "n": len(results),
    }


def _best_label(result: _Result) -> str:
    """The intent that is meant if the text is in scope at all: what the tier says, or the model's best."""
    if result.understanding.in_scope:
        return result.understanding.intent
    return next(name for name, _ in result.score.ranked if name != OUT_OF_SCOPE)


def _share(hits: Sequence[bool]) -> float | None:
    return sum(hits) / len(hits) if hits else None


def auroc(positive: NDArray[np.float64], negative: NDArray[np.float64]) -> float | None:
    """Probability that a random positive scores above a random negative (ties count half); None if either is empty."""
    if not len(positive) or not len(negative):
        return None
    difference = positive[:, None] - negative[None, :]
    return float(np.mean((difference > 0) + 0.5 * (difference == 0)))


def expected_calibration_error(confidence: NDArray[np.float64], correct: NDArray[np.bool_]) -> float | None:
    """Mean gap between confidence and accuracy over equally wide bins (Guo et al. 2017); None without rows."""
    if not len(confidence):
        return None
    bins = np.minimum((confidence * _BINS).astype(int), _BINS - 1)
    gaps = [
        abs(float(correct[bins == bin].mean()) - float(confidence[bins == bin].mean())) * float((bins == bin).sum())
        for bin in np.unique(bins)
    ]
    return sum(gaps) / len(confidence)
