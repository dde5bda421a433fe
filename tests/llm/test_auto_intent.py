from __future__ import annotations

import json
import logging
from dataclasses import replace
from pathlib import Path

import pytest

from tests.llm import feature_parts, tiny_encoder, tiny_gguf
from voicebox.errors import ModelError
from voicebox.llm.auto_intent import choose_intent, intent_models, measure_intent
from voicebox.llm.features_file import DOCUMENT, FeatureFile

SLOW = 1e9


@pytest.fixture
def shipped(tmp_path: Path) -> Path:
    return tiny_encoder.build(tmp_path / "shipped.gguf")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "intent"
    folder.mkdir()
    feature_parts.file(folder / "one.gguf")
    feature_parts.folder(folder / "two")
    (folder / "notes.txt").write_text("mine")
    (folder / "other").mkdir()
    return folder


def test_finds_files_and_folders(folder: Path) -> None:
    assert [path.name for path in intent_models(folder)] == ["one.gguf", "two"]
    assert intent_models(folder / "absent") == []


def test_measures(folder: Path) -> None:
    one, two = (measure_intent(folder / name) for name in ("one.gguf", "two"))
    assert one.labels == two.labels == {"timer.set", "lights.on", "oos"}
    assert one.bytes == (folder / "one.gguf").stat().st_size < two.bytes
    assert one.ms > 0


def test_takes_the_largest_that_is_fast_enough(folder: Path, shipped: Path) -> None:
    paths = intent_models(folder)
    assert choose_intent(paths, shipped, ["timer.set"], budget_ms=SLOW).name == "two"
    assert choose_intent(paths[:1], shipped, ["timer.set"], budget_ms=SLOW).name == "one.gguf"
    assert choose_intent(paths, shipped, ["timer.set"], budget_ms=0) == shipped
    assert choose_intent([], shipped, ["timer.set"]) == shipped


def test_a_model_that_lacks_an_intent_is_left_out(
    folder: Path, shipped: Path, caplog: pytest.LogCaptureFixture
) -> None:
    given = FeatureFile.read(folder / "two")
    changed = replace(given, readout=replace(given.readout, labels=("timer.set", "other", "oos")))
    (folder / "two" / DOCUMENT).write_text(changed.text(), encoding="utf-8")
    chosen = choose_intent(intent_models(folder), shipped, ["timer.set", "lights.on", "new.one"], budget_ms=SLOW)
    # The shipped model does not know "new.one" either.
    assert chosen.name == "one.gguf"
    assert "two is not considered: it does not know the intent lights.on" in caplog.text
    assert choose_intent(intent_models(folder), shipped, ["timer.set"], budget_ms=SLOW).name == "two"


def test_what_is_damaged_is_named_and_left_out(folder: Path, shipped: Path, caplog: pytest.LogCaptureFixture) -> None:
    document = json.loads((folder / "two" / DOCUMENT).read_text())
    (folder / "two" / DOCUMENT).write_text(json.dumps(document | {"head": "AAAA"}))
    tiny_gguf.build(folder / "chat.gguf")
    with caplog.at_level(logging.WARNING):
        assert choose_intent(intent_models(folder), shipped, ["timer.set"], budget_ms=SLOW).name == "one.gguf"
    assert "two is damaged" in caplog.text
    assert "chat.gguf is not an intent model" in caplog.text


def test_the_shipped_model_must_open(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no model file"):
        choose_intent(intent_models(folder), tmp_path / "absent.gguf", ["timer.set"])
