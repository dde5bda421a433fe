from __future__ import annotations

from pathlib import Path

import gguf
import numpy as np
import pytest

from tests.llm import odd_gguf, tiny_arch, tiny_encoder, tiny_gguf
from voicebox.errors import ModelError
from voicebox.llm.features import FeatureModel
from voicebox.llm.intent_text import normalize_text
from voicebox.train.base.quantize import quantize
from voicebox.train.base.surgery import add_strings, cut_gguf, replaced

TEXTS = [normalize_text(text) for text in ("Set the timer!", "it's 7:30 on the line", "5% of an über-thing", "the")]


@pytest.fixture(scope="module", params=["llama", *tiny_arch.FAMILIES])
def source(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("surgery") / f"{request.param}.gguf"
    return tiny_gguf.build(target) if request.param == "llama" else tiny_arch.build(target, request.param)


@pytest.mark.parametrize("layers", [1, 2])
def test_a_cut_model_gives_the_same_features(source: Path, tmp_path: Path, layers: int) -> None:
    cut_gguf(source, tmp_path / "cut.gguf", layers)
    whole, cut = FeatureModel(source, layers=[layers]), FeatureModel(tmp_path / "cut.gguf")
    assert cut.layers == (layers,)
    assert cut.model.n_vocab < whole.model.n_vocab
    for text in TEXTS:
        assert [cut.model.piece(t) for t in cut.tokenize(text)] == [whole.model.piece(t) for t in whole.tokenize(text)]
    assert np.array_equal(cut.encode(TEXTS), whole.encode(TEXTS))
    whole.close()
    cut.close()


def test_what_only_generation_needs_is_left_out(source: Path, tmp_path: Path) -> None:
    cut_gguf(source, tmp_path / "cut.gguf", 1)
    reader = gguf.GGUFReader(tmp_path / "cut.gguf")
    names = {tensor.name for tensor in reader.tensors}
    assert "output.weight" not in names
    assert not any(name.startswith("blk.1.") for name in names)
    assert "tokenizer.chat_template" not in reader.fields


def test_quantized_weights_change_the_features_little(source: Path, tmp_path: Path) -> None:
    quantize(source, tmp_path / "q8.gguf", "q8_0")
    plain, small = FeatureModel(source), FeatureModel(tmp_path / "q8.gguf")
    a, b = plain.encode(TEXTS), small.encode(TEXTS)
    cosine = (a * b).sum(axis=1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)
    assert (cosine > 0.995).all()
    plain.close()
    small.close()


def test_refuses_another_format(tiny: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no format 'q9'"):
        quantize(tiny, tmp_path / "out.gguf", "q9")


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    return tiny_gguf.build(tmp_path / "tiny.gguf")


def test_strings_are_added_and_the_rest_stays(tiny: Path, tmp_path: Path) -> None:
    add_strings(tiny, tmp_path / "one.gguf", {"voicebox.a": "1"})
    add_strings(tmp_path / "one.gguf", tmp_path / "two.gguf", {"voicebox.a": "2"})
    before, after = gguf.GGUFReader(tiny), gguf.GGUFReader(tmp_path / "two.gguf")
    assert after.fields["voicebox.a"].contents() == "2"
    assert after.fields["tokenizer.ggml.tokens"].contents() == before.fields["tokenizer.ggml.tokens"].contents()
    for old, new in zip(before.tensors, after.tensors, strict=True):
        assert old.name == new.name
        assert np.array_equal(old.data, new.data)


@pytest.mark.parametrize("layers", [0, 3])
def test_refuses_more_layers_than_there_are(tiny: Path, tmp_path: Path, layers: int) -> None:
    with pytest.raises(ModelError, match=f"has 2 layers, {layers} are asked for"):
        cut_gguf(tiny, tmp_path / "out.gguf", layers)


def test_refuses_an_architecture_that_cannot_be_cut(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="architecture 'bert', which cannot be cut"):
        cut_gguf(tiny_encoder.build(tmp_path / "e.gguf"), tmp_path / "out.gguf", 1)


def test_refuses_a_model_without_a_tokenizer(tmp_path: Path) -> None:
    bare = odd_gguf.llama(tmp_path / "bare.gguf", lambda writer: None)
    with pytest.raises(ModelError, match=r"has no tokenizer\.ggml\."):
        cut_gguf(bare, tmp_path / "out.gguf", 1)


def test_refuses_a_model_without_its_tensors(tmp_path: Path) -> None:
    writer = gguf.GGUFWriter(tmp_path / "empty.gguf", "llama")
    writer.add_block_count(2)
    writer.add_tokenizer_model("gpt2")
    writer.add_token_list(["a", "b"])
    writer.add_token_types([1, 1])
    writer.add_tensor("output_norm.weight", np.ones(8, np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    with pytest.raises(ModelError, match=r"no tensor token_embd\.weight"):
        cut_gguf(tmp_path / "empty.gguf", tmp_path / "out.gguf", 1)


@pytest.mark.parametrize("share", [0.02, 0.3, 0.9])
def test_refuses_a_file_that_ends_too_early(tiny: Path, tmp_path: Path, share: float) -> None:
    data = tiny.read_bytes()
    (tmp_path / "short.gguf").write_bytes(data[: int(len(data) * share)])
    with pytest.raises(ModelError, match=r"short\.gguf"):
        cut_gguf(tmp_path / "short.gguf", tmp_path / "out.gguf", 1)
    assert {path.name for path in tmp_path.iterdir()} == {"tiny.gguf", "short.gguf"}


def test_what_fails_leaves_nothing_and_what_was_there_stays(tmp_path: Path) -> None:
    target = tmp_path / "out.bin"
    target.write_text("old")

    def fail() -> None:
        with replaced(target) as temporary:
            temporary.write_text("half")
            raise KeyError("half")

    with pytest.raises(KeyError, match="half"):
        fail()
    assert [path.name for path in tmp_path.iterdir()] == ["out.bin"]
    assert target.read_text() == "old"
