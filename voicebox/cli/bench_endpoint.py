"""`voicebox bench endpoint`: how often endpoint policies cut speakers off, and how long they let them wait."""

from __future__ import annotations

import argparse
import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from voicebox.audio.files import read_audio
from voicebox.cli.bench_endpoint_cases import Remembering, split_points, with_pause
from voicebox.cli.bench_endpoint_plot import Curve, curves_png
from voicebox.cli.bench_endpoint_sweep import (
    Decide,
    Outcome,
    Point,
    Take,
    by_silence,
    by_voice,
    by_words,
    measure,
    scaled,
    silence_like,
)
from voicebox.cli.listening import Listener, Session
from voicebox.cli.manifest import Row, align_labels, limited, read_manifest
from voicebox.cli.output import Output, add_json_flag
from voicebox.cli.parts import Understanders, build_recognizer
from voicebox.config import load_settings
from voicebox.conversation.endpoint import Eagerness, EndpointPolicy
from voicebox.conversation.states import Rules
from voicebox.errors import ConfigError
from voicebox.opening import find_turn_model
from voicebox.stt.types import Audio, Clip, Recognizer
from voicebox.vad.silero import SileroVad
from voicebox.vad.smart_turn import SmartTurn

__all__ = ["add_arguments", "run"]

_PATIENT_MS = 4000
"""The wait under which recordings are heard once: longer than any pause that is judged."""
_SILENCES_MS = (*range(200, 1000, 100), 1000, 1200, 1500)
_PACES = (0.5, 0.6, 0.75, 0.9, 1.0, 1.2, 1.5, 2.0)
_EAGERNESS: tuple[Eagerness, ...] = ("low", "medium", "high", "auto")
_GOAL = (350.0, 0.05)
_NATURAL = "natural"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("folder", type=Path, help="a folder with a manifest.jsonl")
    parser.add_argument("--limit", type=int, metavar="N", help="only so many recordings, spread over the manifest")
    parser.add_argument(
        "--pauses", default="", metavar="MS,…", help="also put pauses of these lengths between two words"
    )
    parser.add_argument("--plot", type=Path, metavar="FILE.png", help="draw the curves")
    parser.add_argument("--skills", default="", help="only these skills are on, separated by commas")
    parser.add_argument("--model", default="auto", help="the Whisper model (default: what the server would take here)")
    parser.add_argument(
        "--turn-model",
        default="auto",
        help="a model that hears how turns end: name, file, none, or auto",
    )
    parser.add_argument("--seed", type=int, default=0, help="of the places where pauses are put in")
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


@dataclass
class _Condition:
    """Recordings as they are, or with pauses of one length put in."""

    name: str
    takes: list[Take] = field(default_factory=list)
    right: dict[int, bool] = field(default_factory=dict)
    """By row: whether it was understood when it was heard to its end."""


class _Bench:
    def __init__(self, args: argparse.Namespace, rows: Sequence[Row]) -> None:
        self._args = args
        self._rows = rows
        self._out = Output(args.json)
        self._skills = tuple(name.strip() for name in args.skills.split(",") if name.strip()) or None
        self._pauses = _lengths(args.pauses)
        conversation = load_settings().conversation
        self._policy = EndpointPolicy(
            short_ms=conversation.short_ms,
            unknown_ms=conversation.unknown_ms,
            long_ms=conversation.long_ms,
            eagerness=conversation.eagerness,
        )
        turn_model = find_turn_model(args.turn_model)
        self._judge = None if turn_model is None else SmartTurn(turn_model)
        self._conditions = {name: _Condition(name) for name in (_NATURAL, *(f"{ms} ms" for ms in self._pauses))}
        self._meanings: dict[str, str] = {}

    async def run(self) -> None:
        recognizer = Remembering(build_recognizer(self._args.model))
        with Understanders.build() as parts, self._out.progress() as progress:
            self._meanings = align_labels(self._rows, parts.skills.intents(self._skills))
            patient = self._listener(recognizer, parts, EndpointPolicy(fixed_ms=_PATIENT_MS))
            hasty = self._listener(recognizer, parts, self._policy)
            task = progress.add_task("recordings", total=len(self._rows))
            wrong: Counter[str] = Counter()
            for number, row in enumerate(self._rows):
                for name, audio in self._variants(number, row, recognizer):
                    await self._hear(self._conditions[name], number, row, audio, patient)
                    wrong[name] += await self._went_wrong(self._conditions[name], number, row, audio, hasty)
                recognizer.forget()
                progress.advance(task)
        self.report(recognizer.name, wrong)

    def _listener(self, recognizer: Recognizer, parts: Understanders, policy: EndpointPolicy) -> Listener:
        rules, tail_s = Rules(endpoint=policy), _PATIENT_MS / 1000 + 0.5
        return Listener(
            SileroVad(), recognizer, parts.reflex, skills=self._skills, rules=rules, partials=False,
            judge=self._judge, tail_s=tail_s,
        )  # fmt: skip

    def _variants(self, number: int, row: Row, recognizer: Recognizer) -> list[tuple[str, Audio]]:
        """A recording as it is and with each pause, all at the same place."""
        audio = read_audio(row.path)
        variants = [(_NATURAL, audio)]
        if self._pauses:
            (hypothesis,) = recognizer.decode([Clip(audio, word_times=True)])
            points = split_points(audio, hypothesis.words)
            if points:
                at = int(np.random.default_rng([self._args.seed, number]).choice(points))
                variants += [(f"{ms} ms", with_pause(audio, at, ms)) for ms in self._pauses]
        return variants

    async def _hear(self, condition: _Condition, number: int, row: Row, audio: Audio, patient: Listener) -> None:
        session = await patient.hear(audio)
        if any(pause.text for pause in session.pauses):
            condition.takes.append(Take(number, session.pauses, row.speaker))
            condition.right[number] = self._accepts(row, session)
            if self._out.as_json:
                self._out.row({"path": str(row.path), "condition": condition.name, "pauses": session.pauses})

    async def _went_wrong(self, condition: _Condition, number: int, row: Row, audio: Audio, hasty: Listener) -> bool:
        """Whether the caller was cut off by the policy as it is set, and is therefore misunderstood."""
        take = condition.takes[-1] if condition.takes and condition.takes[-1].row == number else None
        if take is None or row.intent is None or not condition.right[number]:
            return False
        if not measure([take], self._decide())[1][0].cut:
            return False
        return not self._accepts(row, await hasty.hear(audio))

    def _accepts(self, row: Row, session: Session) -> bool:
        if row.intent is None or session.request is None:
            return row.intent is None
        slots = {name: slot.value for name, slot in session.request.slots.items()}
        meant = session.request.intent == self._meanings[row.intent]
        return meant and all(slots.get(name) == value for name, value in row.slots.items())

    def _decide(self) -> Decide:
        return by_words(self._policy, voice=self._judge is not None)

    def _families(self) -> dict[str, list[tuple[str, Decide]]]:
        """The policies of each curve, by the setting that is swept."""
        paces = [(f"{pace:g}", scaled(self._policy, pace)) for pace in _PACES]
        families = {
            "plain VAD": [(f"{ms} ms", by_silence(ms)) for ms in _SILENCES_MS],
            "words": [(name, by_words(policy)) for name, policy in paces],
        }
        if self._judge is not None:
            families["voice"] = [(name, by_voice(policy)) for name, policy in paces]
            families["words + voice"] = [(name, by_words(policy, voice=True)) for name, policy in paces]
        eager = [(name, replace(self._policy, eagerness=name)) for name in _EAGERNESS]
        families["eagerness"] = [(name, by_words(policy, voice=self._judge is not None)) for name, policy in eager]
        return families

    def report(self, model: str, wrong: Mapping[str, int]) -> None:
        """Print the figures, given how many cut-offs of each condition were misunderstood."""
        everything = _Condition("all", [take for c in self._conditions.values() for take in c.takes])
        conditions = [*self._conditions.values(), *([everything] if self._pauses else [])]
        summary: dict[str, Any] = {"conditions": {}}
        for condition in conditions:
            if not condition.takes:
                continue
            curves = {
                family: [(setting, measure(condition.takes, decide)[0]) for setting, decide in policies]
                for family, policies in self._families().items()
            }
            point, outcomes = measure(condition.takes, self._decide())
            named = wrong.get(condition.name) if condition is not everything else sum(wrong.values())
            figures = self._figures(condition, point, outcomes, named or 0)
            summary["conditions"][condition.name] = figures | {
                "curves": {
                    family: [{"setting": setting} | asdict(at) for setting, at in line]
                    for family, line in curves.items()
                }
            }
            self._print(condition, figures, curves)
            if self._args.plot is not None and condition is conditions[-1]:
                self._plot(condition.name, curves, point)
        labelled = any(row.intent is not None for row in self._rows)
        summary |= {"model": model, "turn_model": self._judge is not None, "labelled": labelled, "n": len(self._rows)}
        self._out.summary(summary, "" if not self._out.as_json else None)

    def _figures(self, condition: _Condition, point: Point, outcomes: Sequence[Outcome], wrong: int) -> dict[str, Any]:
        inner = sum(take.last for take in condition.takes)
        reasons = Counter(outcome.reason for outcome in outcomes if outcome.cut)
        plain = silence_like(condition.takes, point)
        return {
            "policy": asdict(point) | {"wrong_results": wrong, "cut_off_reasons": dict(reasons.most_common())},
            "inner_pauses": inner,
            **{
                f"plain_vad_{name}": {"fixed_ms": fixed_ms} | asdict(figures)
                for name, (fixed_ms, figures) in plain.items()
            },
        }

    def _print(
        self, condition: _Condition, figures: Mapping[str, Any], curves: Mapping[str, Sequence[tuple[str, Point]]]
    ) -> None:
        if self._out.as_json:
            return
        policy = figures["policy"]
        lines = [
            f"[bold]{condition.name}[/]: {len(condition.takes)} recordings, {figures['inner_pauses']} inner pauses",
            f"  the policy: {policy['cut_offs']:.1%} cut off ({policy['wrong_results']} misunderstood), "
            f"wait {_ms(policy['mean_ms'])} mean, {_ms(policy['p50_ms'])} p50, {_ms(policy['p95_ms'])} p95",
        ]
        for name in ("same_wait", "same_cut_offs"):
            if (plain := figures.get(f"plain_vad_{name}")) is not None:
                lines.append(f"  plain VAD of {plain['fixed_ms']} ms: {plain['cut_offs']:.1%} cut off")
        for family, line in curves.items():
            lines.append(f"  [dim]{family}[/]")
            lines += [f"    {setting:>8}  {point}" for setting, point in line]
        self._out.console.print("\n".join(lines), soft_wrap=True)

    def _plot(self, name: str, curves: Mapping[str, Sequence[tuple[str, Point]]], point: Point) -> None:
        drawn = []
        for family, line in curves.items():
            if family == "eagerness":
                continue
            points = [(at.mean_ms, at.cut_offs) for _, at in line if at.mean_ms is not None]
            mark = point.mean_ms is not None and family == ("words" if self._judge is None else "words + voice")
            drawn.append(Curve(family, points, [(point.mean_ms or 0.0, point.cut_offs)] if mark else []))
        most = max((y for curve in drawn for _, y in curve.points), default=0.5)
        picture = curves_png(
            f"cut-offs and waits: {self._args.folder.name}, {name}", drawn,
            x_label="mean wait in ms after the last word", y_label="cut off",
            x_max=1500.0, y_max=max(0.25, np.ceil(most * 4) / 4), goal=_GOAL,
        )  # fmt: skip
        try:
            self._args.plot.write_bytes(picture)
        except OSError as error:
            raise ConfigError(f"{self._args.plot} cannot be written ({error.strerror})") from error


def _ms(value: float | None) -> str:
    return "–" if value is None else f"{value:.0f} ms"


def _lengths(text: str) -> tuple[int, ...]:
    try:
        lengths = tuple(int(part) for part in text.split(",") if part.strip())
    except ValueError as error:
        raise ConfigError(f"--pauses {text} is not a list of milliseconds", cure="For example 200,500,1000") from error
    if any(not 0 < ms <= _PATIENT_MS // 2 for ms in lengths):
        raise ConfigError(f"--pauses {text}: a pause has 1 to {_PATIENT_MS // 2} ms")
    return lengths
