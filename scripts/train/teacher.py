"""The teacher: all-MiniLM-L6-v2 (Apache-2.0) as a sentence encoder, with a softmax regression on our labels.

Read straight from the model's published files, without its library: `config.json`, `model.safetensors`,
`tokenizer.json`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from tokenizers import Tokenizer
from torch import Tensor

__all__ = ["SentenceEncoder", "fit_head"]


def _read_safetensors(path: Path) -> dict[str, Tensor]:
    raw = path.read_bytes()
    size = int.from_bytes(raw[:8], "little")
    header = json.loads(raw[8 : 8 + size])
    out = {}
    for name, entry in header.items():
        if name != "__metadata__" and entry["dtype"] == "F32":
            start, end = (8 + size + offset for offset in entry["data_offsets"])
            out[name] = torch.from_numpy(np.frombuffer(raw[start:end], np.float32).reshape(entry["shape"]).copy())
    return out


class SentenceEncoder:
    """BERT with mean pooling: texts → unit vectors, shape (n, width)."""

    def __init__(self, folder: Path) -> None:
        config = json.loads((folder / "config.json").read_text())
        self._weights = _read_safetensors(folder / "model.safetensors")
        self._heads = config["num_attention_heads"]
        self._layers = config["num_hidden_layers"]
        self._eps = config["layer_norm_eps"]
        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(64)

    @property
    def width(self) -> int:
        """Length of a vector."""
        return int(self._weights["embeddings.word_embeddings.weight"].shape[1])

    @property
    def words(self) -> list[str]:
        """Whole words of the vocabulary in its own order (roughly by frequency), letters only."""
        vocab = self._tokenizer.get_vocab()
        return [word for word in sorted(vocab, key=lambda token: vocab[token]) if word.isascii() and word.isalpha()]

    def word_vectors(self, words: Sequence[str]) -> Tensor:
        """Input embeddings, the mean over a word's pieces; zero for empty words. Shape (n, width)."""
        table = self._weights["embeddings.word_embeddings.weight"]
        table = table - table.mean(dim=0)
        out = torch.zeros(len(words), table.shape[1])
        for row, word in enumerate(words):
            ids = self._tokenizer.encode(word, add_special_tokens=False).ids if word else []
            if ids:
                out[row] = table[ids].mean(dim=0)
        return out

    def encode(self, texts: Sequence[str], progress: Callable[[int], None], batch: int = 64) -> Tensor:
        """Unit vectors of texts; `progress` gets the number of texts done."""
        encodings = [encoding.ids for encoding in self._tokenizer.encode_batch(list(texts))]
        order = sorted(range(len(texts)), key=lambda index: len(encodings[index]))
        out = torch.zeros(len(texts), self.width)
        for start in range(0, len(order), batch):
            rows = order[start : start + batch]
            longest = max(len(encodings[row]) for row in rows)
            ids = torch.tensor([encodings[row] + [0] * (longest - len(encodings[row])) for row in rows])
            mask = torch.tensor([[1.0] * len(encodings[row]) + [0.0] * (longest - len(encodings[row])) for row in rows])
            with torch.no_grad():
                out[rows] = self._forward(ids, mask)
            progress(start + len(rows))
        return out

    def _forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        weights = self._weights
        x = (
            weights["embeddings.word_embeddings.weight"][ids]
            + weights["embeddings.position_embeddings.weight"][: ids.shape[1]]
            + weights["embeddings.token_type_embeddings.weight"][0]
        )
        x = self._norm(x, "embeddings.LayerNorm")
        seen = mask[:, None, None, :] > 0
        for layer in range(self._layers):
            name = f"encoder.layer.{layer}"
            q, k, v = (
                self._linear(x, f"{name}.attention.self.{part}").unflatten(-1, (self._heads, -1)).transpose(1, 2)
                for part in ("query", "key", "value")
            )
            mixed = F.scaled_dot_product_attention(q, k, v, attn_mask=seen).transpose(1, 2).flatten(-2)
            added = self._linear(mixed, f"{name}.attention.output.dense")
            x = self._norm(x + added, f"{name}.attention.output.LayerNorm")
            hidden = F.gelu(self._linear(x, f"{name}.intermediate.dense"))
            x = self._norm(x + self._linear(hidden, f"{name}.output.dense"), f"{name}.output.LayerNorm")
        pooled = (x * mask.unsqueeze(-1)).sum(dim=1) / mask.sum(dim=1, keepdim=True)
        return F.normalize(pooled, dim=-1)

    def _linear(self, x: Tensor, name: str) -> Tensor:
        return F.linear(x, self._weights[f"{name}.weight"], self._weights[f"{name}.bias"])

    def _norm(self, x: Tensor, name: str) -> Tensor:
        return F.layer_norm(
            x, x.shape[-1:], self._weights[f"{name}.weight"], self._weights[f"{name}.bias"], eps=self._eps
        )


def fit_head(vectors: Tensor, targets: Tensor, weights: Tensor, labels: int, *, steps: int = 400) -> Tensor:
    """Softmax regression from unit vectors to labels.

    Args:
        vectors: (n, width).
        targets: (n,) int64.
        weights: (n,) of the examples.
        labels: number of labels.
        steps: AdamW steps over random batches of 2,048.

    Returns:
        (width + 1, labels), the last row is the bias; logits are `[10 · vector, 1] @ head`.
    """
    generator = torch.Generator().manual_seed(0)
    inputs = torch.cat((vectors * 10.0, torch.ones(len(vectors), 1)), dim=1)
    head = torch.zeros(inputs.shape[1], labels, requires_grad=True)
    optimizer = torch.optim.AdamW([head], lr=0.03, weight_decay=1e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=0.03, total_steps=steps)
    for _ in range(steps):
        rows = torch.multinomial(weights, min(2048, len(weights)), replacement=True, generator=generator)
        loss = F.cross_entropy(inputs[rows] @ head, targets[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    return head.detach()
