from __future__ import annotations

import numpy as np
import pytest

from voicebox.train.base.head import HeadData, fit_head, fit_shares
from voicebox.train.base.regression import log_softmax


def data(*, noise: tuple[float, ...] = (0.3,), rows: int = 240) -> tuple[HeadData, np.ndarray]:
    """Three clusters, as bases of different noise see them; columns of very different spread."""
    rng = np.random.default_rng(0)
    labels = np.arange(rows) % 3
    parts = []
    for spread in noise:
        centres = rng.standard_normal((3, 6))
        part = (centres[labels] + spread * rng.standard_normal((rows, 6))) * 10.0 ** np.arange(-3, 3) + 5
        parts.append(part.astype(np.float32))
    whole = np.arange(rows) % 4 != 3
    return HeadData(
        vectors=tuple(parts),
        labels=np.eye(3, dtype=np.float32)[labels],
        complete=whole.astype(np.float32),
        weights=np.ones(rows, np.float32),
        whole=whole,
        group=np.arange(rows),
    ), labels


def logits(head: np.ndarray, given: HeadData) -> np.ndarray:
    vectors = np.concatenate(given.vectors, axis=1)
    return np.asarray(vectors @ head[:, :-1].T + head[:, -1])


def test_one_matrix_reads_unscaled_vectors() -> None:
    given, labels = data()
    head = fit_head(given)
    assert head.matrix.shape == (4, 7)
    assert head.matrix.dtype == np.float32
    assert (logits(head.matrix, given)[:, :3].argmax(axis=1) == labels).mean() > 0.99
    assert head.shares == (1.0,)


def test_the_better_base_has_the_larger_share() -> None:
    given, labels = data(noise=(0.4, 20.0))
    head = fit_head(given)
    assert head.matrix.shape == (4, 13)
    assert head.shares[0] > 3 * head.shares[1]
    assert (logits(head.matrix, given)[:, :3].argmax(axis=1) == labels).mean() > 0.97


def test_two_bases_together_are_better_than_the_better_one() -> None:
    given, _ = data(noise=(1.2, 1.2), rows=900)
    train = np.arange(900) < 450
    half = HeadData(
        tuple(part[train] for part in given.vectors),
        given.labels[train], given.complete[train], given.weights[train], given.whole[train], given.group[train],
    )  # fmt: skip

    def loss(head: np.ndarray, parts: tuple[np.ndarray, ...]) -> float:
        vectors = np.concatenate([part[~train] for part in parts], axis=1)
        log = log_softmax((vectors @ head[:3, :-1].T + head[:3, -1]).astype(np.float32))
        return float(-(given.labels[~train] * log).sum(axis=1).mean())

    both = loss(fit_head(half).matrix, given.vectors)
    for index in (0, 1):
        alone = HeadData((half.vectors[index],), half.labels, half.complete, half.weights, half.whole, half.group)
        assert both < loss(fit_head(alone).matrix, (given.vectors[index],))


def test_the_penalty_is_chosen_on_other_groups() -> None:
    rng = np.random.default_rng(3)
    given, _ = data(rows=60)
    noise = HeadData(
        (rng.standard_normal((60, 50)).astype(np.float32),),
        given.labels, given.complete, given.weights, given.whole, given.group,
    )  # fmt: skip
    assert fit_head(noise, penalties=(1e-4, 1.0)).penalties == (1.0,)
    assert fit_head(given, penalties=(1e-4, 1.0)).penalties == (1e-4,)


def test_shares_are_positive_and_by_likelihood() -> None:
    rng = np.random.default_rng(4)
    labels = np.eye(3, dtype=np.float32)[np.arange(300) % 3]
    good, random = 4 * labels, rng.standard_normal((300, 3)).astype(np.float32)
    against = -good
    shares = fit_shares([good + random, random, against], labels, np.ones(300, np.float32))
    assert (shares >= 0).all()
    assert shares[0] > 10 * shares[2]
    assert shares[0] == pytest.approx(shares.max())
