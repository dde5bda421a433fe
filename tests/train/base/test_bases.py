from __future__ import annotations

from pathlib import Path

import gguf
import numpy as np
import pytest

from tests.llm import tiny_encoder
from tests.train.base.parts import bert_folder, llama, qwen
from voicebox.errors import ConfigError, ModelError
from voicebox.llm.features import FeatureModel
from voicebox.models.catalog import catalog
from voicebox.train.base.bases import BASES, BaseSpec, parse_bases, prepare
from voicebox.train.base.encode import base_vectors, encode


def test_names_files_and_numbers_of_layers() -> None:
    first, second, third = parse_bases("minilm, smollm2-135m@4 ,some/own.v2.gguf@3")
    assert first == BASES["minilm"]
    assert (second.name, second.model, second.layers) == ("smollm2-135m", BASES["smollm2-135m"].model, 4)
    assert (third.name, third.model, third.layers, third.licence) == ("own.v2", "some/own.v2.gguf", 3, "")


def test_every_named_base_is_in_the_catalog_with_its_licence() -> None:
    for spec in BASES.values():
        assert catalog().get(spec.model).licence.startswith(spec.licence)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "names no model"),
        (" , ", "names no model"),
        ("minilm,minilm", "names minilm twice"),
        ("minilm@x", "'x' is no number of layers"),
        ("minilm@0", "'0' is no number"),
        ("minilm@", "'' is no number"),
    ],
)
def test_refuses_a_list_that_makes_no_sense(text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        parse_bases(text)


def spec(path: Path, layers: int | None = 1) -> BaseSpec:
    return BaseSpec("own", str(path), layers)


def test_a_base_is_made_once_and_again_when_it_changes(tmp_path: Path) -> None:
    source = llama(tmp_path / "own.gguf")
    work = tmp_path / "work"
    first = prepare(spec(source), work)
    made = first.stat().st_mtime_ns
    assert prepare(spec(source), work) == first
    assert first.stat().st_mtime_ns == made
    assert prepare(spec(source, 2), work) != first
    source.unlink()
    qwen(source)
    assert prepare(spec(source), work) != first
    assert len(list(work.iterdir())) == 3


def test_encoders_as_folder_and_as_file(tmp_path: Path) -> None:
    folder = prepare(spec(bert_folder(tmp_path / "bert"), None), tmp_path / "work")
    file = prepare(spec(tiny_encoder.build(tmp_path / "e.gguf"), None), tmp_path / "work")
    a, b = FeatureModel(folder), FeatureModel(file)
    assert a.encode(["set a timer"]) == pytest.approx(b.encode(["set a timer"]), abs=0.05)
    a.close()
    b.close()


def test_refuses_other_folders_and_architectures(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(ModelError, match=r"lacks config\.json"):
        prepare(spec(tmp_path / "folder"), tmp_path / "work")
    writer = gguf.GGUFWriter(tmp_path / "odd.gguf", "mamba")
    writer.add_tensor("x", np.zeros(4, np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    with pytest.raises(ModelError, match="architecture 'mamba', which gives no features"):
        prepare(spec(tmp_path / "odd.gguf"), tmp_path / "work")
    with pytest.raises(ModelError):
        prepare(spec(tmp_path / "absent.gguf"), tmp_path / "work")
    assert not list((tmp_path / "work").glob("*"))


def test_vectors_are_kept(tmp_path: Path) -> None:
    specs = [spec(llama(tmp_path / "a.gguf")), BaseSpec("other", str(qwen(tmp_path / "b.gguf")), 1)]
    texts = ["set the timer", "lights on", "set the timer", ""]
    told: list[str] = []
    first = encode(specs, texts, folder=tmp_path / "work", progress=lambda name, share: told.append(name))
    assert first.shape == (4, 64)
    assert told == ["own", "other"]
    assert np.array_equal(first[0], first[2])
    assert np.linalg.norm(first[0, :32]) == pytest.approx(1, abs=1e-3)
    assert not first[3].any()
    # Only what is new is computed: without the model's weights, what is known is still there.
    file = prepare(specs[0], tmp_path / "work")
    file.write_bytes(b"")
    assert np.array_equal(base_vectors(file, texts[:2], name="own"), first[:2, :32])
    with pytest.raises(ModelError):
        base_vectors(file, ["new"], name="own")
