"""The teacher: a public sentence encoder's vectors, and a softmax regression from them to the labels."""

# mypy: disable-error-code="misc,no-any-return,no-untyped-call,unused-ignore"

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from numpy.typing import NDArray
from torch import Tensor

from voicebox.train.encoder import Encoder, read_encoder
from voicebox.train.net import encode_texts
from voicebox.train.wordpiece import WordPieces

__all__ = ["HEAD_SCALE", "EncoderTeacher", "Teacher", "VectorCache", "fit_head", "head_logits"]

HEAD_SCALE = 10.0
"""Unit vectors are scaled by it before the regression."""


class Teacher(Protocol):
    """Something that turns texts into vectors."""

    @property
    def name(self) -> str:
        """For the model card, and for what is cached."""

    @property
    def width(self) -> int:
        """Length of a vector."""

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Vectors of normalized texts, (n, width), of length one."""


class EncoderTeacher:
    """A public BERT sentence encoder (all-MiniLM-L6-v2, …).

    Args:
        folder: its files.
        device: where it computes.

    Raises:
        ModelError: the folder holds no such model.
    """

    def __init__(self, folder: Path, device: torch.device | None = None) -> None:
        self.encoder: Encoder
        self.encoder, self.vocabulary = read_encoder(folder)
        self.encoder.to(device or torch.device("cpu"))
        self._pieces = WordPieces(self.vocabulary)
        self._name = folder.name

    @property
    def name(self) -> str:
        """The folder's name."""
        return self._name

    @property
    def width(self) -> int:
        """Length of a vector."""
        return self.encoder.shape.width

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Vectors of normalized texts, (n, width), of length one."""
        return np.asarray(F.normalize(encode_texts(self.encoder, self._pieces, texts), dim=-1).numpy(), np.float32)


class VectorCache:
    """A teacher's vectors on disk, so that a text costs once, also when a run is stopped.

    Args:
        folder: where the files are; one pair per call that found new texts.
        teacher: whose vectors.
    """

    def __init__(self, folder: Path, teacher: Teacher) -> None:
        key = hashlib.sha256(f"{teacher.name} {teacher.width}".encode()).hexdigest()[:8]
        self._folder = folder / f"vectors-{key}"
        self._folder.mkdir(parents=True, exist_ok=True)
        self._teacher = teacher
        self._known: dict[str, int] = {}
        parts = []
        for path in sorted(self._folder.glob("*.json")):
            vectors = path.with_suffix(".npy")
            texts = json.loads(path.read_text(encoding="utf-8"))
            parts.append(np.load(vectors))
            self._known |= {text: len(self._known) + row for row, text in enumerate(texts)}
        self._vectors = np.concatenate(parts) if parts else np.zeros((0, teacher.width), np.float16)

    def encode(self, texts: Sequence[str], progress: Callable[[float], None], *, part: int = 4096) -> Tensor:
        """Vectors of texts, (n, width) float16; `progress` gets the share that is done."""
        new = sorted({text for text in texts if text not in self._known}, key=lambda text: (len(text), text))
        for start in range(0, len(new), part):
            batch = new[start : start + part]
            vectors = self._teacher.encode(batch).astype(np.float16)
            # The texts come last: a part counts once they are there.
            path = self._folder / f"{len(self._known):08d}"
            np.save(path.with_suffix(".npy"), vectors)
            temporary = path.with_suffix(".tmp")
            temporary.write_text(json.dumps(batch), encoding="utf-8")
            temporary.replace(path.with_suffix(".json"))
            self._known |= {text: len(self._known) + row for row, text in enumerate(batch)}
            self._vectors = np.concatenate((self._vectors, vectors))
            progress(min(1.0, (start + part) / len(new)))
        return torch.from_numpy(self._vectors[[self._known[text] for text in texts]])


def fit_head(vectors: Tensor, labels: Tensor, weights: Tensor, count: int, *, steps: int = 60) -> Tensor:
    """Softmax regression from unit vectors to labels, by L-BFGS.

    Args:
        vectors: (n, width) float16 or float32.
        labels: (n,) int64.
        weights: (n,) of the rows.
        count: number of labels.
        steps: iterations.

    Returns:
        (width + 1, labels), the last row is the bias; see `head_logits`.
    """
    inputs = _inputs(vectors)
    head = torch.zeros(inputs.shape[1], count, requires_grad=True)
    # Without a line search it can leave the basin for good: seen with uneven weights.
    optimizer = torch.optim.LBFGS([head], max_iter=steps, history_size=10, line_search_fn="strong_wolfe")

    def closure() -> Tensor:
        optimizer.zero_grad()
        losses = F.cross_entropy(inputs @ head, labels, reduction="none")
        loss = (losses * weights).sum() / weights.sum() + 2e-5 * (head[:-1] ** 2).sum()
        loss.backward()
        return loss

    optimizer.step(closure)
    return head.detach()


def head_logits(vectors: Tensor, head: Tensor) -> Tensor:
    """Logits (n, labels) of vectors (n, width)."""
    return _inputs(vectors) @ head


def _inputs(vectors: Tensor) -> Tensor:
    return torch.cat((vectors.float() * HEAD_SCALE, torch.ones(len(vectors), 1)), dim=1)
