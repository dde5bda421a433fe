"""Small intent models on base features, with random weights."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from shutil import copyfile

import gguf
import numpy as np

from tests.llm import tiny_arch, tiny_gguf
from voicebox.llm.features_file import DOCUMENT, FEATURES_VERSION, KEY_FEATURES, Base, FeatureFile
from voicebox.llm.intent_contract import Readout
from voicebox.llm.intent_text import KEY_VERSION

LABELS = ("timer.set", "lights.on", "oos")
WIDTH = tiny_gguf.WIDTH


def document(*bases: str, seed: int = 0) -> FeatureFile:
    """A document with a random head."""
    width = WIDTH * len(bases)
    head = np.random.default_rng(seed).standard_normal((len(LABELS) + 1, width + 1)) * 3
    return FeatureFile(
        Readout(LABELS, 1.5, 0.8, 0.4),
        tuple(Base(name, f"{name}.gguf", WIDTH) for name in bases),
        head.astype(np.float16).astype(np.float32),
    )


def folder(path: Path) -> Path:
    """A model with two bases."""
    path.mkdir()
    tiny_gguf.build(path / "llama.gguf")
    tiny_arch.build(path / "qwen.gguf", "qwen2")
    (path / DOCUMENT).write_text(document("llama", "qwen").text(), encoding="utf-8")
    return path


def file(path: Path, *, text: str | None = None, version: str = FEATURES_VERSION) -> Path:
    """A model with one base; `text` is another document."""
    given = document("llama")
    inside = replace(given, bases=(replace(given.bases[0], file=""),))
    tiny_gguf.build(path, metadata={KEY_VERSION: version, KEY_FEATURES: inside.text() if text is None else text})
    return path


def copied(source: Path, target: Path) -> Path:
    """A copy of a folder's files."""
    target.mkdir()
    for path in source.iterdir():
        copyfile(path, target / path.name)
    return target


def without_features(path: Path) -> Path:
    """A GGUF that says it is such a model but has no document."""
    tiny_gguf.build(path, metadata={KEY_VERSION: FEATURES_VERSION})
    assert KEY_FEATURES not in gguf.GGUFReader(path).fields
    return path
