"""`voicebox classify`: intents, slots and routes of a whole file, at full speed."""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from voicebox.cli.classify_worker import Job, begin, work
from voicebox.cli.output import Output, add_json_flag
from voicebox.config import load_settings
from voicebox.errors import ConfigError
from voicebox.models.hardware import hardware

__all__ = ["add_parser", "run"]

_CHUNK = 200


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = subparsers.add_parser(
        "classify",
        help="give a file of texts or recordings their intents, slots and routes",
        description="Reads JSON lines with text, or audio (a recording, beside the file), or plain lines of text, and "
        "writes each with intent, slots, confidence and the tier that would answer. A run that was stopped goes on "
        "where it was.",
    )
    parser.add_argument("file", type=Path, help="what to classify")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="JSON lines, in the same order")
    parser.add_argument("--model", help="another intent model than the one that ships: a name or a GGUF file")
    parser.add_argument("--stt", default="auto", metavar="MODEL", help="recogniser of recordings (default: auto)")
    parser.add_argument("--workers", type=int, default=0, metavar="N", help="processes (default: one per core)")
    parser.add_argument("--restart", action="store_true", help="begin again where --out has rows already")
    add_json_flag(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Run the command.

    Raises:
        ConfigError: a file cannot be read or written, a row has nothing to classify, or --out is of another file.
        ModelError: a model is not there.
    """
    load_settings()  # Wrong settings are named here, and not by each worker.
    workers = args.workers or hardware().cores
    if workers < 1:
        raise ConfigError(f"--workers {args.workers} is no number of processes")
    total = sum(1 for _ in _rows(args.file))
    done = 0 if args.restart else _done(args.file, args.out)
    output = Output(args.json)
    if done:
        output.note(f"{done} of {total} rows are in {args.out} already")
    job = Job(args.model, args.stt, str(args.file.resolve().parent))
    counts: dict[str, int] = {}
    began = time.perf_counter()
    ready_s = 0.0
    # Fresh processes: what llama.cpp and CTranslate2 start in this one would not survive a fork.
    with multiprocessing.get_context("spawn").Pool(workers, begin, (job,)) as pool, output.progress() as progress:
        task = progress.add_task("classify", total=total, completed=done)
        chunks = _chunks(islice(_rows(args.file), done, None))
        with _open(args.out, "w" if not done else "a") as out:
            for results in pool.imap(work, chunks):
                ready_s = ready_s or time.perf_counter() - began
                for result in results:
                    counts[result["tier"]] = counts.get(result["tier"], 0) + 1
                    out.write(json.dumps(result, ensure_ascii=False) + "\n")
                out.flush()
                progress.advance(task, len(results))
    seconds = time.perf_counter() - began
    fresh = total - done
    output.summary(
        {
            "rows": total,
            "classified": fresh,
            "tiers": counts,
            "workers": workers,
            "seconds": round(seconds, 2),
            "rows_per_s": round(fresh / seconds, 1) if fresh else 0.0,
            "first_chunk_s": round(ready_s, 2),
            "rows_per_s_after_it": round(max(0, fresh - _CHUNK) / max(1e-9, seconds - ready_s), 1),
        }
    )
    return 0


def _rows(file: Path) -> Iterator[dict[str, Any]]:
    try:
        with file.open(encoding="utf-8") as lines:
            for number, line in enumerate(lines, start=1):
                if line.strip():
                    yield _row(file, number, line)
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file} cannot be read: {error}") from error


def _row(file: Path, number: int, line: str) -> dict[str, Any]:
    if not line.lstrip().startswith("{"):
        return {"text": line.strip()}
    try:
        row = json.loads(line)
    except ValueError as error:
        raise ConfigError(f"{file}:{number} is no JSON: {error}") from None
    if not isinstance(row.get("text", row.get("audio")), str):
        raise ConfigError(f"{file}:{number} has neither text nor audio", cure='Write {"text": …} or {"audio": FILE}')
    return dict(row)


def _chunks(rows: Iterator[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    while chunk := list(islice(rows, _CHUNK)):
        yield chunk


def _done(file: Path, out: Path) -> int:
    """How many rows are done; half a line, of a run that was killed, is cut off."""
    if not out.is_file():
        return 0
    done, size = 0, 0
    rows = _rows(file)
    with out.open("rb") as lines:
        for line in lines:
            if not line.endswith(b"\n"):
                break
            row = next(rows, None)
            try:
                got = json.loads(line)
            except ValueError:
                got = {}
            if row is None or any(got.get(name) != value for name, value in row.items()):
                raise ConfigError(
                    f"{out} has rows that are not those of {file}", cure="Name another --out, or add --restart"
                )
            done, size = done + 1, size + len(line)
    os.truncate(out, size)
    return done


def _open(path: Path, mode: str) -> Any:
    try:
        return path.open(mode, encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"{path} cannot be written: {error}") from error
