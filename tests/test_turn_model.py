"""Which model hears whether turns are over."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.vad.dummy_turn import write_turn_model
from voicebox.errors import ModelError
from voicebox.models.catalog import catalog
from voicebox.opening import find_turn_model


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("VOICEBOX_MODELS_DIR", str(tmp_path))
    return tmp_path


@pytest.mark.parametrize("name", ["none", "", "auto"])
def test_there_is_none_where_none_is_wanted_or_auto_finds_none(name: str) -> None:
    assert find_turn_model(name) is None


def test_auto_takes_the_one_that_is_installed(home: Path) -> None:
    model = catalog().get("smart-turn-v3.2")
    (file,) = model.files
    path = home / model.name / file.name
    path.parent.mkdir()
    path.write_bytes(bytes(file.size or 0))
    assert find_turn_model("auto") == path
    assert find_turn_model("smart-turn-v3.2") == path
    assert find_turn_model("none") is None


def test_a_file_of_ones_own_does_as_well(home: Path) -> None:
    path = write_turn_model(home / "own.onnx")
    assert find_turn_model(str(path)) == path


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("smart-turn-v3.2", "models pull smart-turn-v3.2"),
        ("whisper-tiny.en", "not a turn model"),
        ("no-such-model", "no model named"),
    ],
)
def test_what_is_named_must_be_there_and_of_that_kind(name: str, words: str) -> None:
    with pytest.raises(ModelError, match=words):
        find_turn_model(name)
