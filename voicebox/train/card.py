"""The model card that lies beside a trained model."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from voicebox.llm.types import OUT_OF_SCOPE
from voicebox.train.calibrate import Calibration
from voicebox.train.measure import Beginning, Commits, Measured
from voicebox.train.rows import Row

__all__ = ["Card", "model_card"]


@dataclass(frozen=True, slots=True)
class Card:
    """What a card says.

    `body` is what the model is, in a sentence; `recipe` are lines about how it was made; `sets` are measured sets by
    name; `beginnings` by percent of the words; `parents` are models and their licences.
    """

    name: str
    body: str
    recipe: Sequence[str]
    command: str
    calibration: Calibration
    sets: Mapping[str, Measured]
    beginnings: Mapping[int, Beginning]
    commits: Commits | None
    size: int
    seconds: float
    clock: str = "processor time"
    parents: Sequence[tuple[str, str]] = ()
    plot: str = ""
    notes: Sequence[str] = ()


def model_card(card: Card, rows: Sequence[Row]) -> str:
    """The card as Markdown. `rows` are those that trained and measured it."""
    labels = sorted({row.intent for row in rows})
    out = [
        f"# {card.name}",
        "",
        f"{card.body} {len(labels) - (OUT_OF_SCOPE in labels)} intents"
        f"{' and out of scope' if OUT_OF_SCOPE in labels else ''}, {card.size / 1e6:.1f} MB.",
        "",
        "## Made from",
        "",
        "| origin | licence | rows that train | rows that measure |",
        "|---|---|---|---|",
        *_origins(rows),
        *(f"| {name} (weights) | {licence} | | |" for name, licence in card.parents),
        "",
        "## Recipe",
        "",
        *(f"- {line}" for line in card.recipe),
        "",
        f"        {card.command}",
        "",
        f"It took {card.seconds / 60:.1f} minutes of {card.clock}, data to file.",
        "",
        "## Measured",
        "",
        "Through llama.cpp, one thread. Accuracy is that of the best intent over the in-scope rows; rejected and "
        f"recall are at the model's threshold (1 − P(out of scope) < {card.calibration.threshold:.3f}).",
        "",
        "| set | rows | out of scope | accuracy | rejected | out-of-scope recall | AUROC | calibration error "
        "| p50 / p95 ms |",
        "|---|---|---|---|---|---|---|---|---|",
        *(_measured(name, figures) for name, figures in card.sets.items()),
        "",
    ]
    if card.beginnings:
        out += _beginnings(card)
    if card.plot:
        out += [f"![Reliability]({card.plot})", ""]
    if card.notes:
        out += ["## Limits", "", *(f"- {note}" for note in card.notes), ""]
    return "\n".join(out)


def _origins(rows: Sequence[Row]) -> list[str]:
    counts = Counter((row.origin, row.licence, row.split) for row in rows)
    lines = []
    for origin, licence in sorted({(row.origin, row.licence) for row in rows}):
        train, val = counts[origin, licence, "train"], counts[origin, licence, "val"]
        lines.append(f"| {origin or 'not said'} | {licence or 'not said'} | {train:,} | {val:,} |")
    return lines


def _measured(name: str, figures: Measured) -> str:
    cells = [
        name,
        f"{figures.n:,}",
        f"{figures.n_oos:,}",
        _percent(figures.accuracy),
        _percent(figures.in_scope_rejected),
        f"{_percent(figures.oos_recall)}" + (f" ({_percent(figures.oos_recall_at_5)} at 5 %)" if figures.n_oos else ""),
        f"{figures.auroc:.3f}" if figures.auroc == figures.auroc else "–",
        f"{figures.ece:.3f}",
        f"{figures.p50_ms:.1f} / {figures.p95_ms:.1f}",
    ]
    return f"| {' | '.join(cells)} |"


def _beginnings(card: Card) -> list[str]:
    lines = [
        "How early, on in-scope rows:",
        "",
        "| share of the words said | right | P ≥ 0.9 | right where P ≥ 0.9 | mean P(complete) |",
        "|---|---|---|---|---|",
    ]
    for percent, figures in card.beginnings.items():
        lines.append(
            f"| {percent} % | {_percent(figures.accuracy)} | {_percent(figures.sure)} | "
            f"{_percent(figures.accuracy_of_sure)} | {figures.complete:.2f} |"
        )
    if card.commits is not None and card.commits.share:
        lines += [
            "",
            f"Two partials in a row that agree at P ≥ 0.9, word by word, settle {_percent(card.commits.share)} of the "
            f"rows before their last word, after {_percent(card.commits.words)} of the words; "
            f"{_percent(card.commits.precision)} of these are right.",
        ]
    return [*lines, ""]


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %" if share == share else "–"
