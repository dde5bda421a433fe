"""Measure a trained model and write what lies beside it: the card and the reliability plot."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from voicebox.llm.open_intent import open_intent_model
from voicebox.llm.types import OUT_OF_SCOPE, IntentModel
from voicebox.train.calibrate import Calibration
from voicebox.train.card import Card, model_card
from voicebox.train.measure import Beginning, Bin, Commits, Measured, early_commits, measure, measure_beginnings
from voicebox.train.plot import reliability_svg
from voicebox.train.rows import Row

__all__ = ["Made", "Report", "measure_and_describe"]

Progress = Callable[[str, float, str], None]
_SAMPLE = 600
_HELD = "held out, calibrated on"


@dataclass(frozen=True, slots=True)
class Made:
    """A model that was just written, and what its card is to say.

    `held` are the rows that calibrated it; `body` says in a sentence what it is, `recipe` how it was made, line by
    line; `parents` are models that it was made from, with their licences; `seconds` are of `clock`.
    """

    out: Path
    held: Sequence[tuple[str, str]]
    calibration: Calibration
    body: str
    recipe: Sequence[str]
    parents: Sequence[tuple[str, str]]
    size: int
    seconds: float
    clock: str
    seed: int


@dataclass(frozen=True, slots=True)
class Report:
    """Figures of a trained model: by set, by share of the words, and for what is settled early."""

    sets: dict[str, Measured]
    beginnings: dict[int, Beginning]
    commits: Commits | None

    def figures(self) -> dict[str, Any]:
        """All of it as plain values."""
        return {
            "sets": {name: asdict(figures) for name, figures in self.sets.items()},
            "beginnings": {str(percent): asdict(figures) for percent, figures in self.beginnings.items()},
            "commits": asdict(self.commits) if self.commits else None,
        }


def measure_and_describe(
    made: Made,
    rows: Sequence[Row],
    evaluated: Mapping[str, Sequence[Row]],
    command: str,
    progress: Progress,
) -> Report:
    """Measure the model and write its card (`.md`) and reliability plot (`.svg`) beside it, whole or not at all.

    Args:
        made: the model.
        rows: the rows of the data file.
        evaluated: more rows to measure, by name.
        command: how to make the model, for the card.
        progress: gets the share that is done.
    """
    sets: dict[str, list[tuple[str, str]]] = {}
    if made.held:
        sets[_HELD] = list(made.held)
    validation = [(row.text, row.intent) for row in rows if row.split == "val"]
    if validation:
        sets["validation rows"] = validation
    sets |= {name: [(row.text, row.intent) for row in more] for name, more in evaluated.items() if more}
    model = open_intent_model(made.out)
    try:
        report, bins = _measure(model, sets, made.calibration.threshold, made.seed, progress)
    finally:
        close = getattr(model, "close", None)
        if close is not None:
            close()
    beside = made.out.with_suffix("") if made.out.suffix == ".gguf" else made.out
    plot = beside.with_name(beside.name + ".svg")
    card = Card(
        name=beside.name,
        body=made.body,
        recipe=made.recipe,
        command=command,
        calibration=made.calibration,
        sets=report.sets,
        beginnings=report.beginnings,
        commits=report.commits,
        size=made.size,
        seconds=made.seconds,
        clock=made.clock,
        parents=made.parents,
        plot=plot.name if bins else "",
        notes=_notes(made, sets),
    )
    if bins:
        _write(plot, reliability_svg(f"{beside.name}, {list(sets)[-1]}", bins))
    every = [*rows, *(row for more in evaluated.values() for row in more)]
    _write(beside.with_name(beside.name + ".md"), model_card(card, every))
    return report


def _measure(
    model: IntentModel,
    sets: Mapping[str, Sequence[tuple[str, str]]],
    threshold: float,
    seed: int,
    progress: Progress,
) -> tuple[Report, list[Bin]]:
    figures: dict[str, Measured] = {}
    bins: list[Bin] = []
    for done, (name, pairs) in enumerate(sets.items()):
        progress("measuring", done / (len(sets) + 1), name)
        figures[name], bins = measure(model, pairs, threshold)
    beginnings: dict[int, Beginning] = {}
    commits = None
    if sets:
        last = [pair for pair in list(sets.values())[-1] if pair[1] != OUT_OF_SCOPE]
        sample = random.Random(seed).sample(last, min(_SAMPLE, len(last)))
        if sample:
            beginnings = measure_beginnings(model, sample)
            commits = early_commits(model, sample)
    progress("measuring", 1.0, "")
    return Report(figures, beginnings, commits), bins


def _notes(made: Made, sets: Mapping[str, Sequence[tuple[str, str]]]) -> list[str]:
    notes = []
    if not made.calibration.threshold:
        notes.append("It had no out-of-scope rows to learn from: nothing is rejected (threshold 0).")
    if list(sets) == [_HELD]:
        notes.append("No rows were kept for measuring alone: the figures are of the rows that calibrated the model.")
    if not sets:
        notes.append("Too few rows to hold any out: neither calibrated nor measured.")
    return notes


def _write(path: Path, text: str) -> None:
    temporary = path.with_name(path.name + ".tmp")
    temporary.write_text(text, encoding="utf-8")
    temporary.replace(path)
