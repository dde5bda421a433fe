"""The intent model in PyTorch: an encoder, a linear head, and what only training needs."""

# Without torch its classes have no type; the code is checked either way.
# mypy: disable-error-code="misc,no-any-return,unused-ignore"

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from voicebox.train.encoder import Encoder
from voicebox.train.wordpiece import WordPieces

__all__ = ["IntentNet", "encode_texts", "pad"]


class IntentNet(nn.Module):
    """Mean of the encoder's states → logits of the labels and of "all is said".

    Args:
        encoder: the body.
        labels: number of labels.
        semantic: width of the teacher's vectors, which a second head learns to give; 0 without a teacher.
    """

    def __init__(self, encoder: Encoder, labels: int, *, semantic: int = 0) -> None:
        super().__init__()
        self.encoder = encoder
        self.labels = labels
        self.head = nn.Linear(encoder.shape.width, labels + 1)
        self.semantic = nn.Linear(encoder.shape.width, semantic) if semantic else None
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)

    def forward(self, tokens: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """tokens (batch, time) int64, mask (batch, time) bool → states (batch, width), logits (batch, labels + 1)."""
        states = self.encoder(tokens, mask)
        return states, self.head(states)

    def grown(self, labels: int, order: Sequence[int]) -> IntentNet:
        """The same net with `labels` labels; label i of this net becomes label `order[i]`, others start at zero."""
        grown = IntentNet(self.encoder, labels, semantic=0)
        with torch.no_grad():
            for old, new in enumerate(order):
                grown.head.weight[new] = self.head.weight[old]
                grown.head.bias[new] = self.head.bias[old]
            grown.head.weight[-1] = self.head.weight[-1]
            grown.head.bias[-1] = self.head.bias[-1]
        return grown


def pad(rows: Sequence[Sequence[int]], padding: int) -> tuple[Tensor, Tensor]:
    """Token ids of several texts as one tensor (batch, time) int64, and the mask of what is no padding."""
    longest = max(len(row) for row in rows)
    tokens = torch.tensor([[*row, *[padding] * (longest - len(row))] for row in rows])
    lengths = torch.tensor([len(row) for row in rows])
    return tokens, torch.arange(longest).unsqueeze(0) < lengths.unsqueeze(1)


def encode_texts(encoder: Encoder, pieces: WordPieces, texts: Sequence[str], *, batch: int = 64) -> Tensor:
    """States of normalized texts, (n, width), on the CPU."""
    device = encoder.token_embd.weight.device
    ids = [pieces.encode(text) for text in texts]
    out = torch.zeros(len(ids), encoder.shape.width)
    order = sorted(range(len(ids)), key=lambda row: len(ids[row]))
    with torch.no_grad():
        for start in range(0, len(order), batch):
            rows = order[start : start + batch]
            tokens, mask = pad([ids[row] for row in rows], pieces.pad)
            out[rows] = encoder(tokens.to(device), mask.to(device)).cpu()
    return out
