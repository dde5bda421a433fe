"""Small GGUF files with random weights of the architectures that instruct models come in, for llama.cpp to run.

Tensor names and keys are those of https://github.com/ggml-org/llama.cpp/blob/master/gguf-py/gguf/constants.py. The
vocabularies are as the families have them: byte-level BPE for Qwen, SentencePiece with bytes for Gemma and Phi.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import gguf
import numpy as np

from tests.llm import tiny_gguf

WIDTH, HEADS, KV_HEADS, HEAD, HIDDEN, LAYERS, WINDOW = 32, 4, 2, 8, 64, 2, 24
"""Layers that look only so far back (`WINDOW`) are among those of Gemma and Phi: prompts of tests are longer."""

GEMMA = (
    "{{ bos_token }}{% if messages[0]['role'] == 'system' %}{{ raise_exception('no system role') }}{% endif %}"
    "{% for message in messages %}"
    "{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}"
    "{{ raise_exception('roles must alternate') }}{% endif %}"
    "<start_of_turn>{{ 'model' if message['role'] == 'assistant' else message['role'] }}\n"
    "{{ message['content'] | trim }}<end_of_turn>\n{% endfor %}"
    "{% if add_generation_prompt %}<start_of_turn>model\n{% endif %}"
)
PHI = (
    "{% for message in messages %}<|{{ message['role'] }}|>\n{{ message['content'] }}<|end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>\n{% endif %}"
)
QWEN = "{% if messages[0]['role'] != 'system' %}<|im_start|>system\nHelp.<|im_end|>\n{% endif %}" + tiny_gguf.CHATML


@dataclass(frozen=True)
class Family:
    """How a family of models talks: its template, its control tokens and the one that ends a turn."""

    template: str
    control: tuple[str, ...]
    end: str
    sentencepiece: bool


_GEMMA = Family(GEMMA, ("<pad>", "<eos>", "<bos>", "<start_of_turn>", "<end_of_turn>"), "<end_of_turn>", True)
_PHI = Family(PHI, ("<s>", "<|endoftext|>", "<|system|>", "<|user|>", "<|assistant|>", "<|end|>"), "<|end|>", True)
_QWEN = Family(QWEN, ("<|endoftext|>", "<|im_start|>", "<|im_end|>"), "<|im_end|>", False)
FAMILIES = {"gemma2": _GEMMA, "gemma3": _GEMMA, "phi3": _PHI, "qwen2": _QWEN, "qwen3": _QWEN}


def build(path: Path, architecture: str, *, context: int = 1024, seed: int = 0) -> Path:
    """Write a model of the architecture with about 40,000 random weights."""
    family = FAMILIES[architecture]
    writer = gguf.GGUFWriter(path, architecture)
    writer.add_context_length(context)
    writer.add_embedding_length(WIDTH)
    writer.add_block_count(LAYERS)
    writer.add_feed_forward_length(HIDDEN)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(KV_HEADS)
    writer.add_key_length(HEAD)
    writer.add_value_length(HEAD)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_dimension_count(HEAD)
    if family is not _QWEN:
        writer.add_sliding_window(WINDOW)
    if architecture == "gemma2":
        writer.add_attn_logit_softcapping(50.0)
        writer.add_final_logit_softcapping(30.0)
    tokens = _sentencepiece(writer, family) if family.sentencepiece else _byte_level(writer, family)
    writer.add_vocab_size(len(tokens))
    writer.add_eos_token_id(tokens.index(family.end))
    writer.add_chat_template(family.template)
    random = np.random.default_rng(seed)

    def add(name: str, *shape: int) -> None:
        writer.add_tensor(f"{name}.weight", (random.standard_normal(shape) * 0.3).astype(np.float32))

    def ones(name: str, size: int) -> None:
        writer.add_tensor(f"{name}.weight", np.ones(size, np.float32))

    embeddings = (random.standard_normal((len(tokens), WIDTH)) * 0.3).astype(np.float32)
    # Embeddings are tied, so a zero row is never the likeliest token: no reply ends by itself.
    embeddings[[tokens.index(name) for name in family.control]] = 0
    writer.add_tensor("token_embd.weight", embeddings)
    ones("output_norm", WIDTH)
    for layer in range(LAYERS):
        _block(f"blk.{layer}", architecture, add, ones, lambda name, size: _bias(writer, random, name, size))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def _block(
    block: str,
    architecture: str,
    add: Callable[..., None],
    ones: Callable[[str, int], None],
    bias: Callable[[str, int], None],
) -> None:
    ones(f"{block}.attn_norm", WIDTH)
    ones(f"{block}.ffn_norm", WIDTH)
    add(f"{block}.attn_output", WIDTH, HEADS * HEAD)
    add(f"{block}.ffn_down", WIDTH, HIDDEN)
    if architecture == "phi3":
        add(f"{block}.attn_qkv", (HEADS + 2 * KV_HEADS) * HEAD, WIDTH)
        add(f"{block}.ffn_up", 2 * HIDDEN, WIDTH)
        return
    for name, heads in (("attn_q", HEADS), ("attn_k", KV_HEADS), ("attn_v", KV_HEADS)):
        add(f"{block}.{name}", heads * HEAD, WIDTH)
        if architecture == "qwen2":
            bias(f"{block}.{name}", heads * HEAD)
    add(f"{block}.ffn_gate", HIDDEN, WIDTH)
    add(f"{block}.ffn_up", HIDDEN, WIDTH)
    if architecture in ("gemma2", "gemma3"):
        ones(f"{block}.post_attention_norm", WIDTH)
        ones(f"{block}.post_ffw_norm", WIDTH)
    if architecture in ("gemma3", "qwen3"):
        ones(f"{block}.attn_q_norm", HEAD)
        ones(f"{block}.attn_k_norm", HEAD)


def _bias(writer: gguf.GGUFWriter, random: np.random.Generator, name: str, size: int) -> None:
    writer.add_tensor(f"{name}.bias", (random.standard_normal(size) * 0.1).astype(np.float32))


def _byte_level(writer: gguf.GGUFWriter, family: Family) -> list[str]:
    tokens = [*tiny_gguf.byte_alphabet(), *(merge.replace(" ", "") for merge in tiny_gguf.MERGES), *family.control]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("qwen2")
    writer.add_token_list(tokens)
    normal = len(tokens) - len(family.control)
    writer.add_token_types([gguf.TokenType.NORMAL] * normal + [gguf.TokenType.CONTROL] * len(family.control))
    writer.add_token_merges(list(tiny_gguf.MERGES))
    writer.add_add_bos_token(False)
    return tokens


def _sentencepiece(writer: gguf.GGUFWriter, family: Family) -> list[str]:
    letters = [chr(code) for code in range(ord("!"), ord("~") + 1)]
    pieces = ["▁", "\n", *letters, "th", "the", "▁t", "▁a", "in", "▁th", "▁the", "▁s", "on", "er"]
    raw = [f"<0x{byte:02X}>" for byte in range(256)]
    tokens = [*family.control, "<unk>", *raw, *pieces]
    kind = gguf.TokenType
    writer.add_tokenizer_model("llama")
    writer.add_tokenizer_pre("default")
    writer.add_token_list(tokens)
    writer.add_token_scores([0.0] * (len(tokens) - len(pieces)) + [-float(n) for n in range(len(pieces), 0, -1)])
    writer.add_token_types(
        [kind.CONTROL] * len(family.control) + [kind.UNKNOWN] + [kind.BYTE] * len(raw) + [kind.NORMAL] * len(pieces)
    )
    writer.add_bos_token_id(tokens.index("<bos>" if "<bos>" in tokens else "<s>"))
    writer.add_unk_token_id(tokens.index("<unk>"))
    writer.add_add_bos_token(True)
    writer.add_add_space_prefix(False)
    return tokens
