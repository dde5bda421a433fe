from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.llm import tiny_encoder
from tests.train.base.parts import VOCABULARY, bert_folder
from voicebox.errors import ModelError
from voicebox.llm.features import FeatureModel
from voicebox.train.base.bert import bert_gguf, is_bert_folder

TEXTS = ["set a timer", "turn on the lights", "what", "unknown words"]


def test_the_gguf_computes_what_the_published_model_does(tmp_path: Path) -> None:
    folder = bert_folder(tmp_path / "bert")
    assert is_bert_folder(folder)
    bert_gguf(folder, tmp_path / "out.gguf")
    made = FeatureModel(tmp_path / "out.gguf")
    head = tiny_encoder.weights()["head"]
    for text, vector in zip(TEXTS, made.encode(TEXTS), strict=True):
        tokens = [2, *made.tokenize(text), 3]
        assert head @ np.append(vector, 1.0) == pytest.approx(tiny_encoder.logits(tokens), abs=0.05)
    assert [VOCABULARY[token] for token in made.tokenize("timer")] == ["time", "##r"]
    made.close()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model_type": "roberta"}, "is a roberta model"),
        ({"hidden_act": "relu"}, "with relu, not BERT with gelu"),
        ({"num_hidden_layers": 3}, r"no tensor encoder\.layer\.2"),
        ({"hidden_size": 48}, "of different sizes"),
        ({"layer_norm_eps": "small"}, "is damaged"),
    ],
)
def test_refuses_what_is_no_such_bert(tmp_path: Path, changes: dict[str, object], message: str) -> None:
    folder = bert_folder(tmp_path / "bert", **changes)
    with pytest.raises(ModelError, match=message):
        bert_gguf(folder, tmp_path / "out.gguf")
    assert [path.name for path in tmp_path.iterdir()] == ["bert"]


@pytest.mark.parametrize("name", ["config.json", "model.safetensors", "vocab.txt"])
def test_names_the_file_that_is_missing(tmp_path: Path, name: str) -> None:
    folder = bert_folder(tmp_path / "bert")
    (folder / name).unlink()
    assert not is_bert_folder(folder)
    with pytest.raises(ModelError, match=name.replace(".", r"\.")):
        bert_gguf(folder, tmp_path / "out.gguf")


@pytest.mark.parametrize("share", [0.0001, 0.01, 0.5])
def test_refuses_weights_that_end_too_early(tmp_path: Path, share: float) -> None:
    folder = bert_folder(tmp_path / "bert")
    file = folder / "model.safetensors"
    data = file.read_bytes()
    file.write_bytes(data[: max(9, int(len(data) * share))])
    with pytest.raises(ModelError, match="is damaged"):
        bert_gguf(folder, tmp_path / "out.gguf")


@pytest.mark.parametrize(("old", "new", "message"), [("[CLS]", "[cls]", r"lacks \[CLS\]"), ("turn", "set", "twice")])
def test_refuses_a_vocabulary_that_cannot_work(tmp_path: Path, old: str, new: str, message: str) -> None:
    folder = bert_folder(tmp_path / "bert")
    file = folder / "vocab.txt"
    file.write_text(file.read_text(encoding="utf-8").replace(f"\n{old}\n", f"\n{new}\n"), encoding="utf-8")
    with pytest.raises(ModelError, match=message):
        bert_gguf(folder, tmp_path / "out.gguf")
