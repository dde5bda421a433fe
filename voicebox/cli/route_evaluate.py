"""`voicebox route evaluate FILE`: quality, cost and latency against the threshold, on labelled texts."""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from voicebox.cli.bench_endpoint_plot import Curve, curves_png
from voicebox.cli.output import Output
from voicebox.config import Settings
from voicebox.errors import ConfigError
from voicebox.llm.open_intent import open_intent_model
from voicebox.llm.types import OUT_OF_SCOPE, IntentModel
from voicebox.models.layout import locate_for
from voicebox.repertoire import INTENT_MODEL
from voicebox.routing.evaluate import Example, Point, Prices, best_threshold, sweep

__all__ = ["add_arguments", "run", "with_setting"]

_TOGETHER = 32
_SHOWN = 0.4
"""Share of in-scope texts up to which the curve is drawn."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `evaluate`."""
    group = parser.add_argument_group("evaluate", "FILE has JSON lines with text and intent (oos: out of scope)")
    group.add_argument("--split", help="only rows whose split is this")
    group.add_argument("--max-escalated", type=float, metavar="SHARE", help="of in-scope texts (default: 0.08)")
    group.add_argument("--max-usd", type=float, metavar="USD", help="for 1,000 turns, in place of --max-escalated")
    group.add_argument("--tier", metavar="NAME", help="whose prices count (default: the first priced frontier)")
    group.add_argument("--large-ms", type=float, default=700.0, metavar="MS", help="its latency (default: 700)")
    group.add_argument("--plot", type=Path, metavar="PNG", help="draw the curve")
    group.add_argument("--write", type=Path, metavar="TOML", help="write the threshold into this settings file")


def run(args: argparse.Namespace, file: Path, settings: Settings) -> int:
    """Run the command.

    Raises:
        ConfigError: the file has no such rows, or a bound is no number that makes sense.
        ModelError: the model is not there.
    """
    rows = _read(file, args.split)
    if args.max_escalated is not None and not 0 <= args.max_escalated <= 1:
        raise ConfigError(f"--max-escalated {args.max_escalated:g} is no share", cure="Give a number from 0 to 1")
    began = time.perf_counter()
    path = locate_for("intent", str(args.model or settings.intent.model or INTENT_MODEL))
    model = open_intent_model(path, threads=1, max_sessions=_TOGETHER)
    try:
        unknown = sorted({intent for _, intent in rows} - set(model.labels) - {OUT_OF_SCOPE})
        if unknown:
            raise ConfigError(f"The model has no intent {unknown[0]!r}", cure="Label rows with its intents")
        examples = asyncio.run(_score(model, rows))
        own = model.threshold
    finally:
        model.close()
    prices, priced = _prices(settings, args.tier, args.large_ms)
    points = sweep(examples, prices)
    share = None if args.max_usd is not None else 0.08 if args.max_escalated is None else args.max_escalated
    best = best_threshold(points, max_escalated=share, max_usd_per_1000=args.max_usd)
    output = Output(args.json)
    for point in points[:: max(1, len(points) // 20)]:
        output.row(asdict(point), _line(point))
    if args.plot is not None:
        args.plot.write_bytes(_plot(points, best))
    if args.write is not None:
        args.write.write_text(with_setting(_text_of(args.write), "intent", "accept", best.threshold), "utf-8")
        output.note(f"intent.accept = {best.threshold:.4f} is in {args.write} now")
    output.summary(
        {
            "rows": len(rows),
            "in_scope": sum(example.in_scope for example in examples),
            **asdict(best),
            "served_all_small": points[0].served,
            "usd_per_1000_all_large": points[-1].usd_per_1000,
            "usd_per_1000_all_small": 0.0,
            "model_threshold": own,
            "prices": priced,
            "seconds": round(time.perf_counter() - began, 1),
        }
    )
    return 0


async def _score(model: IntentModel, rows: Sequence[tuple[str, str]]) -> list[Example]:
    examples: list[Example | None] = [None] * len(rows)
    waiting = iter(enumerate(rows))

    async def worker(session: str) -> None:
        for at, (text, intent) in waiting:
            score = await asyncio.wrap_future(model.score(text, session=session))
            best = next(name for name, _ in score.ranked if name != OUT_OF_SCOPE)
            examples[at] = Example(score.in_scope, intent != OUT_OF_SCOPE, best == intent, len(text.split()))

    await asyncio.gather(*(worker(f"evaluate-{n}") for n in range(_TOGETHER)))
    return [example for example in examples if example is not None]


def _read(file: Path, split: str | None) -> list[tuple[str, str]]:
    try:
        rows = [json.loads(line) for line in file.read_text("utf-8").splitlines() if line.strip()]
        found = [(str(row["text"]), str(row["intent"])) for row in rows if split is None or row.get("split") == split]
    except OSError as error:
        raise ConfigError(f"{file} cannot be read: {error}") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ConfigError(
            f"{file} has a line without text and intent", cure='Write {"text": …, "intent": …}'
        ) from error
    if not found:
        raise ConfigError(f"{file} has no rows" + (f" of the split {split!r}" if split else ""))
    return found


def _prices(settings: Settings, name: str | None, large_ms: float) -> tuple[Prices, str]:
    """The prices of a tier, and whose they are."""
    for tier_name, tier in settings.tiers.items():
        if name is not None and tier_name != name:
            continue
        if tier.prompt_usd is not None and tier.completion_usd is not None:
            return Prices(tier.prompt_usd, tier.completion_usd, large_ms=large_ms), f"tiers.{tier_name}"
    if name is not None:
        raise ConfigError(f"tiers.{name} has no prices", cure=f"Set tiers.{name}.prompt_usd and completion_usd")
    return Prices(0.0, 0.0, large_ms=large_ms), "none: set tiers.NAME.prompt_usd and completion_usd"


def _line(point: Point) -> str:
    return (
        f"{point.threshold:6.3f}  in scope up {point.in_scope_up:6.1%}  out of scope up {point.out_of_scope_up:6.1%}  "
        f"served {point.served:6.1%}  ${point.usd_per_1000:.4f} per 1,000  {point.mean_ms:4.0f} ms"
    )


def _plot(points: Sequence[Point], best: Point) -> bytes:
    def curve(name: str, value: str, scale: float = 1.0) -> Curve:
        shown = [point for point in points if point.in_scope_up <= _SHOWN]
        line = [(100 * point.in_scope_up, getattr(point, value) / scale) for point in shown[:: 1 + len(shown) // 300]]
        return Curve(name, line, [(100 * best.in_scope_up, getattr(best, value) / scale)])

    curves = [curve("OUT OF SCOPE UP", "out_of_scope_up"), curve("WELL SERVED", "served")]
    if points[-1].usd_per_1000:
        curves.append(curve("COST OF ALL LARGE", "usd_per_1000", points[-1].usd_per_1000))
    return curves_png(
        "ESCALATION", curves, x_label="IN SCOPE ESCALATED (%)", y_label="SHARE", x_max=100 * _SHOWN, y_max=1.0
    )


def _text_of(path: Path) -> str:
    return path.read_text("utf-8") if path.is_file() else ""


def with_setting(text: str, section: str, name: str, value: float) -> str:
    """A settings file's text with one number set; all else, comments too, stays as it was."""
    line = f"{name} = {value:.4f}"
    head = re.search(rf"^\[{re.escape(section)}\][^\n]*$", text, re.MULTILINE)
    if head is None:
        return f"{text.rstrip()}\n\n[{section}]\n{line}\n".lstrip()
    after = re.search(r"^\[", text[head.end() :], re.MULTILINE)
    end = len(text) if after is None else head.end() + after.start()
    body = text[head.end() : end]
    old = re.search(rf"^[ \t]*{re.escape(name)}[ \t]*=[^\n]*$", body, re.MULTILINE)
    body = f"\n{line}{body}" if old is None else body[: old.start()] + line + body[old.end() :]
    return text[: head.end()] + body + text[end:]
