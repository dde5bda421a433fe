"""Measure a trained model and write what lies beside it: the card and the reliability plot."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from voicebox.llm.intent_encoder import EncoderIntentModel
from voicebox.llm.types import OUT_OF_SCOPE
from voicebox.train.card import Card, model_card
from voicebox.train.intent import Progress, Result, Settings
from voicebox.train.measure import Beginning, Bin, Commits, Measured, early_commits, measure, measure_beginnings
from voicebox.train.plot import reliability_svg
from voicebox.train.rows import Row

__all__ = ["Report", "measure_and_describe"]

_SAMPLE = 600


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
    result: Result,
    settings: Settings,
    rows: Sequence[Row],
    evaluated: Mapping[str, Sequence[Row]],
    command: str,
    progress: Progress,
) -> Report:
    """Measure the model and write its card (`.md`) and reliability plot (`.svg`) beside it, whole or not at all.

    Args:
        result: what `train_intent` returned.
        settings: what it was given.
        rows: the rows of the data file.
        evaluated: more rows to measure, by name.
        command: how to make the model, for the card.
        progress: gets the share that is done.
    """
    sets: dict[str, list[tuple[str, str]]] = {}
    if result.held:
        sets["held out, calibrated on"] = result.held
    validation = [(row.text, row.intent) for row in rows if row.split == "val"]
    if validation:
        sets["validation rows"] = validation
    sets |= {name: [(row.text, row.intent) for row in more] for name, more in evaluated.items() if more}
    model = EncoderIntentModel(settings.out)
    try:
        report, bins = _measure(model, sets, result.calibration.threshold, settings.seed, progress)
    finally:
        model.close()
    plot = settings.out.with_suffix(".svg")
    card = Card(
        name=settings.out.stem,
        body=_body(result, settings),
        recipe=_recipe(result, settings),
        command=command,
        calibration=result.calibration,
        sets=report.sets,
        beginnings=report.beginnings,
        commits=report.commits,
        size=result.size,
        seconds=result.seconds,
        clock="processor time" if result.device == "cpu" else f"time on a {result.device} device",
        parents=[(result.teacher, "see its own card")] if result.teacher else [],
        plot=plot.name if bins else "",
        notes=_notes(result, sets),
    )
    if bins:
        _write(plot, reliability_svg(f"{settings.out.stem}, {list(sets)[-1]}", bins))
    _write(
        settings.out.with_suffix(".md"), model_card(card, [*rows, *(r for more in evaluated.values() for r in more)])
    )
    return report


def _measure(
    model: EncoderIntentModel,
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


def _body(result: Result, settings: Settings) -> str:
    start = f"the first {settings.layers} layers of {result.teacher}" if result.teacher else "random weights"
    return (
        f"A BERT of {settings.layers} layers (started from {start}) with a linear head, Q8_0, run by llama.cpp in one "
        "pass per text: the intent, and whether all of it is said. It generates nothing."
    )


def _recipe(result: Result, settings: Settings) -> list[str]:
    recipe = settings.recipe
    lines = [
        f"{result.trained:,} texts train, {len(result.held):,} more (whole groups) calibrate. Half of what is trained "
        "on is changed anew each time: words misheard, lost, doubled, fillers, digits for words.",
    ]
    if result.teacher:
        lines.append(
            f"Distillation: {1 - recipe.soft:.1f} cross-entropy and {recipe.soft:.1f} of the distribution (temperature "
            f"{recipe.temperature:g}) of a softmax regression on {result.teacher}'s vectors; these vectors are a "
            "target of their own."
        )
    lines += [
        f"Beginnings: {settings.beginnings:g} per text, with soft labels from the tree of all texts; the same tree "
        "gives P(complete).",
        f"AdamW, {recipe.batch} texts a step, rate {recipe.rate:g} (head {recipe.head_rate:g}) falling to zero, moving "
        f"average of the weights; seed {settings.seed}.",
        "Quantized by llama.cpp; temperatures and threshold are set on the held-out texts through llama.cpp, the "
        f"threshold so that {100 * settings.rejected:g} % of them are rejected.",
    ]
    return lines


def _notes(result: Result, sets: Mapping[str, Sequence[tuple[str, str]]]) -> list[str]:
    notes = []
    if not result.calibration.threshold:
        notes.append("It had no out-of-scope rows to learn from: nothing is rejected (threshold 0).")
    if list(sets) == ["held out, calibrated on"]:
        notes.append("No rows were kept for measuring alone: the figures are of the rows that calibrated the model.")
    if not sets:
        notes.append("Too few rows to hold any out: neither calibrated nor measured.")
    return notes


def _write(path: Path, text: str) -> None:
    temporary = path.with_name(path.name + ".tmp")
    temporary.write_text(text, encoding="utf-8")
    temporary.replace(path)
