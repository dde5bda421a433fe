"""What the cards of the two kinds of trained models say."""

from __future__ import annotations

from typing import TYPE_CHECKING

from voicebox.models.catalog import catalog
from voicebox.train.report import Made

if TYPE_CHECKING:
    from voicebox.train.base.train import BaseResult, BaseSettings
    from voicebox.train.intent import Result, Settings

__all__ = ["made_of_bases", "made_small"]


def made_small(result: Result, settings: Settings) -> Made:
    """A small model of its own."""
    recipe = settings.recipe
    start = f"the first layers of {result.teacher}" if result.teacher else "random weights"
    lines = [
        f"{result.trained:,} texts train, {len(result.held):,} more (whole groups) calibrate. In training "
        f"{100 * settings.changed:g} % of the texts are changed, anew each time: words misheard, lost, doubled, "
        "fillers, digits for words.",
    ]
    if result.teacher:
        lines.append(
            f"Distillation: {1 - recipe.soft:.1f} cross-entropy and {recipe.soft:.1f} of the distribution (temperature "
            f"{recipe.temperature:g}) of a softmax regression on {result.teacher}'s vectors; these vectors are a "
            "target of their own. The head begins as such a regression on the model's own first states."
        )
    lines += [
        f"Beginnings: {settings.beginnings:g} per text, with soft labels from the tree of all texts; the same tree "
        "gives P(complete).",
        f"AdamW, {recipe.batch} texts a step, rate {recipe.rate:g} (head {recipe.head_rate:g}) falling to zero, moving "
        f"average of the weights; seed {settings.seed}.",
        "Quantized by llama.cpp; temperatures and threshold are set on the held-out texts through llama.cpp, the "
        f"threshold so that {100 * settings.rejected:g} % of them are rejected, within {settings.limits[0]:g} to "
        f"{settings.limits[1]:g}.",
    ]
    return Made(
        out=settings.out,
        held=result.held,
        calibration=result.calibration,
        body=f"A BERT of {settings.layers} layers, started from {start}, with a linear head, Q8_0, run by llama.cpp in "
        "one pass per text: the intent, and whether all of it is said. It generates nothing.",
        recipe=lines,
        parents=[(result.teacher, _licence(result.teacher))] if result.teacher else [],
        size=result.size,
        seconds=result.seconds,
        clock="processor time" if result.device == "cpu" else f"time on a {result.device} device",
        seed=settings.seed,
    )


def made_of_bases(result: BaseResult, settings: BaseSettings) -> Made:
    """A head on the features of public models."""
    names = " and ".join(spec.name for spec in result.bases)
    lines = [
        f"{result.trained:,} texts train, {len(result.held):,} more (whole groups) calibrate.",
        f"Features: the mean over the tokens of {', '.join(_base(spec.name, spec.layers) for spec in result.bases)}.",
        f"Head: a softmax regression on whole texts and {settings.beginnings:g} beginnings per text; cross-validation "
        f"chose the penalty {result.penalty:g}.",
        "Temperatures and threshold are set on the held-out texts through llama.cpp, the threshold so that "
        f"{100 * settings.rejected:g} % of them are rejected.",
    ]
    return Made(
        out=settings.out,
        held=result.held,
        calibration=result.calibration,
        body=f"A trained head on the features of {names}, run by llama.cpp: the intent, and whether all of it is said. "
        "It generates nothing.",
        recipe=lines,
        parents=[(spec.name, spec.licence or "not known") for spec in result.bases],
        size=result.size,
        seconds=result.features_s + result.head_s,
        clock="processor time",
        seed=settings.seed,
    )


def _base(name: str, layers: int | None) -> str:
    return f"{name} (all layers)" if layers is None else f"{name} (first {layers} layers)"


def _licence(name: str) -> str:
    """What the catalog says of a model; own ones are not known."""
    known = catalog()
    return (known.get(name).licence if name in known else "") or "not known"
