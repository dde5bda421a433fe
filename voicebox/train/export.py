"""The trained net as a GGUF that llama.cpp runs, and back again."""

# mypy: disable-error-code="misc,no-any-return,unused-ignore"

from __future__ import annotations

import base64
import ctypes
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from voicebox.errors import ModelError
from voicebox.llm.intent_text import ENCODER_VERSION, KEY_HEAD, KEY_LABELS, KEY_VERSION
from voicebox.train.encoder import Encoder, Shape
from voicebox.train.extra import need_gguf
from voicebox.train.net import IntentNet
from voicebox.train.wordpiece import CLS, PAD, SEP, SPECIALS, UNK

__all__ = ["Q8_0", "Trained", "quantize", "read_intent_gguf", "rewrite_metadata", "write_intent_gguf"]

Q8_0 = 7
"""llama.cpp's file type for 8-bit weights."""
_PREFIX = "voicebox.intent."
_WORD = "▁"
"""What llama.cpp puts before the first piece of a word."""


@dataclass(frozen=True, slots=True)
class Trained:
    """An intent model as it can be trained on: the net, its word pieces and labels."""

    net: IntentNet
    vocabulary: list[str]
    labels: list[str]


def write_intent_gguf(path: Path, trained: Trained, metadata: Mapping[str, str | float], *, name: str) -> None:
    """Write a float32 GGUF of version 2 (the contract is in `voicebox/llm/intent_text.py`).

    Args:
        path: the file to write.
        trained: the model.
        metadata: more keys, without the prefix `voicebox.intent.`; values are stored as strings.
        name: the model's name.
    """
    gguf = need_gguf()
    encoder, shape = trained.net.encoder, trained.net.encoder.shape
    writer = gguf.GGUFWriter(path, "bert")
    writer.add_name(name)
    writer.add_context_length(shape.context)
    writer.add_embedding_length(shape.width)
    writer.add_block_count(shape.layers)
    writer.add_feed_forward_length(shape.ff)
    writer.add_head_count(shape.heads)
    writer.add_layer_norm_eps(shape.norm_eps)
    writer.add_causal_attention(False)
    writer.add_pooling_type(gguf.PoolingType.MEAN)
    writer.add_file_type(gguf.LlamaFileType.ALL_F32)
    _write_vocabulary(gguf, writer, trained.vocabulary)
    own = {
        KEY_VERSION: ENCODER_VERSION,
        KEY_LABELS: json.dumps(trained.labels),
        KEY_HEAD: _pack(trained.net),
        **{_PREFIX + key: value for key, value in metadata.items()},
    }
    for key, value in own.items():
        writer.add_string(key, value if isinstance(value, str) else json.dumps(value))
    for tensor, values in encoder.state_dict().items():
        writer.add_tensor(tensor, np.ascontiguousarray(values.cpu().numpy().astype(np.float32)))
    _finish(writer)


def _finish(writer: Any) -> None:
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _write_vocabulary(gguf: Any, writer: Any, vocabulary: Sequence[str]) -> None:
    tokens, kinds = [], []
    for token in vocabulary:
        special = token in SPECIALS
        tokens.append(token if special else token[2:] if token.startswith("##") and len(token) > 2 else _WORD + token)
        kinds.append(gguf.TokenType.CONTROL if special and token != UNK else gguf.TokenType.NORMAL)
    kinds[vocabulary.index(UNK)] = gguf.TokenType.UNKNOWN
    writer.add_tokenizer_model("bert")
    writer.add_token_list(tokens)
    writer.add_token_types(kinds)
    writer.add_token_type_count(2)
    writer.add_bos_token_id(vocabulary.index(CLS))
    writer.add_sep_token_id(vocabulary.index(SEP))
    writer.add_pad_token_id(vocabulary.index(PAD))
    writer.add_unk_token_id(vocabulary.index(UNK))
    writer.add_mask_token_id(vocabulary.index(UNK))


def _pack(net: IntentNet) -> str:
    """The head's rows with their bias, as `KEY_HEAD` says."""
    rows = torch.cat((net.head.weight, net.head.bias.unsqueeze(1)), dim=1).detach().cpu().numpy()
    return base64.b64encode(rows.astype("<f2").tobytes()).decode("ascii")


def read_intent_gguf(path: Path) -> Trained:
    """Read an intent model of version 2 to train it further; quantized weights become float32.

    Raises:
        ModelError: the file is missing, damaged or no such model.
    """
    gguf = need_gguf()
    try:
        reader = gguf.GGUFReader(path)
        fields = {name: field.contents() for name, field in reader.fields.items() if not name.startswith("GGUF.")}
        tensors = {t.name: gguf.quants.dequantize(t.data, t.tensor_type) for t in reader.tensors}
    except FileNotFoundError as error:
        raise ModelError(f"The model file {path} does not exist") from error
    except Exception as error:  # the reader raises whatever its numpy views run into
        raise ModelError(f"The model file {path} cannot be read ({error})", cure=_CURE) from error
    if fields.get("general.architecture") != "bert" or fields.get(KEY_VERSION) != ENCODER_VERSION:
        raise ModelError(f"{path} is no intent model that can be trained further", cure=_CURE)
    try:
        return _trained(fields, tensors)
    except (KeyError, ValueError, RuntimeError) as error:
        raise ModelError(f"The intent model {path} is damaged ({error})", cure=_CURE) from error


_CURE = "Use the intent model that ships with voicebox, or one that voicebox train intent made."


def _trained(fields: Mapping[str, Any], tensors: Mapping[str, Any]) -> Trained:
    tokens: list[str] = fields["tokenizer.ggml.tokens"]
    vocabulary = [
        token if token in SPECIALS else token[1:] if token.startswith(_WORD) else f"##{token}" for token in tokens
    ]
    shape = Shape(
        vocab=len(vocabulary),
        width=fields["bert.embedding_length"],
        layers=fields["bert.block_count"],
        heads=fields["bert.attention.head_count"],
        ff=fields["bert.feed_forward_length"],
        context=fields["bert.context_length"],
        norm_eps=fields["bert.attention.layer_norm_epsilon"],
    )
    encoder = Encoder(shape)
    state = encoder.state_dict()
    encoder.load_state_dict({name: torch.tensor(np.array(tensors[name], np.float32)) for name in state})
    labels = json.loads(fields[KEY_LABELS])
    net = IntentNet(encoder, len(labels))
    rows = np.frombuffer(base64.b64decode(fields[KEY_HEAD]), "<f2").astype(np.float32)
    rows = rows.reshape(len(labels) + 1, shape.width + 1)
    with torch.no_grad():
        net.head.weight.copy_(torch.from_numpy(rows[:, :-1].copy()))
        net.head.bias.copy_(torch.from_numpy(rows[:, -1].copy()))
    return Trained(net.eval(), vocabulary, labels)


def quantize(source: Path, target: Path, file_type: int = Q8_0) -> None:
    """Quantize a GGUF with llama.cpp itself, on one thread.

    Raises:
        ModelError: llama.cpp refused.
    """
    import llama_cpp.llama_cpp as c

    params = c.llama_model_quantize_default_params()
    params.ftype = file_type
    params.nthread = 1
    if c.llama_model_quantize(str(source).encode(), str(target).encode(), ctypes.byref(params)):
        raise ModelError(f"llama.cpp could not quantize {source}")


def rewrite_metadata(source: Path, target: Path, metadata: Mapping[str, str | float]) -> None:
    """Copy a GGUF, tensors bit for bit, with other `voicebox.intent.*` values; `target` appears whole or not at all."""
    gguf = need_gguf()
    reader = gguf.GGUFReader(source)
    temporary = target.with_name(target.name + ".tmp")
    writer = gguf.GGUFWriter(temporary, reader.fields["general.architecture"].contents())
    changed = {_PREFIX + key for key in metadata}
    for field in reader.fields.values():
        if field.name.startswith("GGUF.") or field.name == "general.architecture" or field.name in changed:
            continue
        kind = field.types[0]
        sub = field.types[-1] if kind == gguf.GGUFValueType.ARRAY else None
        writer.add_key_value(field.name, field.contents(), kind, sub)
    for key, value in metadata.items():
        writer.add_string(_PREFIX + key, value if isinstance(value, str) else json.dumps(value))
    for tensor in reader.tensors:
        writer.add_tensor(tensor.name, tensor.data, raw_dtype=tensor.tensor_type)
    _finish(writer)
    temporary.replace(target)
