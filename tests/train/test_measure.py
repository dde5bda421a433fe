"""Calibration, figures, plot and card, on a model whose answers are known."""

from __future__ import annotations

import math
import xml.etree.ElementTree as ElementTree
from collections.abc import Mapping, Sequence
from concurrent.futures import Future

import numpy as np
import pytest

from voicebox.llm.types import IntentScore
from voicebox.train.calibrate import Calibration, calibrate, rescale
from voicebox.train.card import Card, model_card
from voicebox.train.measure import Bin, early_commits, measure, measure_beginnings
from voicebox.train.plot import reliability_svg
from voicebox.train.rows import Row
from voicebox.train.scoring import score_texts

LABELS = ("light", "timer", "oos")


class Told:
    """An `IntentModel` that answers as it is told: text → probabilities of the labels, and P(complete)."""

    def __init__(self, answers: Mapping[str, tuple[Sequence[float], float]]) -> None:
        self._answers = answers
        self.sessions: set[str] = set()

    @property
    def labels(self) -> Sequence[str]:
        return LABELS

    def score(self, text: str, *, session: str) -> Future[IntentScore]:
        self.sessions.add(session)
        shares, complete = self._answers[text]
        ranked = sorted(zip(LABELS, shares, strict=True), key=lambda pair: -pair[1])
        future: Future[IntentScore] = Future()
        future.set_result(IntentScore(tuple(ranked), 1 - shares[2], complete, True, 0.1))
        return future

    def release(self, session: str) -> None:
        self.sessions.discard(session)


def test_scores_come_in_the_models_order_and_sessions_are_released() -> None:
    answers = {f"text {i}": ([i / 100, 0.9 - i / 100, 0.1], i / 50) for i in range(40)}
    model = Told(answers)
    scored = score_texts(model, list(answers))
    np.testing.assert_allclose(scored.labels, [shares for shares, _ in answers.values()])
    np.testing.assert_allclose(scored.complete, [complete for _, complete in answers.values()])
    assert not model.sessions


def test_figures() -> None:
    model = Told({
        "a": ([0.9, 0.05, 0.05], 1.0), "b": ([0.6, 0.2, 0.2], 1.0), "c": ([0.1, 0.2, 0.7], 1.0),
        "d": ([0.0, 0.1, 0.9], 1.0), "e": ([0.7, 0.0, 0.3], 1.0),
    })  # fmt: skip
    rows = [("a", "light"), ("b", "timer"), ("c", "timer"), ("d", "oos"), ("e", "oos")]
    figures, bins = measure(model, rows, threshold=0.5)
    assert (figures.n, figures.n_oos) == (5, 2)
    # "c" is out of scope for the model, but its best intent is right.
    assert figures.accuracy == pytest.approx(2 / 3)
    assert figures.accepted_accuracy == pytest.approx(1 / 3)
    assert figures.in_scope_rejected == pytest.approx(1 / 3)
    assert figures.oos_recall == pytest.approx(1 / 2)
    # In scope: .95, .8, .3; out of scope: .1, .7. Of the six pairs, five are the right way round.
    assert figures.auroc == pytest.approx(5 / 6)
    assert figures.oos_recall_at_5 == pytest.approx(1 / 2)
    assert sum(bin.n for bin in bins) == 5
    wrong = sum(bin.n * abs(bin.confidence - bin.accuracy) for bin in bins) / 5
    assert figures.ece == pytest.approx(wrong)


def test_figures_without_out_of_scope_rows_are_not_made_up() -> None:
    figures, _ = measure(Told({"a": ([1.0, 0.0, 0.0], 1.0)}), [("a", "light")], threshold=0.5)
    assert figures.accuracy == 1.0
    assert math.isnan(figures.oos_recall)
    assert math.isnan(figures.auroc)


def test_calibration_finds_the_temperature_that_was_taken_away() -> None:
    rng = np.random.default_rng(1)
    true = rng.dirichlet((0.4, 0.4, 0.4), size=3000)
    sharp = rescale(true, 0.5)
    answers = {f"t{i}": (row.tolist(), 0.5) for i, row in enumerate(sharp)}
    drawn = [LABELS[rng.choice(3, p=row)] for row in true]
    calibration = calibrate(Told(answers), list(zip(answers, drawn, strict=True)), [], rejected=0.02)
    assert calibration.temperature == pytest.approx(2.0, rel=0.1)
    assert calibration.complete_temperature == 1.0


def test_the_threshold_rejects_the_share_that_is_asked_for() -> None:
    answers = {f"t{i}": ([1 - i / 100, 0.0, i / 100], 1.0) for i in range(100)}
    rows = [(text, "light") for text in answers] + [("t99", "oos")]
    model = Told(answers)
    calibration = calibrate(model, rows, [], rejected=0.1, limits=(0.0, 1.0))
    shares = rescale(np.array([shares for shares, _ in answers.values()]), calibration.temperature)
    assert (1 - shares[:, 2] < calibration.threshold).mean() == pytest.approx(0.1, abs=0.01)
    assert calibrate(model, rows, [], rejected=0.1, limits=(0.0, 0.02)).threshold == 0.02
    assert calibrate(model, rows, [], rejected=0.1, rejects=False).threshold == 0.0


def test_the_temperature_of_completeness_fits_the_shares() -> None:
    rng = np.random.default_rng(2)
    true = rng.uniform(0.05, 0.95, size=500)
    odds = (true / (1 - true)) ** 3
    answers = {f"t{i}": ([1.0, 0.0, 0.0], float(o / (1 + o))) for i, o in enumerate(odds)}
    pauses = list(zip(answers, true.tolist(), strict=True))
    calibration = calibrate(Told(answers), [("t0", "light")], pauses)
    assert calibration.complete_temperature == pytest.approx(3.0, rel=0.05)


def test_how_early_texts_are_known() -> None:
    model = Told({
        "dim": ([0.5, 0.3, 0.2], 0.1), "dim the": ([0.95, 0.0, 0.05], 0.2), "dim the big": ([0.97, 0.0, 0.03], 0.3),
        "dim the big lights": ([0.99, 0.0, 0.01], 0.9),
    })  # fmt: skip
    rows = [("Dim the big lights!", "light")]
    beginnings = measure_beginnings(model, rows)
    assert [beginnings[percent].sure for percent in (25, 50, 75, 100)] == [0.0, 1.0, 1.0, 1.0]
    assert beginnings[100].complete == pytest.approx(0.9)
    commits = early_commits(model, rows)
    # Settled by the second and third partial, before the last word.
    assert (commits.share, commits.precision, commits.words) == (1.0, 1.0, 0.75)


def test_an_early_commit_needs_two_partials_that_agree() -> None:
    model = Told({
        "a": ([0.95, 0.0, 0.05], 0.1), "a b": ([0.0, 0.95, 0.05], 0.1), "a b c": ([0.95, 0.0, 0.05], 0.1),
        "x": ([0.0, 0.95, 0.05], 0.1), "x b": ([0.0, 0.95, 0.05], 0.1),
    })  # fmt: skip
    commits = early_commits(model, [("a b c d", "light"), ("x b c", "light")])
    assert (commits.share, commits.precision) == (0.5, 0.0)
    assert math.isnan(early_commits(model, [("a b", "light")]).precision)


def test_the_plot_is_svg_with_a_dot_for_each_bin() -> None:
    bins = [Bin(3, 0.5, 0.4), Bin(9, 0.95, 1.0)]
    root = ElementTree.fromstring(reliability_svg("a <b> & c", bins))
    spots = root.findall("{http://www.w3.org/2000/svg}circle")
    assert len(spots) == 2
    assert float(spots[1].get("cy", "")) < float(spots[0].get("cy", ""))
    assert ElementTree.fromstring(reliability_svg("none", [])) is not None


def test_the_card_names_origins_licences_and_figures() -> None:
    figures, _ = measure(Told({"a": ([1.0, 0.0, 0.0], 1.0)}), [("a", "light")], threshold=0.5)
    card = Card(
        name="own", body="A model.", recipe=["once"], command="train", parents=[("minilm", "Apache-2.0")],
        calibration=Calibration(1.0, 1.0, 0.5), sets={"rows": figures}, beginnings={}, commits=None, size=2_500_000,
        seconds=90.0, notes=["small"],
    )  # fmt: skip
    rows = [Row("a", "light", origin="x", licence="CC0"), Row("b", "timer"), Row("c", "oos", split="val", origin="x")]
    text = model_card(card, rows)
    for part in (
        "# own", "2 intents and out of scope, 2.5 MB", "| x | CC0 | 1 | 0 |", "| not said | not said | 1 | 0 |",
        "| x | not said | 0 | 1 |", "| minilm (weights) | Apache-2.0 | | |", "- once", "1.5 minutes", "- small",
        "| rows | 1 | 0 | 100.0 % |",
    ):  # fmt: skip
        assert part in text
    assert "nan" not in text
