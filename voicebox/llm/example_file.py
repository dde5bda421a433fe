"""A classifier of examples as a file: a NumPy archive."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import numpy as np

from voicebox.errors import ModelError
from voicebox.llm.example_head import ExampleHead, Words

__all__ = ["read_head", "write_head"]

_VERSION = 1


def write_head(path: Path, head: ExampleHead) -> None:
    """Write a classifier; the file appears whole or not at all."""
    told = {
        "version": _VERSION,
        "labels": head.labels,
        "rarity": head.words.rarity,
        "unseen": head.words.unseen,
        "columns": list(head.words.columns),
        "forms": [[list(words), slot] for words, slot in head.words.forms.items()],
    }
    mean = np.zeros(0, np.float32) if head.mean is None else head.mean
    temporary = path.with_suffix(".tmp")
    with temporary.open("wb") as file:
        np.savez_compressed(file, told=np.array(json.dumps(told)), mean=mean, matrix=head.matrix)
    temporary.replace(path)


def read_head(path: Path) -> ExampleHead:
    """Read a classifier.

    Raises:
        ModelError: the file is missing or damaged, or of another version.
    """
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as data:
            told = json.loads(str(data["told"]))
            mean, matrix = data["mean"], data["matrix"]
        if told["version"] != _VERSION:
            raise ValueError(f"version {told['version']}")
        words = Words(
            {str(name): float(weight) for name, weight in told["rarity"].items()},
            float(told["unseen"]),
            {name: at for at, name in enumerate(told["columns"])},
            {tuple(form): slot for form, slot in told["forms"]},
        )
        head = ExampleHead(words, tuple(told["labels"]), mean if len(mean) else None, matrix)
        wanted = (words.width + 1 + len(mean), len(head.labels) + 1)
        if matrix.shape != wanted or matrix.dtype != np.float32 or not np.isfinite(matrix).all():
            raise ValueError(f"a matrix of {matrix.shape}, not {wanted}")
    except (OSError, ValueError, KeyError, TypeError, AttributeError, zipfile.BadZipFile, EOFError) as error:
        raise ModelError(
            f"What was learned of own skills, {path}, cannot be read ({error})",
            cure="Run `voicebox skills train` again.",
        ) from error
    return head
