"""`voicebox calls`: stored calls and their turns: list, show, export, forget."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

from voicebox.cli.output import Output, add_json_flag, to_json
from voicebox.config import load_settings
from voicebox.errors import ConfigError, VoiceboxError
from voicebox.store.calls import StoredTurn, read_turns
from voicebox.store.read import StoredCall, forget_calls, read_asked, read_calls

__all__ = ["add_parser", "run"]

_ALL_TURNS = 1_000_000


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = subparsers.add_parser(
        "calls",
        help="list, show, export and forget stored calls",
        description="The database of calls (store.path): `turns` lists the newest turns with where their time went, "
        "`list` the newest calls with their cost, `show CALL` all of one, `export CALL` writes it as JSON lines, "
        "`forget CALL` (or `forget --all`) deletes it for good.",
    )
    parser.add_argument("action", nargs="?", default="turns", choices=sorted(_ACTIONS), help="default: turns")
    parser.add_argument("session", nargs="?", metavar="CALL", help="the session's id")
    parser.add_argument("--call", metavar="CALL", help="the same, for turns")
    parser.add_argument("--limit", type=int, default=20, metavar="N", help="so many turns or calls (default: 20)")
    parser.add_argument("--out", type=Path, metavar="FILE", help="where export writes (default: stdout)")
    parser.add_argument("--all", action="store_true", help="forget all calls")
    parser.add_argument("--path", type=Path, help="the database (default: store.path of the settings)")
    add_json_flag(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Run the command.

    Raises:
        ConfigError: there is no database, or it cannot be used; or no call is named where one has to be.
        VoiceboxError: there is no such call.
    """
    path = args.path or load_settings().store.path
    if path is None:
        raise ConfigError("Calls are not stored", cure="Set store.path for the server, or name a file with --path.")
    if args.limit < 1:
        raise ConfigError(f"--limit {args.limit} leaves nothing to list")
    args.session = args.session or args.call
    if args.action in ("show", "export") and not args.session:
        raise ConfigError(f"calls {args.action} needs the call's id", cure="See voicebox calls list.")
    return _ACTIONS[args.action](args, path.expanduser(), Output(args.json))


def _turns(args: argparse.Namespace, path: Path, output: Output) -> int:
    turns = list(read_turns(path, call=args.session, limit=args.limit))
    for turn in turns:
        output.row(asdict(turn), _line(turn))
    output.summary({"turns": len(turns), "calls": len({turn.call for turn in turns})})
    return 0


def _list(args: argparse.Namespace, path: Path, output: Output) -> int:
    calls = read_calls(path, limit=args.limit)
    for call in calls:
        output.row(asdict(call), _call_line(call))
    known, unknown = sum(call.known_usd for call in calls), sum(call.unknown for call in calls)
    output.summary({"calls": len(calls), "known_usd": known, "of_unknown_price": unknown})
    return 0


def _show(args: argparse.Namespace, path: Path, output: Output) -> int:
    call, turns, asked = _all_of(args.session, path)
    for turn in turns:
        output.row({"kind": "turn", **asdict(turn)}, _line(turn))
        for row in asked:
            if row["turn"] == turn.turn:
                output.row({"kind": "asked", **row}, f"    {_asked_line(row)}")
    output.summary(asdict(call), _call_line(call))
    return 0


def _export(args: argparse.Namespace, path: Path, output: Output) -> int:
    call, turns, asked = _all_of(args.session, path)
    rows: list[dict[str, Any]] = [{"kind": "call", **asdict(call)}]
    rows += [{"kind": "turn", **asdict(turn)} for turn in turns]
    rows += [{"kind": "asked", **row} for row in asked]
    text = "".join(to_json(row) + "\n" for row in rows)
    if args.out is None:
        print(text, end="")
        return 0
    try:
        args.out.write_text(text, "utf-8")
    except OSError as error:
        raise ConfigError(f"{args.out} cannot be written: {error}") from error
    output.summary({"rows": len(rows), "file": args.out})
    return 0


def _forget(args: argparse.Namespace, path: Path, output: Output) -> int:
    if bool(args.session) == args.all:
        raise ConfigError("calls forget needs a call's id, or --all")
    output.summary({"forgotten": forget_calls(path, call=args.session)})
    return 0


_ACTIONS: dict[str, Callable[[argparse.Namespace, Path, Output], int]] = {
    "turns": _turns,
    "list": _list,
    "show": _show,
    "export": _export,
    "forget": _forget,
}


def _all_of(id: str, path: Path) -> tuple[StoredCall, list[StoredTurn], list[dict[str, Any]]]:
    calls = read_calls(path, call=id)
    if not calls:
        raise VoiceboxError(f"There is no call {id}", cure="See voicebox calls list.")
    return calls[0], list(read_turns(path, call=id, limit=_ALL_TURNS)), read_asked(path, id)


def _when(seconds: float) -> str:
    return datetime.fromtimestamp(seconds).strftime("%Y-%m-%d %H:%M:%S")


def _call_line(call: StoredCall) -> str:
    lasted = "open" if call.ended is None else f"{call.ended - call.began:.0f} s"
    cost = f"${call.known_usd:.5f}" + (f" + {call.unknown} of unknown price" if call.unknown else "")
    return f"{_when(call.began)}  {call.call}  {lasted:>7}  {call.turns:3} turns  {call.asked:3} asked  {cost}"


def _asked_line(row: dict[str, Any]) -> str:
    cost = "unknown price" if row["cost_usd"] is None else f"${row['cost_usd']:.6f}"
    marks = " estimated" * bool(row["estimated"]) + " wasted" * bool(row["wasted"])
    return f"{row['tier']} ({row['model']}) {row['outcome']} in {row['total_ms']:.0f} ms, {cost}{marks}"


def _line(turn: StoredTurn) -> str:
    said = turn.record.get("transcript")
    text = f"  [dim]{said}[/]" if said else ""
    at, why = _when(turn.at), turn.record.get("endpoint", "")
    return f"{at}  {turn.tier:8} {turn.intent:20} {turn.total_ms:6.0f} ms  {why:12}{text}"
