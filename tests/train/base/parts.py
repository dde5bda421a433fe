"""Rows that a regression can tell apart, and small bases."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import numpy as np

from tests.llm import tiny_arch, tiny_encoder, tiny_gguf
from voicebox.train.rows import Row

WORDS = {"timer.set": "timer", "lights.on": "lights", "oos": "zebra"}
FRAMES = ("set {}", "the {}", "{} on", "a {} in it", "{} please", "on the {}", "me {}", "line {}", "{} {}", "{}")


def rows() -> list[Row]:
    """Ten rows of three labels; the last two of each only measure."""
    return [
        Row(frame.format(*[f"{word} {word} {word}"] * 2), label, split="train" if n < 8 else "val")
        for label, word in WORDS.items()
        for n, frame in enumerate(FRAMES)
    ]


def llama(path: Path) -> Path:
    return tiny_gguf.build(path)


def qwen(path: Path) -> Path:
    return tiny_arch.build(path, "qwen2", seed=1)


HF = {
    "token_embd": "embeddings.word_embeddings",
    "position_embd": "embeddings.position_embeddings",
    "token_types": "embeddings.token_type_embeddings",
    "token_embd_norm": "embeddings.LayerNorm",
    "attn_q": "attention.self.query",
    "attn_k": "attention.self.key",
    "attn_v": "attention.self.value",
    "attn_output": "attention.output.dense",
    "attn_output_norm": "attention.output.LayerNorm",
    "ffn_up": "intermediate.dense",
    "ffn_down": "output.dense",
    "layer_output_norm": "output.LayerNorm",
}
VOCABULARY = [
    token if token.startswith("[") else token[1:] if token.startswith("▁") else f"##{token}"
    for token in (*tiny_encoder.TOKENS, "[MASK]")
]


def bert_folder(folder: Path, **changes: object) -> Path:
    """The weights of `tiny_encoder` as they are published; `changes` are made to config.json."""
    folder.mkdir(parents=True)
    config = {
        "model_type": "bert",
        "hidden_act": "gelu",
        "num_hidden_layers": tiny_encoder.LAYERS,
        "hidden_size": tiny_encoder.WIDTH,
        "max_position_embeddings": tiny_encoder.CONTEXT,
        "intermediate_size": tiny_encoder.HIDDEN,
        "num_attention_heads": tiny_encoder.HEADS,
        "layer_norm_eps": 1e-12,
        **changes,
    }
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "vocab.txt").write_text("\n".join(VOCABULARY) + "\n", encoding="utf-8")
    tensors = {}
    for name, value in tiny_encoder.weights().items():
        if name == "head":
            continue
        if name == "token_embd.weight":
            value = np.concatenate((value, np.zeros((1, value.shape[1]), np.float32)))
        *block, module, part = name.split(".")
        layer = f"encoder.layer.{block[1]}." if block else ""
        tensors[f"{layer}{HF[module]}.{part}"] = value
    header, data = {}, b""
    for name, value in tensors.items():
        raw = value.astype("<f4").tobytes()
        header[name] = {"dtype": "F32", "shape": list(value.shape), "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    text = json.dumps(header).encode()
    (folder / "model.safetensors").write_bytes(struct.pack("<Q", len(text)) + text + data)
    return folder
