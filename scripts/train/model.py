"""The intent model in PyTorch: a small Llama whose weights llama.cpp can run.

Every text costs one pass, however many of its prefixes are scored: the `<ask>` tokens of all prefixes stand behind the
text, and each sees only its own prefix (tree attention, as in speculative decoding).
"""

# Without torch its classes have no type; the trainer is checked either way.
# mypy: disable-error-code="misc"

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

__all__ = ["IntentNet", "Shape"]


@dataclass(frozen=True)
class Shape:
    """Sizes of the model. `width` is a multiple of 256, so that every llama.cpp quantization can hold it."""

    vocab: int
    width: int = 256
    layers: int = 3
    heads: int = 4
    ff: int = 768
    context: int = 256
    rope_base: float = 10_000.0
    norm_eps: float = 1e-5

    @property
    def head_dim(self) -> int:
        """Width of one attention head."""
        return self.width // self.heads


def _rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Rotary embedding over interleaved pairs, as llama.cpp's Llama does it. x: (batch, heads, time, head_dim)."""
    even, odd = x[..., 0::2], x[..., 1::2]
    return torch.stack((even * cos - odd * sin, even * sin + odd * cos), dim=-1).flatten(-2)


class _Layer(nn.Module):
    def __init__(self, shape: Shape, dropout: float) -> None:
        super().__init__()
        self.shape = shape
        self.attn_norm = nn.RMSNorm(shape.width, eps=shape.norm_eps)
        self.ffn_norm = nn.RMSNorm(shape.width, eps=shape.norm_eps)
        self.qkv = nn.Linear(shape.width, 3 * shape.width, bias=False)
        self.out = nn.Linear(shape.width, shape.width, bias=False)
        self.gate_up = nn.Linear(shape.width, 2 * shape.ff, bias=False)
        self.down = nn.Linear(shape.ff, shape.width, bias=False)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor, mask: Tensor) -> Tensor:
        """x (batch, time, width); cos, sin (batch, 1, time, head_dim / 2); mask (batch, 1, time, time), true = seen."""
        batch, time, width = x.shape
        q, k, v = (
            part.view(batch, time, self.shape.heads, self.shape.head_dim).transpose(1, 2)
            for part in self.qkv(self.attn_norm(x)).chunk(3, dim=-1)
        )
        seen = F.scaled_dot_product_attention(_rotate(q, cos, sin), _rotate(k, cos, sin), v, attn_mask=mask)
        x = x + self.dropout(self.out(seen.transpose(1, 2).reshape(batch, time, width)))
        gate, up = self.gate_up(self.ffn_norm(x)).chunk(2, dim=-1)
        return x + self.dropout(self.down(F.silu(gate) * up))


class IntentNet(nn.Module):
    """Llama with embeddings that start from a public table.

    An embedding is `table[token] @ adapter + delta[token]`: the adapter turns the whole public table, also the words
    that the training texts lack; `delta` is what is learned about a token itself. Both are folded into one matrix on
    export.

    Args:
        shape: the sizes.
        table: (vocab, any) frozen vectors, zero where nothing is known (special tokens).
        adapter: (any, width) initial map, e.g. the principal components of the table.
        aux_labels: number of classes of the auxiliary head (sources' own intents), used in training only.
        dropout: of residual branches and of whole token embeddings.
    """

    table: Tensor

    def __init__(self, shape: Shape, table: Tensor, adapter: Tensor, aux_labels: int, dropout: float = 0.1) -> None:
        super().__init__()
        self.shape = shape
        self.dropout = dropout
        self.register_buffer("table", table, persistent=False)
        self.adapter = nn.Parameter(adapter.clone())
        self.delta = nn.Parameter(torch.randn(shape.vocab, shape.width) * 0.02)
        with torch.no_grad():
            self.delta[table.abs().sum(dim=1) > 0] = 0.0
        self.layers = nn.ModuleList(_Layer(shape, dropout) for _ in range(shape.layers))
        self.norm = nn.RMSNorm(shape.width, eps=shape.norm_eps)
        self.aux = nn.Linear(shape.width, aux_labels)
        self.semantic = nn.Linear(shape.width, table.shape[1])
        for name, weight in self.layers.named_parameters():
            if weight.dim() == 2:
                scale = 0.04 / math.sqrt(2 * shape.layers) if name.endswith(("out.weight", "down.weight")) else 0.04
                nn.init.normal_(weight, std=scale)

    def embed(self, tokens: Tensor) -> Tensor:
        """tokens: (…) int64 → (…, width)."""
        return F.embedding(tokens, self.table) @ self.adapter + F.embedding(tokens, self.delta)

    def forward(self, tokens: Tensor, positions: Tensor, mask: Tensor, asks: Tensor) -> Tensor:
        """Hidden states at the `<ask>` tokens.

        Args:
            tokens: (batch, time) int64.
            positions: (batch, time) int64; an `<ask>` continues its own prefix.
            mask: (batch, time, time) bool, true where a row's token sees a column's.
            asks: (n, 2) int64, the (row, column) of each `<ask>`.

        Returns:
            (n, width), after the last norm.
        """
        x = self.embed(tokens)
        if self.training:
            keep = torch.rand(tokens.shape) >= self.dropout
            keep[asks[:, 0], asks[:, 1]] = True
            x = x * keep.unsqueeze(-1)
        half = torch.arange(0, self.shape.head_dim, 2, dtype=torch.float32)
        angles = positions.unsqueeze(-1).float() * self.shape.rope_base ** (-half / self.shape.head_dim)
        cos, sin = angles.cos().unsqueeze(1), angles.sin().unsqueeze(1)
        for layer in self.layers:
            x = layer(x, cos, sin, mask.unsqueeze(1))
        return self.norm(x[asks[:, 0], asks[:, 1]])

    def logits(self, hidden: Tensor, tokens: Tensor) -> Tensor:
        """Logits of the given tokens with tied embeddings: (n, width), (m,) → (n, m)."""
        return hidden @ self.embed(tokens).T
