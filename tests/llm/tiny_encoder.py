"""Small intent encoders with random weights, and the same computation in numpy."""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import gguf
import numpy as np
from numpy.typing import NDArray

LABELS = ("timer.set", "lights.on", "oos")
TOKENS = (
    "[PAD]", "[UNK]", "[CLS]", "[SEP]", "▁set", "▁a", "▁time", "r", "▁turn", "▁on", "▁the", "▁light", "s", "▁for",
    "▁ten", "▁minute", "▁'", "▁s", "▁what",
)  # fmt: skip
WIDTH, HEADS, HIDDEN, LAYERS, CONTEXT = 32, 4, 64, 2, 32
TEMPERATURE, COMPLETE_TEMPERATURE, THRESHOLD = 1.5, 0.8, 0.4

Array = NDArray[np.float32]


def weights(seed: int = 0) -> dict[str, Array]:
    """The tensors by name, the head as `head`."""
    random = np.random.default_rng(seed)

    def some(*shape: int) -> Array:
        return (random.standard_normal(shape) * 0.3).astype(np.float32)

    out = {
        "token_embd.weight": some(len(TOKENS), WIDTH),
        "position_embd.weight": some(CONTEXT, WIDTH),
        "token_types.weight": some(2, WIDTH),
        "token_embd_norm.weight": 1 + some(WIDTH),
        "token_embd_norm.bias": some(WIDTH),
        "head": some(len(LABELS) + 1, WIDTH + 1).astype(np.float16).astype(np.float32),
    }
    for layer in range(LAYERS):
        block = f"blk.{layer}"
        for name in ("attn_q", "attn_k", "attn_v", "attn_output"):
            out[f"{block}.{name}.weight"], out[f"{block}.{name}.bias"] = some(WIDTH, WIDTH), some(WIDTH)
        out[f"{block}.ffn_up.weight"], out[f"{block}.ffn_up.bias"] = some(HIDDEN, WIDTH), some(HIDDEN)
        out[f"{block}.ffn_down.weight"], out[f"{block}.ffn_down.bias"] = some(WIDTH, HIDDEN), some(WIDTH)
        for name in ("attn_output_norm", "layer_output_norm"):
            out[f"{block}.{name}.weight"], out[f"{block}.{name}.bias"] = 1 + some(WIDTH), some(WIDTH)
    return out


def build(path: Path, *, metadata: Mapping[str, str | None] | None = None, seed: int = 0) -> Path:
    """Write an intent encoder; `metadata` overrides keys, None leaves one out."""
    tensors = weights(seed)
    head = tensors.pop("head")
    keys: dict[str, str | None] = {
        "voicebox.intent.version": "2",
        "voicebox.intent.labels": json.dumps(LABELS),
        "voicebox.intent.head": base64.b64encode(head.astype("<f2").tobytes()).decode(),
        "voicebox.intent.temperature": str(TEMPERATURE),
        "voicebox.intent.complete_temperature": str(COMPLETE_TEMPERATURE),
        "voicebox.intent.threshold": str(THRESHOLD),
        **(metadata or {}),
    }
    writer = gguf.GGUFWriter(path, "bert")
    writer.add_context_length(CONTEXT)
    writer.add_embedding_length(WIDTH)
    writer.add_block_count(LAYERS)
    writer.add_feed_forward_length(HIDDEN)
    writer.add_head_count(HEADS)
    writer.add_layer_norm_eps(1e-12)
    writer.add_causal_attention(False)
    writer.add_pooling_type(gguf.PoolingType.MEAN)
    writer.add_tokenizer_model("bert")
    writer.add_token_list(list(TOKENS))
    writer.add_token_types([gguf.TokenType.CONTROL] * 4 + [gguf.TokenType.NORMAL] * (len(TOKENS) - 4))
    writer.add_token_type_count(2)
    writer.add_bos_token_id(2)
    writer.add_sep_token_id(3)
    writer.add_pad_token_id(0)
    writer.add_unk_token_id(1)
    writer.add_mask_token_id(1)
    for key, value in keys.items():
        if value is not None:
            writer.add_string(key, value)
    for name, tensor in tensors.items():
        writer.add_tensor(name, tensor)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def logits(tokens: Sequence[int], seed: int = 0) -> Array:
    """What the encoder gives for token ids, shape (labels + 1,) (Devlin et al. 2019, with the mean over all tokens)."""
    w = weights(seed)
    x = w["token_embd.weight"][list(tokens)] + w["position_embd.weight"][: len(tokens)] + w["token_types.weight"][0]
    x = _norm(x, w, "token_embd_norm")
    for layer in range(LAYERS):
        block = f"blk.{layer}"
        q, k, v = (
            _linear(x, w, f"{block}.attn_{part}").reshape(len(tokens), HEADS, -1).transpose(1, 0, 2) for part in "qkv"
        )
        seen = q @ k.transpose(0, 2, 1) / math.sqrt(WIDTH // HEADS)
        seen = np.exp(seen - seen.max(axis=-1, keepdims=True))
        mixed = (seen / seen.sum(axis=-1, keepdims=True)) @ v
        mixed = mixed.transpose(1, 0, 2).reshape(len(tokens), WIDTH)
        x = _norm(x + _linear(mixed, w, f"{block}.attn_output"), w, f"{block}.attn_output_norm")
        up = _linear(x, w, f"{block}.ffn_up")
        up = 0.5 * up * (1 + np.tanh(math.sqrt(2 / math.pi) * (up + 0.044715 * up**3)))
        x = _norm(x + _linear(up, w, f"{block}.ffn_down"), w, f"{block}.layer_output_norm")
    return np.asarray(w["head"] @ np.append(x.mean(axis=0), 1.0), np.float32)


def _linear(x: Array, w: Mapping[str, Array], name: str) -> Array:
    return np.asarray(x @ w[f"{name}.weight"].T + w[f"{name}.bias"], np.float32)


def _norm(x: Array, w: Mapping[str, Array], name: str) -> Array:
    centred = x - x.mean(axis=-1, keepdims=True)
    scaled = centred / np.sqrt((centred**2).mean(axis=-1, keepdims=True) + 1e-12)
    return np.asarray(scaled * w[f"{name}.weight"] + w[f"{name}.bias"], np.float32)
