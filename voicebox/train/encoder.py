"""BERT in PyTorch: the public sentence encoder that teaches, and the small one that is trained and shipped."""

# Without torch its classes have no type; the code is checked either way.
# mypy: disable-error-code="misc,no-any-return,unused-ignore"

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from voicebox.errors import ModelError

__all__ = ["Encoder", "Shape", "read_encoder"]


@dataclass(frozen=True, slots=True)
class Shape:
    """Sizes of an encoder; `tanh_gelu` is how llama.cpp computes the activation."""

    vocab: int
    width: int = 384
    layers: int = 3
    heads: int = 12
    ff: int = 1536
    context: int = 128
    norm_eps: float = 1e-12
    tanh_gelu: bool = True


class _Layer(nn.Module):
    def __init__(self, shape: Shape, dropout: float) -> None:
        super().__init__()
        width = shape.width
        self.heads = shape.heads
        self.gelu = "tanh" if shape.tanh_gelu else "none"
        self.attn_q, self.attn_k, self.attn_v = (nn.Linear(width, width) for _ in range(3))
        self.attn_output = nn.Linear(width, width)
        self.attn_output_norm = nn.LayerNorm(width, eps=shape.norm_eps)
        self.ffn_up = nn.Linear(width, shape.ff)
        self.ffn_down = nn.Linear(shape.ff, width)
        self.layer_output_norm = nn.LayerNorm(width, eps=shape.norm_eps)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, seen: Tensor) -> Tensor:
        """x (batch, time, width); seen (batch, 1, 1, time), true where a token is no padding."""
        q, k, v = (
            part(x).unflatten(-1, (self.heads, -1)).transpose(1, 2) for part in (self.attn_q, self.attn_k, self.attn_v)
        )
        mixed = F.scaled_dot_product_attention(q, k, v, attn_mask=seen).transpose(1, 2).flatten(-2)
        x = self.attn_output_norm(x + self.dropout(self.attn_output(mixed)))
        hidden = F.gelu(self.ffn_up(x), approximate=self.gelu)
        return self.layer_output_norm(x + self.dropout(self.ffn_down(hidden)))


class Encoder(nn.Module):
    """BERT without a head; the submodules have the names of a GGUF's tensors.

    Args:
        shape: the sizes.
        dropout: of residual branches, in training.
        token_dropout: of whole token embeddings, in training.
    """

    def __init__(self, shape: Shape, *, dropout: float = 0.1, token_dropout: float = 0.1) -> None:
        super().__init__()
        self.shape = shape
        self.token_dropout = token_dropout
        self.token_embd = nn.Embedding(shape.vocab, shape.width)
        self.position_embd = nn.Embedding(shape.context, shape.width)
        self.token_types = nn.Embedding(2, shape.width)
        self.token_embd_norm = nn.LayerNorm(shape.width, eps=shape.norm_eps)
        self.blk = nn.ModuleList(_Layer(shape, dropout) for _ in range(shape.layers))
        for module in self.modules():
            if isinstance(module, nn.Linear | nn.Embedding):
                nn.init.normal_(module.weight, std=0.04)

    def forward(self, tokens: Tensor, mask: Tensor) -> Tensor:
        """Mean over the tokens of the last layer.

        Args:
            tokens: (batch, time) int64.
            mask: (batch, time) bool, true where a token is no padding.

        Returns:
            (batch, width).
        """
        x = self.token_embd(tokens)
        if self.training and self.token_dropout:
            x = x * (torch.rand(tokens.shape, device=x.device) >= self.token_dropout).unsqueeze(-1)
        x = x + self.position_embd.weight[: tokens.shape[1]] + self.token_types.weight[0]
        x = self.token_embd_norm(x)
        for layer in self.blk:
            x = layer(x, mask[:, None, None, :])
        kept = mask.unsqueeze(-1).to(x.dtype)
        return (x * kept).sum(dim=1) / kept.sum(dim=1)

    def cut(self, layers: int, tokens: Sequence[int], *, context: int = 128, tanh_gelu: bool = True) -> Encoder:
        """A new encoder with the first layers and some tokens of this one."""
        shape = replace(
            self.shape,
            layers=layers,
            vocab=len(tokens),
            context=min(context, self.shape.context),
            tanh_gelu=tanh_gelu,
        )
        small = Encoder(shape)
        state = {name: value for name, value in self.state_dict().items() if name in small.state_dict()}
        state["token_embd.weight"] = state["token_embd.weight"][list(tokens)]
        state["position_embd.weight"] = state["position_embd.weight"][: shape.context]
        small.load_state_dict(state)
        return small


_HF_NAMES = {
    "embeddings.word_embeddings": "token_embd",
    "embeddings.position_embeddings": "position_embd",
    "embeddings.token_type_embeddings": "token_types",
    "embeddings.LayerNorm": "token_embd_norm",
    "attention.self.query": "attn_q",
    "attention.self.key": "attn_k",
    "attention.self.value": "attn_v",
    "attention.output.dense": "attn_output",
    "attention.output.LayerNorm": "attn_output_norm",
    "intermediate.dense": "ffn_up",
    "output.dense": "ffn_down",
    "output.LayerNorm": "layer_output_norm",
}
"""Hugging Face's names of BERT's modules → ours."""


def read_encoder(folder: Path) -> tuple[Encoder, list[str]]:
    """Read a public BERT: `config.json`, `model.safetensors` (float32), `vocab.txt`.

    Returns:
        The encoder in evaluation mode, and its vocabulary.

    Raises:
        ModelError: a file is missing or damaged, or the model is no BERT.
    """
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        vocabulary = (folder / "vocab.txt").read_text(encoding="utf-8").splitlines()
        if config.get("model_type") != "bert":
            raise ModelError(f"{folder} holds a {config.get('model_type')} model", cure=_CURE)
        shape = Shape(
            vocab=config["vocab_size"],
            width=config["hidden_size"],
            layers=config["num_hidden_layers"],
            heads=config["num_attention_heads"],
            ff=config["intermediate_size"],
            context=config["max_position_embeddings"],
            norm_eps=config["layer_norm_eps"],
            tanh_gelu=False,
        )
        tensors = _read_safetensors(folder / "model.safetensors")
        encoder = Encoder(shape)
        encoder.load_state_dict({name: tensors[_hf_name(name)] for name in encoder.state_dict()})
    except OSError as error:
        raise ModelError(f"The encoder in {folder} lacks {Path(error.filename or '').name}", cure=_CURE) from error
    except (KeyError, ValueError, RuntimeError) as error:
        raise ModelError(f"The encoder in {folder} cannot be read ({error})", cure=_CURE) from error
    return encoder.eval(), vocabulary


_CURE = "Give the folder of a BERT sentence encoder, e.g. all-MiniLM-L6-v2 (voicebox models pull minilm)."


def _hf_name(name: str) -> str:
    """ "blk.0.attn_q.weight" → "encoder.layer.0.attention.self.query.weight"."""
    reverse = {ours: theirs for theirs, ours in _HF_NAMES.items()}
    parts = name.split(".")
    if parts[0] == "blk":
        return ".".join(("encoder.layer", parts[1], reverse[parts[2]], parts[3]))
    return f"{reverse[parts[0]]}.{parts[1]}"


def _read_safetensors(path: Path) -> dict[str, Tensor]:
    raw = path.read_bytes()
    size = int.from_bytes(raw[:8], "little")
    header = json.loads(raw[8 : 8 + size])
    out = {}
    for name, entry in header.items():
        if name != "__metadata__" and entry["dtype"] == "F32":
            start, end = (8 + size + offset for offset in entry["data_offsets"])
            values = np.frombuffer(raw[start:end], np.float32).reshape(entry["shape"])
            out[name.removeprefix("bert.")] = torch.from_numpy(values.copy())
    return out
