from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from voicebox.errors import ModelError
from voicebox.stt.ct2 import WhisperModel
from voicebox.stt.folder import EMBEDDINGS, open_folder
from voicebox.stt.random_weights import Shape, write_random_whisper

SMALL = Shape(64, 1, 1, text_tokens=300, languages=4)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("whisper") / "whole"
    write_random_whisper(folder, SMALL)
    return folder


@pytest.fixture
def folder(whole: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(whole, tmp_path / "model"))


def test_a_random_model_is_whole_and_runs(whole: Path) -> None:
    opened = open_folder(whole, "small")
    assert opened.weights is not None
    assert opened.weights.shape(EMBEDDINGS) == (len(opened.vocabulary), 64)
    model = WhisperModel(whole, "small", device="cpu", compute_type="int8", threads=1)
    encoded = model.encode([np.zeros(16_000, np.float32)] * 2, 1.0)
    decoded = model.generate(encoded, [model.start("en", [])] * 2, beam=1, max_tokens=5, endless=True)
    assert [len(one.tokens) for one in decoded] == [5, 5]


def test_the_seed_decides_the_weights(whole: Path, tmp_path: Path) -> None:
    write_random_whisper(tmp_path / "same", SMALL)
    write_random_whisper(tmp_path / "other", SMALL, seed=1)
    weights = (whole / "model.bin").read_bytes()
    assert (tmp_path / "same" / "model.bin").read_bytes() == weights
    assert (tmp_path / "other" / "model.bin").read_bytes() != weights


def test_random_weights_replace_nothing(whole: Path) -> None:
    with pytest.raises(FileExistsError):
        write_random_whisper(whole, SMALL)


@pytest.mark.parametrize("file", ["model.bin", "config.json", "tokenizer.json"])
def test_a_missing_file_is_named(folder: Path, file: str) -> None:
    (folder / file).unlink()
    with pytest.raises(ModelError, match=f"has no {file}") as caught:
        open_folder(folder, "small")
    assert "voicebox models pull small" in str(caught.value)


@pytest.mark.parametrize("share", [0.0, 0.00005, 0.5, 0.999])
def test_a_model_file_that_is_cut_off_is_told(folder: Path, share: float) -> None:
    data = (folder / "model.bin").read_bytes()
    (folder / "model.bin").write_bytes(data[: int(len(data) * share)])
    with pytest.raises(ModelError, match="cut off"):
        open_folder(folder, "small")


@pytest.mark.parametrize("file", ["config.json", "tokenizer.json", "vocabulary.json"])
def test_a_broken_file_is_named(folder: Path, file: str) -> None:
    (folder / file).write_text("{", "utf-8")
    with pytest.raises(ModelError, match=file):
        open_folder(folder, "small")


def test_a_vocabulary_of_another_size_is_told(folder: Path) -> None:
    tokens = json.loads((folder / "vocabulary.json").read_text("utf-8"))
    (folder / "vocabulary.json").write_text(json.dumps(tokens[:-1]), "utf-8")
    with pytest.raises(ModelError, match=r"model\.bin wants"):
        open_folder(folder, "small")


def test_a_tokenizer_of_another_model_is_told(folder: Path, tmp_path: Path) -> None:
    write_random_whisper(tmp_path / "other", Shape(64, 1, 1, text_tokens=310, languages=4))
    shutil.copy(tmp_path / "other" / "tokenizer.json", folder / "tokenizer.json")
    with pytest.raises(ModelError, match="of another model"):
        open_folder(folder, "small")


def test_a_checkpoint_in_another_format_is_told(folder: Path) -> None:
    (folder / "model.bin").rename(folder / "model.safetensors")
    with pytest.raises(ModelError, match="not in CTranslate2's format"):
        open_folder(folder, "small")
