"""`voicebox train`: make an intent model from rows of text and intent."""

from __future__ import annotations

import argparse
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from rich.progress import TaskID

from voicebox.cli.output import Output, add_json_flag
from voicebox.errors import ConfigError
from voicebox.models.store import locate

if TYPE_CHECKING:
    from voicebox.train.report import Made
    from voicebox.train.rows import Row

__all__ = ["add_parser"]


def add_parser(subparsers: Any) -> None:
    """Add the command."""
    parser = subparsers.add_parser("train", help="make an intent model of one's own")
    kinds = parser.add_subparsers(metavar="WHAT", required=True)
    intent = kinds.add_parser(
        "intent",
        help="from JSON lines of text and intent",
        description="Train, calibrate, quantize and measure an intent model; writes MODEL.gguf, its card and its plot.",
    )
    intent.add_argument("--data", type=Path, required=True, metavar="FILE", help="JSON lines of text and intent")
    intent.add_argument(
        "--out",
        type=Path,
        required=True,
        metavar="MODEL",
        help="the model to write (.gguf; a folder for several bases)",
    )
    intent.add_argument("--eval", type=Path, metavar="FILE", help="more rows that only measure")
    intent.add_argument("--teacher", metavar="MODEL", help="a public sentence encoder (minilm, or its folder)")
    intent.add_argument("--base", metavar="MODEL[,…]", help="use these models' own features instead of a small model")
    intent.add_argument("--minutes", type=float, default=20.0, help="bound of processor time (default %(default)s)")
    intent.add_argument("--work", type=Path, metavar="DIR", help="for checkpoints; a stopped run goes on from there")
    intent.add_argument("--layers", type=int, default=3, help="layers of the model (default %(default)s)")
    intent.add_argument("--vocabulary", type=int, default=12288, help="word pieces, at most (default %(default)s)")
    intent.add_argument("--changed", type=float, default=0.85, help="share of texts that are changed as if misheard")
    intent.add_argument("--beginnings", type=float, default=1.0, help="beginnings of sentences per text")
    intent.add_argument("--threads", type=int, default=1, help="threads of the training (default %(default)s)")
    intent.add_argument("--seed", type=int, default=7)
    intent.add_argument("--drop-conflicts", action="store_true", help="do not train on texts with several intents")
    intent.add_argument("--cpu", action="store_true", help="do not use a GPU")
    add_json_flag(intent)
    intent.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Train and measure."""
    from voicebox.train.extra import require_training_libraries
    from voicebox.train.rows import check_measured, read_rows

    if args.base and args.teacher:
        raise ConfigError("--base and --teacher are two ways; choose one")
    if not args.base and args.out.suffix != ".gguf":
        raise ConfigError(f"--out {args.out} is no .gguf file")
    for name, low, high in (
        ("minutes", 0.05, 1e5),
        ("layers", 1, 48),
        ("vocabulary", 300, 1e6),
        ("threads", 1, 512),
        ("changed", 0, 1),
        ("beginnings", 0, 1),
    ):
        if not low <= getattr(args, name) <= high:
            raise ConfigError(f"--{name} {getattr(args, name)} is not from {low:g} to {high:g}")
    rows = read_rows(args.data, drop_conflicts=args.drop_conflicts)
    more = read_rows(args.eval, measure_only=True) if args.eval else []
    check_measured(rows, more, str(args.eval))
    if args.base:
        require_training_libraries("gguf")
    else:
        require_training_libraries()
    work = args.work or Path(tempfile.mkdtemp(prefix="voicebox-train-"))
    try:
        return _train(args, rows, more, work)
    finally:
        if args.work is None:
            shutil.rmtree(work, ignore_errors=True)


def _train(args: argparse.Namespace, rows: Sequence[Row], more: Sequence[Row], work: Path) -> int:
    from voicebox.train.report import measure_and_describe

    output = Output(args.json)
    output.note(f"{len(rows)} rows, {len({row.intent for row in rows})} labels")
    with _Stages(output) as stages:
        made = _make(args, rows, work, stages)
        evaluated = {args.eval.name: more} if more else {}
        report = measure_and_describe(made, rows, evaluated, _command(args), stages.show)
    figures = report.figures()
    for name, measured in figures["sets"].items():
        output.row({"set": name, **measured})
    card = args.out.with_suffix(".md")
    if not output.as_json:
        output.console.print(card.read_text(encoding="utf-8"))
    output.summary(
        {
            "out": args.out,
            "bytes": made.size,
            "seconds": made.seconds,
            "calibration": made.calibration,
            "beginnings": figures["beginnings"],
            "commits": figures["commits"],
        },
        f"Wrote {args.out}, {card.name} and the plot",
    )
    return 0


def _make(args: argparse.Namespace, rows: Sequence[Row], work: Path, stages: _Stages) -> Made:
    from voicebox.train.made import made_of_bases, made_small

    if args.base:
        from voicebox.train.base.train import BaseSettings, train_from_bases

        bases = BaseSettings(out=args.out, work=work, seed=args.seed, threads=args.threads)
        return made_of_bases(train_from_bases(args.base, rows, bases, stages.show), bases)
    from voicebox.train.intent import Settings, train_intent

    settings = Settings(
        out=args.out,
        work=work,
        teacher=locate(args.teacher) if args.teacher else None,
        minutes=args.minutes,
        layers=args.layers,
        vocabulary=args.vocabulary,
        changed=args.changed,
        beginnings=args.beginnings,
        seed=args.seed,
        threads=args.threads,
        gpu=not args.cpu,
    )
    return made_small(train_intent(rows, settings, stages.show), settings)


class _Stages:
    """Progress by stage on stderr: bars on a terminal, else a line for every tenth."""

    def __init__(self, output: Output) -> None:
        self._output = output
        self._progress = output.progress()
        self._tasks: dict[str, TaskID] = {}
        self._shown: dict[str, int] = {}

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._progress.stop()

    def show(self, stage: str, share: float, word: str) -> None:
        """Show how far a stage is."""
        if stage not in self._tasks:
            self._tasks[stage] = self._progress.add_task(stage, total=100)
        self._progress.update(self._tasks[stage], completed=round(100 * share), description=f"{stage} {word}".strip())
        if not self._output.err.is_terminal and self._shown.get(stage, -1) != int(10 * share):
            self._shown[stage] = int(10 * share)
            self._output.note(f"{stage} {100 * share:.0f} % {word}".strip())


def _command(args: argparse.Namespace) -> str:
    """The command without what only this machine has."""
    parts = ["voicebox train intent", f"--data {args.data.name}", f"--out {args.out.name}"]
    if args.base:
        parts.append(f"--base {','.join(Path(base).name for base in args.base.split(','))}")
    if args.teacher:
        parts.append(f"--teacher {Path(args.teacher).name}")
    if args.eval:
        parts.append(f"--eval {args.eval.name}")
    if not args.base:
        parts.append(f"--minutes {args.minutes:g}")
    usual = {"layers": 3, "vocabulary": 12288, "changed": 0.85, "beginnings": 1.0, "seed": 7}
    parts += [f"--{name} {getattr(args, name):g}" for name, value in usual.items() if getattr(args, name) != value]
    return " ".join([*parts, *(["--drop-conflicts"] if args.drop_conflicts else [])])
