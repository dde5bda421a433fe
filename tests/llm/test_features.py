from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import llama_cpp.llama_cpp as c
import numpy as np
import pytest
from numpy.typing import NDArray

from tests.llm import tiny_arch, tiny_encoder, tiny_gguf
from voicebox.errors import EngineError, ModelError
from voicebox.llm.features import MAX_TOKENS, FeatureModel
from voicebox.llm.gguf import GgufModel

TEXTS = ["set the timer", "a", "the the on in a", "lights on", "set a timer for ten minutes and the lights"]


@pytest.fixture(scope="module", params=["llama", *tiny_arch.FAMILIES])
def path(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("features") / f"{request.param}.gguf"
    return tiny_gguf.build(target) if request.param == "llama" else tiny_arch.build(target, request.param)


@pytest.fixture
def model(path: Path) -> Iterator[FeatureModel]:
    model = FeatureModel(path)
    yield model
    model.close()


def last_states(path: Path, tokens: list[int]) -> NDArray[np.float32]:
    """llama.cpp's own embeddings, behind the norm of the last layer, shape (tokens, width)."""
    model = GgufModel(path)
    params = c.llama_context_default_params()
    params.embeddings, params.pooling_type, params.n_ctx = True, c.LLAMA_POOLING_TYPE_NONE, 64
    context = c.llama_init_from_model(model.handle, params)
    batch = c.llama_batch_get_one((c.llama_token * len(tokens))(*tokens), len(tokens))
    assert c.llama_decode(context, batch) == 0
    width = c.llama_model_n_embd(model.handle)
    states = np.ctypeslib.as_array(c.llama_get_embeddings(context), shape=(len(tokens), width)).copy()
    c.llama_free(context)
    model.close()
    return states


def test_states_are_those_that_the_models_last_norm_gets(path: Path, model: FeatureModel) -> None:
    for text in ("a", "x"):
        (token,) = model.tokenize(text)
        expected = last_states(path, [*model._start, token])[-1]
        vector = model.encode([text])[0]
        # The norm's weights are ones, so it only scales the state.
        scaled = vector / np.sqrt((vector**2).mean())
        assert scaled == pytest.approx(expected, abs=0.02)


def test_texts_together_are_as_alone(model: FeatureModel) -> None:
    together = model.encode(TEXTS)
    assert together.shape == (len(TEXTS), model.width)
    for row, text in enumerate(TEXTS):
        assert model.encode([text])[0] == pytest.approx(together[row], abs=0.03)
    assert np.abs(together[0] - together[3]).max() > 0.1


def test_several_layers_are_joined(path: Path) -> None:
    both, first, last = (FeatureModel(path, layers=layers) for layers in ([1, 2], [1], [2]))
    joined = np.concatenate((first.encode(TEXTS), last.encode(TEXTS)), axis=1)
    assert both.encode(TEXTS) == pytest.approx(joined, abs=1e-5)
    assert both.width == first.width + last.width
    for model in (both, first, last):
        model.close()


@pytest.mark.parametrize("layers", [[], [0], [3], [2, 1], [1, 1]])
def test_refuses_layers_that_are_not_there(tiny_model: Path, layers: list[int]) -> None:
    with pytest.raises(ModelError, match="has 2 layers"):
        FeatureModel(tiny_model, layers=layers)


def test_more_texts_than_one_batch_holds(tiny_model: Path) -> None:
    small, large = FeatureModel(tiny_model, batch_tokens=100), FeatureModel(tiny_model, batch_tokens=2000)
    texts = [f"{'the ' * (n % 30)}{n}" for n in range(150)]
    assert small.encode(texts) == pytest.approx(large.encode(texts), abs=0.03)
    small.close()
    large.close()


def test_long_and_empty_texts(tiny_model: Path) -> None:
    model = FeatureModel(tiny_model)
    tail = "q" * MAX_TOKENS
    long, other = model.encode(["the " * 300 + tail, tail])
    assert long == pytest.approx(other, abs=1e-5)
    assert not model.encode([""]).any()
    assert model.encode([]).shape == (0, model.width)
    assert np.isfinite(model.encode(["\0", "é ü 😀 \ud800"])).all()
    model.close()


def test_an_encoder_gives_the_mean_of_its_last_layer(tmp_path: Path) -> None:
    model = FeatureModel(tiny_encoder.build(tmp_path / "encoder.gguf"))
    head = tiny_encoder.weights()["head"]
    texts = ["set a timer", "turn on the lights", "what"]
    for text, vector in zip(texts, model.encode(texts), strict=True):
        tokens = [2, *model.tokenize(text), 3]
        assert head @ np.append(vector, 1.0) == pytest.approx(tiny_encoder.logits(tokens), abs=0.02)
    model.close()


def test_an_encoder_has_one_layer_to_give(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="gives its last layer only"):
        FeatureModel(tiny_encoder.build(tmp_path / "encoder.gguf"), layers=[1])


def test_a_closed_model_says_so(tiny_model: Path) -> None:
    model = FeatureModel(tiny_model)
    model.close()
    model.close()
    with pytest.raises(EngineError, match="closed"):
        model.encode(["a"])
