"""Vectors of many texts from several bases, kept on disk: a text is computed once."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from voicebox.llm.features import FeatureModel
from voicebox.llm.features_file import joined
from voicebox.train.base.bases import BaseSpec, parse_bases, prepare

__all__ = ["Progress", "base_vectors", "encode"]

_AT_ONCE = 256
_SAVE_EVERY = 4096

Progress = Callable[[str, float], None]
"""Gets a base's name and the share of its texts that are done."""


def encode(
    bases: str | Sequence[BaseSpec],
    texts: Sequence[str],
    *,
    folder: Path,
    threads: int = 1,
    progress: Progress | None = None,
) -> NDArray[np.float32]:
    """Vectors of normalized texts, each base's of length 1, joined: (n, sum of the widths).

    Args:
        bases: what `parse_bases` reads, or what it gives.
        texts: normalized texts.
        folder: where the cut bases and the vectors are kept.
        threads: threads of llama.cpp.
        progress: told how far it is.

    Raises:
        ConfigError: `bases` names none, or one twice.
        ModelError: a base is not pulled, or gives no features.
    """
    specs = parse_bases(bases) if isinstance(bases, str) else bases
    parts = [
        base_vectors(prepare(spec, folder), texts, name=spec.name, threads=threads, progress=progress) for spec in specs
    ]
    return np.concatenate(parts, axis=1)


def base_vectors(
    file: Path, texts: Sequence[str], *, name: str, threads: int = 1, progress: Progress | None = None
) -> NDArray[np.float32]:
    """Vectors of one prepared base, of length 1: (n, width). Known ones are read from a file beside `file`."""
    cache = file.with_suffix(".vectors.npz")
    keys = [hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=12).hexdigest() for text in texts]
    known: dict[str, NDArray[np.float16]] = {}
    if cache.is_file():
        with np.load(cache) as data:
            known = dict(zip(data["keys"].tolist(), data["vectors"], strict=True))
    missing = {key: text for key, text in zip(keys, texts, strict=True) if key not in known}
    # Texts of like length are fast together, also across batches.
    todo = sorted(missing.items(), key=lambda item: len(item[1]))
    if todo or not texts:
        model = FeatureModel(file, threads=threads)
        try:
            for start in range(0, len(todo), _AT_ONCE):
                part = todo[start : start + _AT_ONCE]
                vectors = joined([model.encode([text for _, text in part])]).astype(np.float16)
                known |= {key: vector for (key, _), vector in zip(part, vectors, strict=True)}
                done = start + len(part)
                if progress is not None:
                    progress(name, done / len(todo))
                if done % _SAVE_EVERY < _AT_ONCE or done == len(todo):
                    _save(cache, known)
            if not texts:
                return np.zeros((0, model.width), np.float32)
        finally:
            model.close()
    return joined([np.stack([known[key] for key in keys]).astype(np.float32)])


def _save(path: Path, known: dict[str, NDArray[np.float16]]) -> None:
    temporary = path.with_suffix(".part.npz")
    np.savez(temporary, keys=np.array(list(known)), vectors=np.stack(list(known.values())))
    temporary.replace(path)
