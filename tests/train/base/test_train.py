from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.train.base.parts import llama, qwen, rows
from voicebox.errors import ConfigError, ModelError
from voicebox.llm.features_file import DOCUMENT
from voicebox.llm.open_intent import open_intent_model
from voicebox.llm.types import OUT_OF_SCOPE
from voicebox.train.base.bases import BaseSpec
from voicebox.train.base.train import BaseResult, BaseSettings, train_from_bases
from voicebox.train.rows import DataError


def quiet(stage: str, share: float, word: str) -> None:
    assert 0 <= share <= 1


def train(tmp_path: Path, out: str, *names: str, **changes: object) -> BaseResult:
    make = {"one": llama, "two": qwen}
    specs = []
    for name in names:
        path = tmp_path / f"{name}.gguf"
        specs.append(BaseSpec(name, str(path if path.exists() else make[name](path)), 2))
    settings = BaseSettings(out=tmp_path / out, work=tmp_path / "work", holdout=0.25)
    return train_from_bases(specs, rows(), replace(settings, **changes), quiet)


@pytest.mark.parametrize(("out", "names"), [("model.gguf", ("one",)), ("model", ("one", "two"))])
def test_rows_that_can_be_told_apart_are(tmp_path: Path, out: str, names: tuple[str, ...]) -> None:
    result = train(tmp_path, out, *names)
    assert result.labels == ["lights.on", "timer.set", OUT_OF_SCOPE]
    assert result.trained + len(result.held) == 24
    assert result.held
    assert [spec.name for spec in result.bases] == list(names)
    assert len(result.shares) == len(names)
    model = open_intent_model(tmp_path / out)
    try:
        assert model.threshold == pytest.approx(result.calibration.threshold)
        right = [model.score(row.text, session="a").result(30).intent == row.intent for row in rows()]
        assert sum(right) >= 0.8 * len(right)
        inside = [row.text for row in rows() if row.intent != OUT_OF_SCOPE and row.split == "train"]
        # However certain the model is, what it was trained on is not all rejected.
        assert sum(model.score(text, session="a").result(30).accepted for text in inside) >= 0.8 * len(inside)
        # A beginning is less complete than the whole.
        whole, begun = (model.score(text, session="a").result(30).complete for text in (rows()[4].text, "the"))
        assert whole > begun
    finally:
        model.close()
    files = {tmp_path / out / "one.gguf", tmp_path / out / "two.gguf", tmp_path / out / DOCUMENT}
    assert result.size == (sum(f.stat().st_size for f in files) if len(names) > 1 else (tmp_path / out).stat().st_size)
    left = {path.name for path in tmp_path.iterdir()}
    assert left == {out, "work", *(f"{name}.gguf" for name in names)}


def test_a_second_training_takes_the_place_of_the_first(tmp_path: Path) -> None:
    train(tmp_path, "model", "one", "two")
    before = (tmp_path / "model" / DOCUMENT).read_bytes()
    train(tmp_path, "model", "one", "two", beginnings=0.0)
    assert (tmp_path / "model" / DOCUMENT).read_bytes() != before
    assert not list(tmp_path.glob(".model*"))


def test_the_same_rows_give_the_same_model(tmp_path: Path) -> None:
    train(tmp_path, "a.gguf", "one")
    train(tmp_path, "b.gguf", "one")
    assert (tmp_path / "a.gguf").read_bytes() == (tmp_path / "b.gguf").read_bytes()


@pytest.mark.parametrize(
    ("out", "names", "message"),
    [
        ("model.gguf", ("one", "two"), "2 bases is a folder"),
        ("model", ("one",), r"one base is a \.gguf file"),
        ("work2", ("one", "two"), "holds something else"),
    ],
)
def test_refuses_a_name_that_does_not_fit(tmp_path: Path, out: str, names: tuple[str, ...], message: str) -> None:
    (tmp_path / "work2").mkdir()
    (tmp_path / "work2" / "mine.txt").write_text("mine")
    with pytest.raises(ConfigError, match=message):
        train(tmp_path, out, *names)
    assert (tmp_path / "work2" / "mine.txt").read_text() == "mine"
    assert not (tmp_path / "work").exists()


def test_refuses_one_label_and_a_broken_base_and_leaves_nothing(tmp_path: Path) -> None:
    settings = BaseSettings(out=tmp_path / "model.gguf", work=tmp_path / "work")
    spec = BaseSpec("one", str(llama(tmp_path / "one.gguf")), 1)
    one = [row for row in rows() if row.intent == "timer.set"]
    with pytest.raises(DataError, match="same intent"):
        train_from_bases([spec], one, settings, quiet)
    data = (tmp_path / "one.gguf").read_bytes()
    (tmp_path / "one.gguf").write_bytes(data[: len(data) // 2])
    with pytest.raises(ModelError, match=r"one\.gguf"):
        train_from_bases([spec], rows(), settings, quiet)
    assert not (tmp_path / "model.gguf").exists()


def test_without_rows_out_of_scope_nothing_is_rejected(tmp_path: Path) -> None:
    spec = BaseSpec("one", str(llama(tmp_path / "one.gguf")), 1)
    inside = [row for row in rows() if row.intent != OUT_OF_SCOPE]
    settings = BaseSettings(out=tmp_path / "model.gguf", work=tmp_path / "work", holdout=0.25)
    result = train_from_bases([spec], inside, settings, quiet)
    assert result.calibration.threshold == 0.0
    model = open_intent_model(settings.out)
    score = model.score("set timer", session="a").result(30)
    assert score.accepted
    assert np.isfinite(score.in_scope)
    model.close()
