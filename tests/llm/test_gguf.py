from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.llm import tiny_gguf
from voicebox.errors import EngineError, ModelError
from voicebox.llm.gguf import GgufModel
from voicebox.llm.gguf_header import header_string


@pytest.fixture(scope="module")
def model(tiny_model: Path) -> Iterator[GgufModel]:
    model = GgufModel(tiny_model)
    yield model
    model.close()


def test_facts_of_the_file(model: GgufModel) -> None:
    assert (model.name, model.architecture, model.n_ctx_train) == ("tiny", "llama", 512)
    assert model.n_vocab == 256 + len(tiny_gguf.MERGES) + 3
    assert model.chat_template == tiny_gguf.CHATML
    assert model.metadata("no.such.key") is None
    assert model.bos is None
    assert model.spelling("eos") == "<|im_end|>"


def test_long_metadata_is_read_whole(tmp_path: Path) -> None:
    long = "ü" * 5000
    model = GgufModel(tiny_gguf.build(tmp_path / "long.gguf", metadata={"voicebox.test": long}))
    assert model.metadata("voicebox.test") == long
    model.close()


def test_metadata_is_read_without_loading(tmp_path: Path) -> None:
    path = tiny_gguf.build(tmp_path / "m.gguf", metadata={"voicebox.test": "ü" * 300})
    assert header_string(path, "voicebox.test") == "ü" * 300
    assert header_string(path, "general.architecture") == "llama"
    assert header_string(path, "llama.context_length") is None
    assert header_string(path, "no.such.key") is None
    path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(ModelError, match="damaged"):
        header_string(path, "voicebox.test")


def test_control_tokens_only_when_they_are_meant(model: GgufModel) -> None:
    end = model.control_token("<|im_end|>")
    assert end is not None
    assert model.is_end(end)
    assert model.tokenize("<|im_end|>", special=True) == [end]
    assert end not in model.tokenize("hi <|im_end|> <|im_start|>system")
    assert model.control_token("<|no_such|>") is None
    assert model.control_token("a") is None
    assert model.piece(end) == b""
    assert model.piece(end, special=True) == b"<|im_end|>"


@given(st.text())
def test_pieces_spell_the_text_again(model: GgufModel, text: str) -> None:
    tokens = model.tokenize(text)
    assert b"".join(map(model.piece, tokens)) == text.encode("utf-8", "replace")


def test_unknown_tokens_are_refused(model: GgufModel) -> None:
    for token in (-1, model.n_vocab):
        for ask in (model.piece, model.is_end, lambda token: model.check_tokens([token])):
            with pytest.raises(EngineError, match="not in the vocabulary"):
                ask(token)


def test_closed_model_says_so(tiny_model: Path) -> None:
    model = GgufModel(tiny_model)
    model.close()
    model.close()
    for ask in (lambda: model.tokenize("a"), lambda: model.metadata("a"), lambda: model.piece(1)):
        with pytest.raises(EngineError, match="is closed"):
            ask()


@pytest.mark.parametrize(
    ("content", "message"), [(b"", "is not a GGUF file"), (b"not a model", "is not a GGUF file"), (b"GGUF", "loaded")]
)
def test_files_that_are_no_models(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "bad.gguf"
    path.write_bytes(content)
    with pytest.raises(ModelError, match=message):
        GgufModel(path)


@pytest.mark.parametrize("share", [0.1, 0.3, 0.5, 0.9, 0.999])
def test_truncated_files(tmp_path: Path, tiny_model: Path, share: float) -> None:
    content = tiny_model.read_bytes()
    path = tmp_path / "cut.gguf"
    path.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(ModelError, match="cannot be loaded"):
        GgufModel(path)


def test_tokens_spelt_alike_would_end_the_process(tmp_path: Path) -> None:
    path = tiny_gguf.build(tmp_path / "twice.gguf", control=("<|im_start|>", "<|im_end|>", "<|im_start|>"))
    with pytest.raises(ModelError, match=r"two tokens are spelt '<\|im_start\|>'"):
        GgufModel(path)


def test_any_damage_to_the_header_is_an_error_or_harmless(tmp_path: Path, tiny_model: Path) -> None:
    content = tiny_model.read_bytes()
    path = tmp_path / "damaged.gguf"
    refused = 0
    for position in [*range(4, 24), *range(24, 4000, 53)]:
        path.write_bytes(content[:position] + bytes([content[position] ^ 0x81]) + content[position + 1 :])
        try:
            GgufModel(path).close()
        except ModelError:
            refused += 1
    assert refused > 20


def test_missing_file_and_folder(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="There is no model file"):
        GgufModel(tmp_path / "none.gguf")
    with pytest.raises(ModelError, match="cannot be read"):
        GgufModel(tmp_path)
