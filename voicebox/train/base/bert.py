"""A public BERT sentence encoder (safetensors, WordPiece vocabulary) as a GGUF for llama.cpp, with numpy alone.

Formats: https://github.com/huggingface/safetensors (a length, a JSON header, raw tensors); llama.cpp's names of BERT's
tensors. llama.cpp spells a piece that begins a word with ▁ before it, and one inside a word without WordPiece's ##.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from voicebox.errors import ModelError
from voicebox.train.base.surgery import replaced
from voicebox.train.extra import need_gguf

__all__ = ["bert_gguf", "is_bert_folder"]

_TABLES = {
    "embeddings.word_embeddings": "token_embd",
    "embeddings.position_embeddings": "position_embd",
    "embeddings.token_type_embeddings": "token_types",
    "embeddings.LayerNorm": "token_embd_norm",
}
_LAYER = {
    "attention.self.query": "attn_q",
    "attention.self.key": "attn_k",
    "attention.self.value": "attn_v",
    "attention.output.dense": "attn_output",
    "attention.output.LayerNorm": "attn_output_norm",
    "intermediate.dense": "ffn_up",
    "output.dense": "ffn_down",
    "output.LayerNorm": "layer_output_norm",
}
_CONTROL = {"[PAD]": "pad", "[UNK]": "unk", "[CLS]": "bos", "[SEP]": "sep", "[MASK]": "mask"}
_MEAN_POOLING = 1


def is_bert_folder(folder: Path) -> bool:
    """Whether a folder holds what `bert_gguf` reads."""
    return all((folder / name).is_file() for name in ("config.json", "model.safetensors", "vocab.txt"))


def bert_gguf(folder: Path, target: Path) -> None:
    """Write `target` (float16 matrices) from `config.json`, `model.safetensors` and `vocab.txt`.

    Raises:
        ModelError: a file is missing or damaged, or the model is no BERT of the common kind.
    """
    gguf = need_gguf()
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        vocabulary = (folder / "vocab.txt").read_text(encoding="utf-8").splitlines()
        tensors = _read_safetensors(folder / "model.safetensors")
        layers, width = int(config["num_hidden_layers"]), int(config["hidden_size"])
        numbers = {key: int(config[key]) for key in ("max_position_embeddings", "intermediate_size")}
        heads, eps, kinds = int(config["num_attention_heads"]), float(config["layer_norm_eps"]), config["hidden_act"]
    except OSError as error:
        raise ModelError(f"{folder} is no BERT model: {error.filename} cannot be read ({error.strerror})") from error
    except (ValueError, KeyError, TypeError) as error:
        raise ModelError(f"{folder} is no BERT model, or it is damaged ({error!r})") from error
    if config.get("model_type") != "bert" or kinds != "gelu":
        raise ModelError(f"{folder} is a {config.get('model_type')} model with {kinds}, not BERT with gelu")
    missing = [token for token in _CONTROL if token not in vocabulary]
    if missing or len(set(vocabulary)) != len(vocabulary):
        raise ModelError(f"{folder / 'vocab.txt'} {'lacks ' + missing[0] if missing else 'names a token twice'}")
    names = {f"{theirs}.{part}": f"{ours}.{part}" for theirs, ours in _TABLES.items() for part in ("weight", "bias")}
    for layer in range(layers):
        for theirs, ours in _LAYER.items():
            for part in ("weight", "bias"):
                names[f"encoder.layer.{layer}.{theirs}.{part}"] = f"blk.{layer}.{ours}.{part}"
    needed = [name for name in names if not (name.endswith("embeddings.bias"))]
    tensors = {name.removeprefix("bert."): value for name, value in tensors.items()}
    absent = [name for name in needed if name not in tensors]
    if absent:
        raise ModelError(f"{folder / 'model.safetensors'} has no tensor {absent[0]}")
    if tensors["embeddings.word_embeddings.weight"].shape != (len(vocabulary), width):
        raise ModelError(f"{folder}: the vocabulary and the word embeddings are of different sizes")
    with replaced(target) as temporary:
        writer = gguf.GGUFWriter(temporary, "bert")
        try:
            writer.add_name(folder.name)
            writer.add_context_length(numbers["max_position_embeddings"])
            writer.add_embedding_length(width)
            writer.add_block_count(layers)
            writer.add_feed_forward_length(numbers["intermediate_size"])
            writer.add_head_count(heads)
            writer.add_layer_norm_eps(eps)
            writer.add_causal_attention(False)
            writer.add_uint32("bert.pooling_type", _MEAN_POOLING)
            _add_tokenizer(writer, vocabulary, types=len(tensors["embeddings.token_type_embeddings.weight"]))
            for name in needed:
                value = tensors[name]
                is_matrix = value.ndim == 2 and not name.startswith(("embeddings.position", "embeddings.token_type"))
                writer.add_tensor(names[name], value.astype(np.float16 if is_matrix else np.float32))
            writer.write_header_to_file()
            writer.write_kv_data_to_file()
            writer.write_tensors_to_file()
        finally:
            writer.close()


def _add_tokenizer(writer: Any, vocabulary: list[str], *, types: int) -> None:
    gguf = need_gguf()

    def spelling(token: str) -> str:
        if token in _CONTROL or (token.startswith("[unused") and token.endswith("]")):
            return token
        return token[2:] if token.startswith("##") else "▁" + token

    control = [token in _CONTROL or token.startswith("[unused") for token in vocabulary]
    writer.add_token_type_count(types)
    writer.add_tokenizer_model("bert")
    writer.add_tokenizer_pre("default")
    writer.add_token_list([spelling(token) for token in vocabulary])
    writer.add_token_types([gguf.TokenType.CONTROL if c else gguf.TokenType.NORMAL for c in control])
    ids = {key: vocabulary.index(token) for token, key in _CONTROL.items()}
    writer.add_bos_token_id(ids["bos"])
    writer.add_sep_token_id(ids["sep"])
    writer.add_pad_token_id(ids["pad"])
    writer.add_unk_token_id(ids["unk"])
    writer.add_mask_token_id(ids["mask"])


def _read_safetensors(path: Path) -> dict[str, NDArray[np.float32]]:
    """All floating-point tensors; ValueError or KeyError where the file makes no sense."""
    data = np.memmap(path, np.uint8, mode="r")
    size = int.from_bytes(data[:8].tobytes(), "little")
    if not 2 <= size <= len(data) - 8:
        raise ValueError("the header is longer than the file")
    header = json.loads(data[8 : 8 + size].tobytes())
    kinds = {"F32": np.float32, "F16": np.float16}
    out = {}
    for name, entry in header.items():
        if name == "__metadata__" or entry["dtype"] not in kinds:
            continue
        begin, end = (8 + size + int(offset) for offset in entry["data_offsets"])
        if not 8 + size <= begin <= end <= len(data):
            raise ValueError(f"tensor {name} lies outside of the file")
        out[name] = data[begin:end].view(kinds[entry["dtype"]]).reshape(entry["shape"]).astype(np.float32)
    return out
