"""The file of an intent model on base features: a document that says how vectors become probabilities.

A model with one base is one GGUF, the base's, with the document as the text of `KEY_FEATURES` (and `KEY_VERSION`
`FEATURES_VERSION`). llama.cpp opens one model per file, so one with several bases is a folder: the bases' GGUFs beside
`intent.json`, which is the same document. The document is a JSON object:

- `version`: `FEATURES_VERSION`;
- `labels`: names, `OUT_OF_SCOPE` among them;
- `bases`: list of `{"name", "file", "width"}`; `file` is empty where the document is inside the base;
- `head`: base64 of little-endian float16, one row per label and one more, of width + 1: the widths of all bases, the
  bias. Each base's vector is scaled to length 1, they are joined, and the rows give logits;
- `temperature`, `complete_temperature`, `threshold`: as in `intent_text.py`; the last row is that of "all is said".
"""

from __future__ import annotations

import base64
import binascii
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from voicebox.errors import ModelError
from voicebox.llm.gguf_header import header_string
from voicebox.llm.intent_contract import CURE, Readout
from voicebox.llm.intent_text import KEY_VERSION
from voicebox.llm.types import OUT_OF_SCOPE

__all__ = ["DOCUMENT", "FEATURES_VERSION", "KEY_FEATURES", "Base", "FeatureFile", "is_feature_file", "joined"]

FEATURES_VERSION = "3"
KEY_FEATURES = "voicebox.intent.features"
DOCUMENT = "intent.json"


@dataclass(frozen=True, slots=True)
class Base:
    """One of the models that give the features; `file` is relative to the document's folder, empty for its own."""

    name: str
    file: str
    width: int


@dataclass(frozen=True, slots=True)
class FeatureFile:
    """A document; `head` has shape (labels + 1, width + 1), float32, the bias last."""

    readout: Readout
    bases: tuple[Base, ...]
    head: NDArray[np.float32]

    @classmethod
    def read(cls, path: Path) -> FeatureFile:
        """Read a GGUF file or a folder.

        Raises:
            ModelError: it is missing, damaged, of another version, or no such model.
        """
        text = _read_text(path / DOCUMENT) if path.is_dir() else header_string(path, KEY_FEATURES)
        if text is None:
            raise ModelError(f"{path} is not an intent model on base features", cure=CURE)
        try:
            data = json.loads(text)
            version = data["version"]
            if version != FEATURES_VERSION:
                raise ModelError(f"{path} is an intent model of version {version}, not {FEATURES_VERSION}", cure=CURE)
            return cls._parse(data, inside=not path.is_dir())
        except (ValueError, KeyError, TypeError, RecursionError, binascii.Error) as error:
            raise ModelError(f"The intent model {path} is damaged ({error!r})", cure=CURE) from error

    @classmethod
    def _parse(cls, data: dict[str, Any], *, inside: bool) -> FeatureFile:
        labels = data["labels"]
        if not isinstance(labels, list) or not all(isinstance(label, str) for label in labels):
            raise ValueError("labels is not a list of names")
        if OUT_OF_SCOPE not in labels or len(set(labels)) != len(labels):
            raise ValueError(f"labels lacks {OUT_OF_SCOPE!r} or names a label twice")
        bases = tuple(Base(str(b["name"]), str(b["file"]), int(b["width"])) for b in data["bases"])
        if not bases or (inside and (len(bases) > 1 or bases[0].file)):
            raise ValueError("bases does not fit the kind of file")
        for base in bases:
            if base.width < 1 or (not inside and (not base.file or Path(base.file).name != base.file)):
                raise ValueError(f"base {base.name} has no usable width or file")
        width = sum(base.width for base in bases)
        raw = base64.b64decode(data["head"], validate=True)
        head = np.frombuffer(raw, "<f2").astype(np.float32).reshape(len(labels) + 1, width + 1)
        if not np.isfinite(head).all():
            raise ValueError("head holds what is no number")
        readout = Readout(
            labels=tuple(labels),
            temperature=_number(data, "temperature", 1e-3, 1e3),
            complete_temperature=_number(data, "complete_temperature", 1e-3, 1e3),
            threshold=_number(data, "threshold", 0.0, 1.0),
        )
        return cls(readout, bases, head)

    def text(self) -> str:
        """The document."""
        return json.dumps(
            {
                "version": FEATURES_VERSION,
                "labels": list(self.readout.labels),
                "bases": [{"name": b.name, "file": b.file, "width": b.width} for b in self.bases],
                "temperature": self.readout.temperature,
                "complete_temperature": self.readout.complete_temperature,
                "threshold": self.readout.threshold,
                "head": base64.b64encode(self.head.astype("<f2").tobytes()).decode("ascii"),
            }
        )

    def files(self, path: Path) -> list[Path]:
        """The bases' GGUF files.

        Raises:
            ModelError: one is missing.
        """
        files = [path / base.file if base.file else path for base in self.bases]
        for file in files:
            if not file.is_file():
                raise ModelError(f"The intent model {path} lacks {file.name}", cure="Copy the whole folder.")
        return files

    def logits(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        """vectors (n, width) of `joined` → (n, labels + 1)."""
        return np.asarray(vectors @ self.head[:, :-1].T + self.head[:, -1], np.float32)


def joined(parts: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
    """The bases' vectors, each (n, its width), scaled to length 1 and joined: (n, width)."""
    return np.concatenate(
        [part / np.maximum(np.linalg.norm(part, axis=1, keepdims=True), 1e-12) for part in parts], axis=1
    ).astype(np.float32)


def is_feature_file(path: Path) -> bool:
    """Whether a file or folder says that it is such a model.

    Raises:
        ModelError: the file is missing, damaged, or neither a folder nor a GGUF.
    """
    if path.is_dir():
        return (path / DOCUMENT).is_file()
    return header_string(path, KEY_VERSION) == FEATURES_VERSION


def _read_text(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise ModelError(f"{path} cannot be read ({error})", cure=CURE) from error


def _number(data: dict[str, Any], key: str, low: float, high: float) -> float:
    value = data[key]
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError(f"{key} is {value!r}, not a number")
    if not low <= value <= high:
        raise ValueError(f"{key} is {value!r}, not from {low:g} to {high:g}")
    return float(value)
