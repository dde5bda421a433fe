"""A GGUF cut to its first layers and to the tokens that normalized text needs, without computing anything.

Tensors are copied as they are (quantized blocks of whole rows), one after another out of the mapped file, so that a
large model needs no memory. What only generation needs is left out: an output matrix of its own, the chat template.
The norm behind the last layer stays, because llama.cpp wants one; features are taken before it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from voicebox.errors import ModelError
from voicebox.llm.gguf_header import check_header
from voicebox.train.base.vocabulary import KINDS, kept_merges, kept_tokens
from voicebox.train.extra import need_gguf

__all__ = ["DECODERS", "add_strings", "cut_gguf", "replaced"]

DECODERS = ("llama", "qwen2", "qwen3", "gemma", "gemma2", "gemma3", "phi3", "smollm3", "granite")
"""Architectures that llama.cpp loads without an output matrix and whose layers' states it names `l_out`."""

_BLOCK = re.compile(r"blk\.(\d+)\.")
_TOKENS, _TYPES, _SCORES, _MERGES = (f"tokenizer.ggml.{key}" for key in ("tokens", "token_type", "scores", "merges"))
_DROPPED = re.compile(r"tokenizer\.chat_template.*|quantize\.imatrix\..*|general\.(tags|datasets|base_model\..*)")
_ROWS_AT_ONCE = 8192


@contextmanager
def replaced(target: Path) -> Iterator[Path]:
    """A temporary path beside `target`, which takes its place if all goes well and is removed if not."""
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f".{target.name}.part")
    try:
        yield temporary
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)


def cut_gguf(source: Path, target: Path, layers: int) -> None:
    """Write `target`: the first `layers` layers of `source` with the vocabulary of normalized text.

    Raises:
        ModelError: the source is missing, damaged, of an architecture that cannot be cut, without a tokenizer, or has
            fewer layers.
    """
    check_header(source)
    gguf = need_gguf()
    try:
        reader = gguf.GGUFReader(source)
    except (ValueError, KeyError, IndexError, OSError) as error:
        raise ModelError(f"{source} cannot be read as a GGUF file ({error})") from error
    plan = _Plan(source, reader, layers)
    with replaced(target) as temporary:
        writer = gguf.GGUFWriter(temporary, plan.architecture)
        try:
            plan.write_metadata(writer)
            for tensor in plan.tensors:
                writer.add_tensor_info(
                    tensor.name, plan.shape(tensor), tensor.data.dtype, plan.nbytes(tensor), tensor.tensor_type
                )
            writer.write_header_to_file()
            writer.write_kv_data_to_file()
            writer.write_ti_data_to_file()
            for tensor in plan.tensors:
                writer.write_tensor_data(plan.data(tensor))
        finally:
            writer.close()


def add_strings(source: Path, target: Path, strings: Mapping[str, str]) -> None:
    """Copy a GGUF with more metadata (or other values for its keys), tensors bit for bit."""
    gguf = need_gguf()
    reader = gguf.GGUFReader(source)
    with replaced(target) as temporary:
        writer = gguf.GGUFWriter(temporary, str(reader.fields["general.architecture"].contents()))
        try:
            for name, field in reader.fields.items():
                if not (name.startswith("GGUF.") or name == "general.architecture" or name in strings):
                    kind = field.types[0]
                    inner = field.types[-1] if kind == gguf.GGUFValueType.ARRAY else None
                    writer.add_key_value(name, field.contents(), kind, sub_type=inner)
            for name, text in strings.items():
                writer.add_string(name, text)
            for tensor in reader.tensors:
                data = tensor.data
                writer.add_tensor_info(tensor.name, data.shape, data.dtype, data.nbytes, tensor.tensor_type)
            writer.write_header_to_file()
            writer.write_kv_data_to_file()
            writer.write_ti_data_to_file()
            for tensor in reader.tensors:
                writer.write_tensor_data(tensor.data)
        finally:
            writer.close()


class _Plan:
    """What of a file is kept."""

    def __init__(self, source: Path, reader: Any, layers: int) -> None:
        self._source = source
        self._fields = reader.fields
        self.architecture = str(self._value("general.architecture"))
        if self.architecture not in DECODERS:
            raise ModelError(
                f"{source} is of architecture {self.architecture!r}, which cannot be cut",
                cure=f"Take one of {', '.join(DECODERS)}.",
            )
        self._blocks = int(self._value(f"{self.architecture}.block_count"))
        if not 1 <= layers <= self._blocks:
            raise ModelError(f"{source} has {self._blocks} layers, {layers} are asked for")
        self._layers = layers
        self._tokens: list[str] = list(self._value(_TOKENS))
        self._kept = self._choose_tokens()
        self.tensors = [tensor for tensor in reader.tensors if self._is_kept(tensor.name)]
        names = {tensor.name for tensor in self.tensors}
        needed = ["token_embd.weight", "output_norm.weight", *(f"blk.{i}.ffn_down.weight" for i in range(layers))]
        missing = [name for name in needed if name not in names]
        if missing:
            raise ModelError(f"{source} has no tensor {missing[0]}: it is not a whole {self.architecture} model")

    def _choose_tokens(self) -> NDArray[np.intp]:
        kind = str(self._value("tokenizer.ggml.model"))
        special = [int(field.contents()) for name, field in self._fields.items() if name.endswith("_token_id")]
        if kind not in KINDS:
            return np.arange(len(self._tokens))
        types = list(self._value(_TYPES))
        if len(types) != len(self._tokens):
            raise ModelError(f"{self._source} has {len(types)} token types for {len(self._tokens)} tokens")
        return kept_tokens(kind, self._tokens, types, special)

    def _value(self, key: str) -> Any:
        field = self._fields.get(key)
        if field is None:
            raise ModelError(f"{self._source} has no {key}: it cannot be cut")
        return field.contents()

    def _is_kept(self, name: str) -> bool:
        block = _BLOCK.match(name)
        return int(block[1]) < self._layers if block else name not in ("output.weight", "output.bias")

    def shape(self, tensor: Any) -> tuple[int, ...]:
        """Shape of a tensor's data as it is written: bytes, where it is quantized."""
        rows = len(self._kept) if tensor.name == "token_embd.weight" else tensor.data.shape[0]
        return (rows, *tensor.data.shape[1:])

    def nbytes(self, tensor: Any) -> int:
        """Size of a tensor's data as it is written."""
        return int(np.prod(self.shape(tensor))) * int(tensor.data.dtype.itemsize)

    def data(self, tensor: Any) -> NDArray[Any]:
        """A tensor's data as it is written."""
        if tensor.name != "token_embd.weight":
            return np.asarray(tensor.data)
        if tensor.data.shape[0] != len(self._tokens):
            raise ModelError(f"{self._source} has {tensor.data.shape[0]} embeddings for {len(self._tokens)} tokens")
        out = np.empty(self.shape(tensor), tensor.data.dtype)
        for start in range(0, len(out), _ROWS_AT_ONCE):
            out[start : start + _ROWS_AT_ONCE] = tensor.data[self._kept[start : start + _ROWS_AT_ONCE]]
        return out

    def write_metadata(self, writer: Any) -> None:
        """Copy the metadata, changed where layers or tokens are counted."""
        gguf = need_gguf()
        new_id = {int(old): new for new, old in enumerate(self._kept)}
        kept = [self._tokens[index] for index in self._kept]
        for name, field in self._fields.items():
            if name.startswith("GGUF.") or name == "general.architecture" or _DROPPED.fullmatch(name):
                continue
            kind = field.types[0]
            inner = field.types[-1] if kind == gguf.GGUFValueType.ARRAY else None
            value = field.contents()
            if name == f"{self.architecture}.block_count":
                value = self._layers
            elif name == f"{self.architecture}.vocab_size":
                value = len(kept)
            elif name == _TOKENS:
                value = kept
            elif name in (_TYPES, _SCORES):
                value = [value[index] for index in self._kept]
            elif name == _MERGES:
                value = kept_merges(value, kept)
            elif name.endswith("_token_id"):
                value = new_id.get(int(value))
                if value is None:
                    continue
            elif inner is not None and len(value) == self._blocks and name.startswith(f"{self.architecture}."):
                value = value[: self._layers]
            if inner is not None and not value:
                continue
            writer.add_key_value(name, value, kind, sub_type=inner)
