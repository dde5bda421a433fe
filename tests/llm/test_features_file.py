from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.llm import feature_parts, tiny_gguf
from voicebox.errors import ModelError
from voicebox.llm.features_file import DOCUMENT, FeatureFile, is_feature_file, joined


def test_what_is_written_is_read(tmp_path: Path) -> None:
    written = feature_parts.document("llama", "qwen")
    (tmp_path / DOCUMENT).write_text(written.text(), encoding="utf-8")
    read = FeatureFile.read(tmp_path)
    assert (read.readout, read.bases) == (written.readout, written.bases)
    assert np.array_equal(read.head, written.head)
    assert is_feature_file(tmp_path)


def test_one_base_is_one_file(tmp_path: Path) -> None:
    path = feature_parts.file(tmp_path / "one.gguf")
    read = FeatureFile.read(path)
    assert read.files(path) == [path]
    assert is_feature_file(path)
    assert not is_feature_file(tiny_gguf.build(tmp_path / "plain.gguf"))


def test_logits_are_the_heads_rows_times_the_vector() -> None:
    given = feature_parts.document("llama")
    vectors = np.random.default_rng(1).standard_normal((2, feature_parts.WIDTH)).astype(np.float32)
    for vector, logits in zip(vectors, given.logits(vectors), strict=True):
        assert logits == pytest.approx(given.head @ np.append(vector, 1.0), rel=1e-4)


def test_vectors_are_joined_at_length_one() -> None:
    out = joined([np.array([[3.0, 4.0], [0.0, 0.0]], np.float32), np.array([[0.0, 0.1], [2.0, 0.0]], np.float32)])
    assert out == pytest.approx(np.array([[0.6, 0.8, 0, 1], [0, 0, 1, 0]]))
    assert out.dtype == np.float32


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"version": "4"}, "version 4, not 3"),
        ({"version": None}, "version None, not 3"),
        ({"labels": None}, "not a list of names"),
        ({"labels": ["a", "b", "c"]}, "lacks 'oos'"),
        ({"labels": ["oos", "a", "a"]}, "names a label twice"),
        ({"labels": ["oos", "a"]}, "cannot reshape"),
        ({"bases": []}, "does not fit"),
        ({"bases": [{"name": "a", "file": "../a.gguf", "width": 32}]}, "no usable width or file"),
        ({"bases": [{"name": "a", "file": "", "width": 32}]}, "no usable width or file"),
        ({"bases": [{"name": "a", "file": "a.gguf", "width": 0}]}, "no usable width"),
        ({"bases": [{"name": "a"}]}, "is damaged"),
        ({"head": "!"}, "is damaged"),
        ({"head": "AAAA"}, "is damaged"),
        ({"threshold": 1.5}, "threshold is 1.5"),
        ({"threshold": True}, "not a number"),
        ({"temperature": 0}, "temperature is 0"),
        ({"temperature": float("nan")}, "not a number"),
        ({"complete_temperature": "warm"}, "not a number"),
    ],
)
def test_refuses_documents_that_make_no_sense(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    data = json.loads(feature_parts.document("llama").text()) | changes
    (tmp_path / DOCUMENT).write_text(json.dumps(data), encoding="utf-8")
    with pytest.raises(ModelError, match=message):
        FeatureFile.read(tmp_path)


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", "[" * 100_000])
def test_refuses_what_is_no_document(tmp_path: Path, text: str) -> None:
    (tmp_path / DOCUMENT).write_text(text, encoding="utf-8")
    with pytest.raises(ModelError, match="is damaged"):
        FeatureFile.read(tmp_path)


def test_refuses_numbers_that_are_none(tmp_path: Path) -> None:
    given = feature_parts.document("llama")
    given.head[0, 0] = np.inf
    (tmp_path / DOCUMENT).write_text(given.text(), encoding="utf-8")
    with pytest.raises(ModelError, match="what is no number"):
        FeatureFile.read(tmp_path)


def test_refuses_other_files_and_folders(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="not an intent model on base features"):
        FeatureFile.read(tmp_path)
    with pytest.raises(ModelError, match="not an intent model on base features"):
        FeatureFile.read(feature_parts.without_features(tmp_path / "a.gguf"))
    (tmp_path / DOCUMENT).write_bytes(b"\xff\xfe")
    with pytest.raises(ModelError, match="cannot be read"):
        FeatureFile.read(tmp_path)


def test_names_the_base_that_is_missing(tmp_path: Path) -> None:
    path = feature_parts.folder(tmp_path / "model")
    (path / "qwen.gguf").unlink()
    with pytest.raises(ModelError, match=r"lacks qwen\.gguf"):
        FeatureFile.read(path).files(path)
