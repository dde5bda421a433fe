"""A model of random weights is a whole model: it loads, decodes, and can be cut, damaged and refused."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from voicebox.errors import ModelError
from voicebox.stt.ct2 import WhisperModel
from voicebox.stt.folder import EMBEDDINGS, open_folder
from voicebox.stt.random_weights import Shape, write_random_whisper
from voicebox.stt.shortlist import english_tokens
from voicebox.stt.weights import read_weights, with_rows

SHAPE = Shape(64, 1, 1, text_tokens=1_000)
KEPT = 500


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("whisper") / "random"
    write_random_whisper(folder, SHAPE)
    return folder


@pytest.fixture
def folder(written: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(written, tmp_path / "model"))


def _load(folder: Path, **options: object) -> WhisperModel:
    return WhisperModel(folder, "random", device="cpu", compute_type="int8", threads=1, **options)  # type: ignore[arg-type]


def test_it_encodes_and_writes_as_many_tokens_as_it_is_asked_for(written: Path) -> None:
    model = _load(written)
    audio = 0.1 * np.random.default_rng(0).standard_normal(16_000).astype(np.float32)
    encoded = model.encode([audio], 1.0)
    (decoded,) = model.generate(encoded, [model.start("en", [])], beam=1, max_tokens=8, endless=True)
    assert len(decoded.tokens) == 8
    assert model.vocabulary_size == len(open_folder(written, "random").vocabulary)


def test_a_model_with_fewer_tokens_writes_only_those(written: Path) -> None:
    keep = partial(english_tokens, frequent=KEPT, words=0)
    model = _load(written, keep=keep)
    assert model.vocabulary_size == _load(written).vocabulary_size - (SHAPE.text_tokens - KEPT)
    audio = 0.1 * np.random.default_rng(1).standard_normal(16_000).astype(np.float32)
    encoded = model.encode([audio], 1.0)
    (decoded,) = model.generate(encoded, [model.start("en", [])], beam=1, max_tokens=16, endless=True)
    text = [token for token in decoded.tokens if token < SHAPE.text_tokens]
    assert all(token < KEPT for token in text)


def test_rows_are_cut_and_all_else_stays(written: Path, tmp_path: Path) -> None:
    weights = read_weights(written / "model.bin")
    assert weights is not None
    tables = [v.name for v in weights.variables if v.name.startswith(EMBEDDINGS)]
    rows = [0, 5, 7]
    (tmp_path / "cut.bin").write_bytes(with_rows(weights, tables, rows))
    cut = read_weights(tmp_path / "cut.bin")
    assert cut is not None
    assert (cut.spec, cut.aliases) == (weights.spec, weights.aliases)
    before, after = (written / "model.bin").read_bytes(), (tmp_path / "cut.bin").read_bytes()
    for old, new in zip(weights.variables, cut.variables, strict=True):
        was, now = before[old.offset : old.offset + old.size], after[new.offset : new.offset + new.size]
        if old.name in tables:
            assert new.shape == (len(rows), *old.shape[1:])
            width = old.size // old.shape[0]
            assert now == b"".join(was[row * width : (row + 1) * width] for row in rows)
        else:
            assert now == was


def _cut_off(folder: Path) -> None:
    (folder / "model.bin").write_bytes((folder / "model.bin").read_bytes()[:-100])


def _no_model_file(folder: Path) -> None:
    (folder / "model.bin").write_bytes(b"\xff" * 100)


def _other_checkpoint(folder: Path) -> None:
    (folder / "model.bin").unlink()
    (folder / "model.safetensors").write_bytes(b"")


def _short_vocabulary(folder: Path) -> None:
    tokens = json.loads((folder / "vocabulary.json").read_text("utf-8"))
    (folder / "vocabulary.json").write_text(json.dumps(tokens[:-1]), "utf-8")


def _other_vocabulary(folder: Path) -> None:
    tokens = json.loads((folder / "vocabulary.json").read_text("utf-8"))
    tokens[300], tokens[301] = tokens[301], tokens[300]
    (folder / "vocabulary.json").write_text(json.dumps(tokens), "utf-8")


def _no_vocabulary(folder: Path) -> None:
    (folder / "vocabulary.json").unlink()


def _no_tokenizer(folder: Path) -> None:
    (folder / "tokenizer.json").unlink()


def _broken_config(folder: Path) -> None:
    (folder / "config.json").write_text("{", "utf-8")


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (_cut_off, "is cut off"),
        (_no_model_file, "is no model file of CTranslate2"),
        (_other_checkpoint, "not in CTranslate2's format"),
        (_short_vocabulary, "its model.bin wants"),
        (_other_vocabulary, "is of another model"),
        (_no_vocabulary, "has no vocabulary"),
        (_no_tokenizer, r"no tokenizer\.json"),
        (_broken_config, "cannot be read"),
    ],
)
def test_a_damaged_folder_is_refused_with_its_reason(
    folder: Path, damage: Callable[[Path], None], message: str
) -> None:
    damage(folder)
    with pytest.raises(ModelError, match=message):
        _load(folder)
