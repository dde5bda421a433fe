"""Small GGUF files with random weights: real Llama models for llama.cpp, for tests of the engines around them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import gguf
import numpy as np

CHATML = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{{ message['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
MERGES = ("t h", "th e", "Ġ t", "Ġ a", "i n", "Ġt h", "l i", "m e", "Ġ s", "o n")
ENDS = ("<|endoftext|>", "<|im_end|>")
WIDTH, HEADS, KV_HEADS, HIDDEN, LAYERS = 32, 4, 2, 64, 2


def byte_alphabet() -> list[str]:
    """The 256 printable stand-ins for bytes that byte-level BPE uses, in byte order (Radford et al. 2019)."""
    printable = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    spare = iter(range(256, 512))
    return [chr(byte) if byte in printable else chr(next(spare)) for byte in range(256)]


def build(
    path: Path,
    *,
    control: Sequence[str] = ("<|endoftext|>", "<|im_start|>", "<|im_end|>"),
    eos: str | None = "<|im_end|>",
    chat_template: str | None = CHATML,
    metadata: Mapping[str, str] | None = None,
    context: int = 512,
    seed: int = 0,
) -> Path:
    """Write a Llama model of about 30,000 random weights with a byte-level BPE vocabulary."""
    tokens = [*byte_alphabet(), *(merge.replace(" ", "") for merge in MERGES), *control]
    first_control = len(tokens) - len(control)
    types = [gguf.TokenType.NORMAL] * first_control + [gguf.TokenType.CONTROL] * len(control)
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_context_length(context)
    writer.add_embedding_length(WIDTH)
    writer.add_block_count(LAYERS)
    writer.add_feed_forward_length(HIDDEN)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(KV_HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_dimension_count(WIDTH // HEADS)
    writer.add_vocab_size(len(tokens))
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list(tokens)
    writer.add_token_types(types)
    writer.add_token_merges(list(MERGES))
    writer.add_add_bos_token(False)
    writer.add_add_space_prefix(False)
    if eos is not None:
        writer.add_eos_token_id(tokens.index(eos))
    if chat_template is not None:
        writer.add_chat_template(chat_template)
    for key, value in (metadata or {}).items():
        writer.add_string(key, value)
    random = np.random.default_rng(seed)

    def add(name: str, *shape: int) -> None:
        writer.add_tensor(name, (random.standard_normal(shape) * 0.3).astype(np.float32))

    embeddings = (random.standard_normal((len(tokens), WIDTH)) * 0.3).astype(np.float32)
    # Embeddings are tied, so a zero row is never the likeliest token: no reply ends by itself.
    embeddings[[tokens.index(name) for name in ENDS if name in tokens]] = 0
    writer.add_tensor("token_embd.weight", embeddings)
    writer.add_tensor("output_norm.weight", np.ones(WIDTH, np.float32))
    for layer in range(LAYERS):
        block = f"blk.{layer}"
        key_width = WIDTH // HEADS * KV_HEADS
        for name in ("attn_norm", "ffn_norm"):
            writer.add_tensor(f"{block}.{name}.weight", np.ones(WIDTH, np.float32))
        add(f"{block}.attn_q.weight", WIDTH, WIDTH)
        add(f"{block}.attn_k.weight", key_width, WIDTH)
        add(f"{block}.attn_v.weight", key_width, WIDTH)
        add(f"{block}.attn_output.weight", WIDTH, WIDTH)
        add(f"{block}.ffn_gate.weight", HIDDEN, WIDTH)
        add(f"{block}.ffn_up.weight", HIDDEN, WIDTH)
        add(f"{block}.ffn_down.weight", WIDTH, HIDDEN)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path
