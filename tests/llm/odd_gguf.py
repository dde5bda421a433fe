"""GGUF files that are no instruct models: other architectures, and vocabularies that llama.cpp cannot use."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import gguf
import numpy as np

from tests.llm import tiny_gguf

WIDTH, HIDDEN, TOKENS, CONTEXT = 32, 64, 64, 64


def llama(path: Path, tokenizer: Callable[[gguf.GGUFWriter], None]) -> Path:
    """A Llama model of 64 tokens, whatever its tokenizer says."""
    writer = _writer(path, "llama")
    writer.add_head_count_kv(2)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_dimension_count(8)
    writer.add_vocab_size(TOKENS)
    tokenizer(writer)
    _weights(writer, "token_embd", TOKENS, WIDTH)
    for name in ("output_norm", "blk.0.attn_norm", "blk.0.ffn_norm"):
        _weights(writer, name, WIDTH)
    for name, rows, columns in (
        ("attn_q", WIDTH, WIDTH),
        ("attn_k", WIDTH // 2, WIDTH),
        ("attn_v", WIDTH // 2, WIDTH),
        ("attn_output", WIDTH, WIDTH),
        ("ffn_gate", HIDDEN, WIDTH),
        ("ffn_up", HIDDEN, WIDTH),
        ("ffn_down", WIDTH, HIDDEN),
    ):
        _weights(writer, f"blk.0.{name}", rows, columns)
    return _finish(writer, path)


def words(count: int = TOKENS) -> list[str]:
    """Distinct token spellings, the letters first."""
    return [chr(ord("a") + n) if n < 26 else f"x{n}" for n in range(count)]


def bpe(writer: gguf.GGUFWriter, tokens: Sequence[str], *, merges: Sequence[str] = ("a b",)) -> None:
    """A byte-level BPE vocabulary of these tokens."""
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list(list(tokens))
    writer.add_token_types([gguf.TokenType.NORMAL] * len(tokens))
    if merges:
        writer.add_token_merges(list(merges))


def without_bytes(writer: gguf.GGUFWriter) -> None:
    """A SentencePiece vocabulary without tokens for bytes."""
    writer.add_tokenizer_model("llama")
    writer.add_token_list(words())
    writer.add_token_scores([0.0] * TOKENS)
    writer.add_token_types([gguf.TokenType.NORMAL] * TOKENS)


def bert(path: Path) -> Path:
    """An encoder that makes vectors of texts, with a chat template that it should not have."""
    tokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *(f"▁{word}" for word in words(26)), *words(26)]
    writer = _writer(path, "bert")
    writer.add_layer_norm_eps(1e-5)
    writer.add_causal_attention(False)
    writer.add_pooling_type(gguf.PoolingType.MEAN)
    writer.add_tokenizer_model("bert")
    writer.add_token_list(tokens)
    writer.add_token_types([gguf.TokenType.CONTROL] * 5 + [gguf.TokenType.NORMAL] * (len(tokens) - 5))
    writer.add_token_type_count(2)
    writer.add_chat_template(tiny_gguf.CHATML)
    _weights(writer, "token_embd", len(tokens), WIDTH)
    _weights(writer, "token_types", 2, WIDTH)
    _weights(writer, "position_embd", CONTEXT, WIDTH)
    for name in ("token_embd_norm", "blk.0.attn_output_norm", "blk.0.layer_output_norm"):
        _weights(writer, name, WIDTH)
        _weights(writer, name, WIDTH, kind="bias")
    for name in ("attn_q", "attn_k", "attn_v", "attn_output"):
        _weights(writer, f"blk.0.{name}", WIDTH, WIDTH)
        _weights(writer, f"blk.0.{name}", WIDTH, kind="bias")
    _weights(writer, "blk.0.ffn_up", HIDDEN, WIDTH)
    _weights(writer, "blk.0.ffn_up", HIDDEN, kind="bias")
    _weights(writer, "blk.0.ffn_down", WIDTH, HIDDEN)
    _weights(writer, "blk.0.ffn_down", WIDTH, kind="bias")
    return _finish(writer, path)


def bare(path: Path, architecture: str) -> Path:
    """A file of an architecture with one tensor."""
    writer = gguf.GGUFWriter(path, architecture)
    _weights(writer, "mm.0", 8, 8)
    return _finish(writer, path)


def _writer(path: Path, architecture: str) -> gguf.GGUFWriter:
    writer = gguf.GGUFWriter(path, architecture)
    writer.add_context_length(CONTEXT)
    writer.add_embedding_length(WIDTH)
    writer.add_block_count(1)
    writer.add_feed_forward_length(HIDDEN)
    writer.add_head_count(4)
    return writer


def _weights(writer: gguf.GGUFWriter, name: str, *shape: int, kind: str = "weight") -> None:
    random = np.random.default_rng(len(name))
    writer.add_tensor(f"{name}.{kind}", (random.standard_normal(shape) * 0.3).astype(np.float32))


def _finish(writer: gguf.GGUFWriter, path: Path) -> Path:
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path
