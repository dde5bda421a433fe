"""Write the trained model as a GGUF that llama.cpp runs, and quantize it."""

from __future__ import annotations

import ctypes
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import gguf
import numpy as np
import torch
from tokenizers import Tokenizer

from scripts.train.model import IntentNet
from scripts.train.tokenizer import merges_of
from voicebox.llm.intent_text import BOS, END

__all__ = ["Q8_0", "quantize", "rewrite_metadata", "write_gguf"]

Q8_0 = 7
"""llama.cpp's file type for 8-bit weights."""


def write_gguf(
    path: Path, net: IntentNet, tokenizer: Tokenizer, specials: Sequence[str], metadata: Mapping[str, str | float]
) -> None:
    """Write weights (float32), vocabulary and `voicebox.intent.*` metadata.

    Args:
        path: the file to write.
        net: the model; its two-part embeddings are folded into one matrix.
        tokenizer: byte-level BPE whose ids are the rows of the embedding.
        specials: tokens that text can never produce; they become CONTROL tokens.
        metadata: keys without the prefix `voicebox.intent.`; values are stored as strings.
    """
    shape = net.shape
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_name("voicebox intent")
    writer.add_license("apache-2.0")
    writer.add_context_length(shape.context)
    writer.add_embedding_length(shape.width)
    writer.add_block_count(shape.layers)
    writer.add_feed_forward_length(shape.ff)
    writer.add_head_count(shape.heads)
    writer.add_head_count_kv(shape.heads)
    writer.add_rope_dimension_count(shape.head_dim)
    writer.add_rope_freq_base(shape.rope_base)
    writer.add_layer_norm_rms_eps(shape.norm_eps)
    writer.add_vocab_size(shape.vocab)
    writer.add_file_type(gguf.LlamaFileType.ALL_F32)
    _write_vocabulary(writer, tokenizer, specials)
    for key, value in metadata.items():
        writer.add_string(f"voicebox.intent.{key}", value if isinstance(value, str) else json.dumps(value))
    for name, tensor in _tensors(net).items():
        writer.add_tensor(name, np.ascontiguousarray(tensor.detach().numpy().astype(np.float32)))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _write_vocabulary(writer: gguf.GGUFWriter, tokenizer: Tokenizer, specials: Sequence[str]) -> None:
    vocab = tokenizer.get_vocab()
    tokens = sorted(vocab, key=lambda token: vocab[token])
    control = set(specials)
    kinds = [gguf.TokenType.CONTROL if token in control else gguf.TokenType.NORMAL for token in tokens]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list(tokens)
    writer.add_token_types(kinds)
    writer.add_token_merges(merges_of(tokenizer))
    writer.add_bos_token_id(vocab[BOS])
    writer.add_eos_token_id(vocab[END])
    writer.add_add_bos_token(False)
    writer.add_add_eos_token(False)
    writer.add_add_space_prefix(False)


def _tensors(net: IntentNet) -> dict[str, torch.Tensor]:
    with torch.no_grad():
        out = {
            "token_embd.weight": net.embed(torch.arange(net.shape.vocab)),
            "output_norm.weight": net.norm.weight,
        }
        for index, layer in enumerate(net.layers):
            q, k, v = layer.qkv.weight.chunk(3)
            gate, up = layer.gate_up.weight.chunk(2)
            block = {
                "attn_norm": layer.attn_norm.weight,
                "attn_q": q,
                "attn_k": k,
                "attn_v": v,
                "attn_output": layer.out.weight,
                "ffn_norm": layer.ffn_norm.weight,
                "ffn_gate": gate,
                "ffn_up": up,
                "ffn_down": layer.down.weight,
            }
            out.update({f"blk.{index}.{name}.weight": tensor for name, tensor in block.items()})
    return out


def quantize(source: Path, target: Path, file_type: int = Q8_0) -> None:
    """Quantize a GGUF with llama.cpp itself, on one thread.

    Raises:
        RuntimeError: llama.cpp refused.
    """
    import llama_cpp

    params = llama_cpp.llama_model_quantize_default_params()
    params.ftype = file_type
    params.nthread = 1
    if llama_cpp.llama_model_quantize(str(source).encode(), str(target).encode(), ctypes.byref(params)):
        raise RuntimeError(f"llama.cpp could not quantize {source}")


def rewrite_metadata(source: Path, target: Path, metadata: Mapping[str, str | float]) -> None:
    """Copy a GGUF, tensors bit for bit, with other `voicebox.intent.*` values."""
    reader = gguf.GGUFReader(source)
    writer = gguf.GGUFWriter(target, "llama")
    changed = {f"voicebox.intent.{key}" for key in metadata}
    for field in reader.fields.values():
        if field.name.startswith("GGUF.") or field.name == "general.architecture" or field.name in changed:
            continue
        kind = field.types[0]
        sub = field.types[-1] if kind == gguf.GGUFValueType.ARRAY else None
        writer.add_key_value(field.name, field.contents(), kind, sub)
    for key, value in metadata.items():
        writer.add_string(f"voicebox.intent.{key}", value if isinstance(value, str) else json.dumps(value))
    for tensor in reader.tensors:
        writer.add_tensor(tensor.name, tensor.data, raw_dtype=tensor.tensor_type)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
