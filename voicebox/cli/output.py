"""How commands print: rich for people; with `--json` one JSON object per line, of which the last is the summary."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping
from dataclasses import asdict, is_dataclass
from enum import Enum
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console, RenderableType
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

__all__ = ["Output", "add_json_flag", "to_json"]


def add_json_flag(parser: argparse.ArgumentParser) -> None:
    """Add `--json` to a command."""
    parser.add_argument("--json", action="store_true", help="print JSON, one object per line; the last is the summary")


def to_json(row: Mapping[str, Any]) -> str:
    """One line of JSON. Floats keep four decimals, small ones four digits; dataclasses, enums, paths, sets and numpy
    values are converted.

    Raises:
        TypeError: a value that has no JSON form.
    """
    return json.dumps(_plain(dict(row)), ensure_ascii=False, allow_nan=False)


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(item) for item in value]
    if is_dataclass(value) and not isinstance(value, type):
        return _plain(asdict(value))
    if isinstance(value, np.ndarray):
        return _plain(value.tolist())
    if isinstance(value, np.generic):
        return _plain(value.item())
    if isinstance(value, Enum):
        return _plain(value.value)
    if isinstance(value, float):
        if not np.isfinite(value):
            return None
        # Prices of a single answer are far below a cent.
        return round(value, 4) if abs(value) >= 0.01 else float(f"{value:.4g}")
    if isinstance(value, Path):
        return str(value)
    return value


class Output:
    """Where a command prints: results on stdout, notes and progress on stderr.

    Args:
        as_json: machines read it: rows and the summary as JSON, nothing for people on stdout.
    """

    def __init__(self, as_json: bool = False) -> None:
        self.as_json = as_json
        self.console = Console(file=sys.stdout, highlight=False)
        self.err = Console(file=sys.stderr, highlight=False)

    def row(self, row: Mapping[str, Any], human: RenderableType | None = None) -> None:
        """One result: `row` for machines, `human` for people (None: nothing)."""
        if self.as_json:
            print(to_json(row), flush=True)
        elif human is not None:
            self.console.print(human)

    def summary(self, row: Mapping[str, Any], human: RenderableType | None = None) -> None:
        """The last line of a command; people get the figures as `key  value` lines where `human` is None."""
        if human is None and not self.as_json:
            width = max((len(str(key)) for key in row), default=0)
            human = "\n".join(f"{key:<{width}}  {_short(value)}" for key, value in row.items())
        self.row(row, human)

    def note(self, text: RenderableType) -> None:
        """Something for people only, on stderr."""
        if not self.as_json:
            self.err.print(text)

    def progress(self) -> Progress:
        """A progress bar on stderr for what takes over two seconds; silent with `--json` or without a terminal."""
        return Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            console=self.err,
            disable=self.as_json or not self.err.is_terminal,
            transient=True,
        )


def _short(value: Any) -> str:
    plain = _plain(value)
    if isinstance(plain, dict):
        return ", ".join(f"{key} {_short(item)}" for key, item in plain.items())
    return "–" if plain is None else str(plain)
