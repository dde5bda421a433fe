from __future__ import annotations

import numpy as np
import pytest

from voicebox.cli.bench_intent import auroc, expected_calibration_error


def test_auroc_counts_pairs_in_order() -> None:
    assert auroc(np.array([0.9, 0.8]), np.array([0.1, 0.2])) == 1.0
    assert auroc(np.array([0.1]), np.array([0.9])) == 0.0
    assert auroc(np.array([0.9, 0.3]), np.array([0.5])) == 0.5
    assert auroc(np.array([0.5]), np.array([0.5])) == 0.5


def test_auroc_needs_both_kinds() -> None:
    assert auroc(np.array([]), np.array([0.5])) is None
    assert auroc(np.array([0.5]), np.array([])) is None


def test_calibration_error_is_the_gap_weighted_by_rows() -> None:
    confidence = np.array([0.95, 0.95, 0.95, 0.95, 1.0])
    assert expected_calibration_error(confidence, np.array([True, True, True, True, True])) == pytest.approx(0.04)
    half = np.array([0.9, 0.9, 0.1, 0.1])
    assert expected_calibration_error(half, np.array([True, False, False, False])) == pytest.approx(
        0.5 * 0.4 + 0.5 * 0.1
    )
    assert expected_calibration_error(np.array([]), np.array([], dtype=bool)) is None
