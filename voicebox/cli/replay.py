"""`voicebox replay`: a recorded conversation as a timeline, and a check that the turn machine still does the same."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import MISSING, fields, is_dataclass
from pathlib import Path
from typing import Any

from rich.table import Table
from rich.text import Text

from voicebox.cli.output import Output, add_json_flag
from voicebox.conversation import facts as f
from voicebox.conversation.codec import encode, encode_tagged
from voicebox.conversation.log import End, Log, LogError, NewRules, read
from voicebox.conversation.replay import Difference, replay
from voicebox.conversation.states import Rules

__all__ = ["add_parser", "run"]


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = subparsers.add_parser(
        "replay",
        help="look into the recording of a session, and check the turn machine with it",
        description="Print what happened in a session that was recorded (conversation.record_dir), and run the turn "
        "machine over it again: it must order the same. Exit code 1 if it does not.",
    )
    parser.add_argument("file", type=Path, help="a recording, *.jsonl")
    parser.add_argument("--quiet", action="store_true", help="no timeline, only the check")
    add_json_flag(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Run the command.

    Raises:
        LogError: the file cannot be read or is no recording.
    """
    log = _read(args.file)
    output = Output(args.json)
    result = replay(log)
    if not args.quiet:
        for row in _timeline(log):
            output.row(row)
        if not args.json:
            output.console.print(_table(log))
    if log.cut_off:
        output.note("The last line was not written whole: the recording was cut off there.")
    elif not log.ended:
        output.note("The recording does not go on to the session's end.")
    if result.difference is not None:
        output.note(f"Line {result.difference.line}: the turn machine orders something else than it did.")
    output.summary(
        {
            "session": log.header.session,
            "started": log.header.started,
            "voicebox": log.header.voicebox,
            "seconds": result.seconds,
            "facts": result.steps,
            "effects": result.effects,
            "ended": log.ended,
            "cut_off": log.cut_off,
            "same": result.difference is None,
            "difference": None if result.difference is None else _difference(result.difference),
        }
    )
    return 0 if result.difference is None else 1


def _read(path: Path) -> Log:
    try:
        with path.open(encoding="utf-8", newline="\n") as file:
            return read(file)
    except OSError as error:
        raise LogError(f"The recording {path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise LogError(f"{path} is no recording of a session: it is no text") from None


def _timeline(log: Log) -> Iterator[dict[str, Any]]:
    for line, entry in log.entries:
        row: dict[str, Any] = {"line": line, "t": entry.at_s}
        match entry:
            case NewRules(_, rules):
                yield row | {"rules": encode(rules)}
            case End():
                yield row | {"end": True}
            case _:
                orders = [encode_tagged(effect) for effect in entry.effects]
                yield row | {"fact": encode_tagged(entry.fact), "effects": orders}


def _table(log: Log) -> Table:
    """One row for each fact; wake-ups are left out: nobody reads them."""
    table = Table(box=None, pad_edge=False)
    for name in ("s", "fact", "effects"):
        table.add_column(name, justify="right" if name == "s" else "left", no_wrap=name == "s")
    rules: Rules | None = None
    for _, entry in log.entries:
        at = f"{entry.at_s:.3f}"
        match entry:
            case NewRules():
                table.add_row(at, "Rules", Text(_changed(rules, entry.rules)), style="dim")
                rules = entry.rules
            case End():
                table.add_row(at, "End")
            case _:
                orders = [_words(effect) for effect in entry.effects if not isinstance(effect, f.WakeAt)]
                table.add_row(at, Text(_words(entry.fact)), Text("\n".join(orders)))
    return table


def _changed(before: Rules | None, after: Rules) -> str:
    old = set() if before is None else set(_parts(before))
    return ", ".join(part for part in _parts(after) if part not in old) or "as usual"


def _words(thing: f.Fact | f.Effect) -> str:
    """A fact or an effect in a line: its name, and what of it is not as usual."""
    return " ".join([type(thing).__name__, *_parts(thing)])


def _parts(thing: Any) -> Iterator[str]:
    for field in fields(thing):
        value = getattr(thing, field.name)
        usual = field.default if field.default_factory is MISSING else field.default_factory()
        if value == usual:
            continue
        if is_dataclass(value):
            yield from _parts(value)
        elif isinstance(value, float):
            yield f"{field.name}={value:.3f}"
        else:
            yield f'"{value}"' if field.name == "text" else f"{field.name}={value}"


def _difference(difference: Difference) -> dict[str, Any]:
    return {
        "line": difference.line,
        "t": difference.at_s,
        "fact": encode_tagged(difference.fact),
        "recorded": [encode_tagged(effect) for effect in difference.recorded],
        "replayed": [encode_tagged(effect) for effect in difference.replayed],
    }
