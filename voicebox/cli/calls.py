"""`voicebox calls`: the turns of stored calls, the newest last."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from datetime import datetime
from pathlib import Path

from voicebox.cli.output import Output, add_json_flag
from voicebox.config import load_settings
from voicebox.errors import ConfigError
from voicebox.store.calls import StoredTurn, read_turns

__all__ = ["add_parser", "run"]


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = subparsers.add_parser(
        "calls",
        help="list the turns of stored calls",
        description="List the newest turns in the database of calls (store.path), with where their time went.",
    )
    parser.add_argument("--call", metavar="SESSION", help="only the turns of this session")
    parser.add_argument("--limit", type=int, default=20, metavar="N", help="so many turns (default: 20)")
    parser.add_argument("--path", type=Path, help="the database (default: store.path of the settings)")
    add_json_flag(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Run the command.

    Raises:
        ConfigError: there is no database, or it cannot be read.
    """
    path = args.path or load_settings().store.path
    if path is None:
        raise ConfigError("Calls are not stored", cure="Set store.path for the server, or name a file with --path.")
    if args.limit < 1:
        raise ConfigError(f"--limit {args.limit} leaves nothing to list")
    output = Output(args.json)
    turns = list(read_turns(path.expanduser(), call=args.call, limit=args.limit))
    for turn in turns:
        output.row(asdict(turn), _line(turn))
    output.summary({"turns": len(turns), "calls": len({turn.call for turn in turns})})
    return 0


def _line(turn: StoredTurn) -> str:
    at = datetime.fromtimestamp(turn.at).strftime("%Y-%m-%d %H:%M:%S")
    said = turn.record.get("transcript")
    text = f"  [dim]{said}[/]" if said else ""
    return f"{at}  {turn.tier:8} {turn.intent:20} {turn.total_ms:6.0f} ms  {turn.record.get('endpoint', ''):12}{text}"
