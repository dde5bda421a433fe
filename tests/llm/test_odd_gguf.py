"""Files that are no instruct models, or only look like one: an error that says so, and a process that goes on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import gguf
import pytest

from tests.llm import odd_gguf, tiny_arch
from voicebox.errors import ModelError
from voicebox.llm.chat import LlamaChat
from voicebox.llm.gguf import GgufModel
from voicebox.llm.instruct_intent import InstructIntentModel
from voicebox.skills.types import Intent

INTENTS = (Intent("kettle.boil", "boil water", ("boil the kettle", "heat the water")),)
OPENERS: tuple[Callable[[Path], object], ...] = (LlamaChat, lambda path: InstructIntentModel(path, INTENTS))


@pytest.mark.parametrize("open_model", OPENERS, ids=["chat", "intent"])
def test_a_model_of_vectors_writes_nothing(tmp_path: Path, open_model: Callable[[Path], object]) -> None:
    with pytest.raises(ModelError, match=r"\(bert\) makes vectors of texts and writes none.*Choose an instruct model"):
        open_model(odd_gguf.bert(tmp_path / "bert.gguf"))


@pytest.mark.parametrize(
    ("architecture", "message"),
    [("clip", "CLIP cannot be used as main model"), ("frobnicate", "unknown model architecture: 'frobnicate'")],
)
def test_other_architectures(tmp_path: Path, architecture: str, message: str) -> None:
    path = odd_gguf.bare(tmp_path / "odd.gguf", architecture)
    with pytest.raises(ModelError, match=f"{message}.*Choose a language model"):
        GgufModel(path)


def _none(writer: gguf.GGUFWriter) -> None:
    pass


def _no_vocabulary(writer: gguf.GGUFWriter) -> None:
    writer.add_tokenizer_model("no_vocab")


def _unknown(writer: gguf.GGUFWriter) -> None:
    writer.add_tokenizer_model("mystery")
    writer.add_token_list(odd_gguf.words())


def _no_merges(writer: gguf.GGUFWriter) -> None:
    odd_gguf.bpe(writer, odd_gguf.words(), merges=())


def _too_few(writer: gguf.GGUFWriter) -> None:
    odd_gguf.bpe(writer, odd_gguf.words(2))


@pytest.mark.parametrize(
    ("tokenizer", "message"),
    [
        (_none, "key not found in model: tokenizer.ggml.model"),
        (_no_vocabulary, "has no tokenizer"),
        (_unknown, "unknown tokenizer: 'mystery'"),
        (_no_merges, "cannot find tokenizer merges"),
        (_too_few, "'token_embd.weight' has wrong shape"),
        (odd_gguf.without_bytes, "its vocabulary has no token for the byte 0"),
    ],
)
def test_tokenizers_that_are_missing_or_of_no_use(
    tmp_path: Path, tokenizer: Callable[[gguf.GGUFWriter], None], message: str
) -> None:
    with pytest.raises(ModelError, match=message):
        GgufModel(odd_gguf.llama(tmp_path / "odd.gguf", tokenizer))


def test_special_tokens_outside_the_vocabulary_are_none(tmp_path: Path) -> None:
    def tokenizer(writer: gguf.GGUFWriter) -> None:
        odd_gguf.bpe(writer, odd_gguf.words())
        writer.add_bos_token_id(9999)
        writer.add_eos_token_id(9999)
        writer.add_add_bos_token(True)

    model = GgufModel(odd_gguf.llama(tmp_path / "odd.gguf", tokenizer))
    assert (model.bos or 0) < model.n_vocab
    assert model.spelling("eos") in ("", *odd_gguf.words())
    assert model.tokenize("a? ü\n")
    model.close()


def test_a_tokenizer_that_cannot_write_the_labels(tmp_path: Path) -> None:
    path = odd_gguf.llama(tmp_path / "odd.gguf", lambda writer: odd_gguf.bpe(writer, odd_gguf.words()))
    with pytest.raises(ModelError, match="cannot write the names of the intents"):
        InstructIntentModel(path, INTENTS)


@pytest.mark.parametrize("architecture", sorted(tiny_arch.FAMILIES))
@pytest.mark.parametrize("share", [0.01, 0.2, 0.6, 0.99])
def test_truncated_files_of_every_architecture(tmp_path: Path, architecture: str, share: float) -> None:
    path = tiny_arch.build(tmp_path / "m.gguf", architecture)
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    for open_model in OPENERS:
        with pytest.raises(ModelError, match="cannot be loaded"):
            open_model(path)


@pytest.mark.parametrize("architecture", ["gemma3", "phi3", "qwen3"])
def test_any_damage_to_the_header_is_an_error_or_harmless(tmp_path: Path, architecture: str) -> None:
    content = tiny_arch.build(tmp_path / "good.gguf", architecture).read_bytes()
    path = tmp_path / "damaged.gguf"
    refused = 0
    for position in range(4, 1500, 37):
        path.write_bytes(content[:position] + bytes([content[position] ^ 0x81]) + content[position + 1 :])
        try:
            GgufModel(path).close()
        except ModelError:
            refused += 1
    assert refused > 10
