from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from voicebox.llm.instruct_calibration import Calibration, fit, fit_logistic, log_odds

LABELS, OOS = 4, 3


def sigmoid(x: float) -> float:
    return float(1.0 / (1.0 + np.exp(-x)))


def answers(*, favourite: int, rows: int = 40) -> tuple[NDArray[np.float64], list[int]]:
    """A model that knows something, but prefers one label whatever is said."""
    random = np.random.default_rng(0)
    wanted = [n % LABELS for n in range(rows)]
    logits = random.standard_normal((rows, LABELS))
    logits[np.arange(rows), wanted] += 3.0
    logits[:, favourite] += 4.0
    powers = np.exp(logits)
    return powers / powers.sum(axis=1, keepdims=True), wanted


def calibrated(raw: NDArray[np.float64], wanted: list[int]) -> Calibration:
    return fit(raw, wanted, [0.9, 0.1], [True, False], out_of_scope=OOS)


def test_a_favourite_label_loses_its_lead() -> None:
    raw, wanted = answers(favourite=1)
    before = np.mean(raw.argmax(axis=1) == wanted)
    after = calibrated(raw, wanted).apply(raw)
    assert before < 0.5
    assert np.mean(after.argmax(axis=1) == wanted) > 0.8
    assert after.sum(axis=1) == pytest.approx(np.ones(len(raw)))


def test_one_reading_is_calibrated_as_many_are() -> None:
    raw, wanted = answers(favourite=1)
    calibration = calibrated(raw, wanted)
    assert calibration.apply(raw[3]) == pytest.approx(calibration.apply(raw)[3])


def test_a_model_that_is_too_sure_is_made_less_sure() -> None:
    random = np.random.default_rng(1)
    wanted = [n % LABELS for n in range(200)]
    said = [label if random.random() < 0.6 else int(random.integers(LABELS)) for label in wanted]
    raw = np.full((200, LABELS), 1e-4)
    raw[np.arange(200), said] = 1 - 3e-4
    after = calibrated(raw, wanted).apply(raw).max(axis=1)
    assert float(after.mean()) == pytest.approx(np.mean(np.array(said) == wanted), abs=0.1)


def test_the_threshold_refuses_one_in_twenty_of_the_skills_own_sentences() -> None:
    raw, wanted = answers(favourite=OOS, rows=400)
    calibration = calibrated(raw, wanted)
    in_scope = 1 - calibration.apply(raw)[np.array(wanted) != OOS, OOS]
    assert float(np.mean(in_scope < calibration.threshold)) == pytest.approx(0.05, abs=0.01)


def test_completeness_rises_with_the_end_where_whole_sentences_end() -> None:
    raw, wanted = answers(favourite=0)
    ends = [0.4, 0.5, 0.3, 0.6, 0.01, 0.02, 0.05, 0.03]
    calibration = fit(raw, wanted, ends, [True] * 4 + [False] * 4, out_of_scope=OOS)
    assert calibration.complete(0.5) > 0.8
    assert calibration.complete(0.02) < 0.2
    assert 0.0 <= calibration.complete(0.0) < calibration.complete(1.0) <= 1.0


def test_completeness_is_even_where_the_end_says_nothing() -> None:
    raw, wanted = answers(favourite=0)
    calibration = fit(raw, wanted, [0.1, 0.2, 0.8, 0.9], [True, True, False, False], out_of_scope=OOS)
    assert calibration.complete(0.01) == calibration.complete(0.99) == pytest.approx(0.5)


def test_a_calibration_is_read_as_it_was_written() -> None:
    calibration = calibrated(*answers(favourite=1))
    assert Calibration.from_json(calibration.to_json(), labels=LABELS) == calibration


@pytest.mark.parametrize("text", ["", "[]", "null", "{}", '{"bias": 3}', "\xff", '{"bias": ["a"]}'])
def test_what_is_no_calibration_is_refused(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - any message
        Calibration.from_json(text, labels=LABELS)


def test_a_calibration_of_other_labels_is_refused() -> None:
    good = calibrated(*answers(favourite=1))
    with pytest.raises(ValueError, match="no calibration of 5 labels"):
        Calibration.from_json(good.to_json(), labels=LABELS + 1)
    with pytest.raises(ValueError, match="no calibration"):
        Calibration.from_json(replace(good, temperature=float("nan")).to_json(), labels=LABELS)
    with pytest.raises(ValueError, match="no calibration"):
        Calibration.from_json(good.to_json().replace("slope", "slop"), labels=LABELS)


def test_logistic_fit_finds_the_line_that_made_the_data() -> None:
    random = np.random.default_rng(2)
    x = random.standard_normal(20_000) * 2
    positive = random.random(20_000) < 1 / (1 + np.exp(-(1.5 * x - 0.5)))
    assert fit_logistic(x, positive) == pytest.approx((1.5, -0.5), abs=0.08)


def test_log_odds_are_bounded() -> None:
    assert log_odds(0.5) == pytest.approx(0.0)
    assert np.isfinite([log_odds(0.0), log_odds(1.0)]).all()
    assert sigmoid(log_odds(0.3)) == pytest.approx(0.3)
