"""The folder of a Whisper model in CTranslate2's format: what must be in it, and what must fit together."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import tokenizers

from voicebox.errors import ModelError
from voicebox.stt.weights import WeightFile, read_weights

__all__ = ["EMBEDDINGS", "Folder", "open_folder"]

EMBEDDINGS = "decoder/embeddings/weight"
"""The table with a row per token."""

_SPEC = "WhisperSpec"
_CHECKPOINTS = ("model.safetensors", "pytorch_model.bin", "model.pt")
_START = "<|startoftranscript|>"


@dataclass(frozen=True, slots=True)
class Folder:
    """`vocabulary` is the text of each token by number; `weights` is None for a file version that is not read here."""

    path: Path
    tokenizer: tokenizers.Tokenizer
    vocabulary: tuple[str, ...]
    weights: WeightFile | None


def open_folder(path: Path, name: str) -> Folder:
    """Read all but the weights themselves, and check that the parts belong together.

    Raises:
        ModelError: something is missing, cut off, unreadable or of another model; the message says what.
    """
    cure = f"Pull it again: voicebox models pull {name}"
    if not (path / "model.bin").is_file():
        found = next((file for file in _CHECKPOINTS if (path / file).is_file()), None)
        if found is not None:
            raise ModelError(
                f"The Whisper model {name} in {path} is not in CTranslate2's format (it has {found}, no model.bin)",
                cure="Convert it: ct2-transformers-converter --copy_files tokenizer.json --model … --output_dir …",
            )
    for file in ("model.bin", "config.json", "tokenizer.json"):
        if not (path / file).is_file():
            raise ModelError(f"The Whisper model {name} has no {file} in {path}", cure=cure)
    try:
        weights = read_weights(path / "model.bin")
    except (ModelError, OSError) as error:
        raise ModelError(f"The Whisper model {name} cannot be loaded: {error}", cure=cure) from error
    if weights is not None and weights.spec != _SPEC:
        raise ModelError(f"{path} holds a model of the kind {weights.spec}, no Whisper", cure="Name a Whisper model.")
    _json(path / "config.json", cure)
    try:
        tokenizer = tokenizers.Tokenizer.from_file(str(path / "tokenizer.json"))
    except Exception as error:  # the library raises bare Exception
        raise ModelError(f"{path / 'tokenizer.json'} is no tokenizer ({error})", cure=cure) from error
    vocabulary = _vocabulary(path, name, cure)
    _check(path, tokenizer, vocabulary, weights, cure)
    return Folder(path, tokenizer, vocabulary, weights)


def _json(file: Path, cure: str) -> object:
    try:
        return json.loads(file.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise ModelError(f"{file} cannot be read ({error})", cure=cure) from error


def _vocabulary(path: Path, name: str, cure: str) -> tuple[str, ...]:
    if (path / "vocabulary.json").is_file():
        tokens = _json(path / "vocabulary.json", cure)
        if not isinstance(tokens, list) or not all(isinstance(token, str) for token in tokens):
            raise ModelError(f"{path / 'vocabulary.json'} is no list of tokens", cure=cure)
        return tuple(tokens)
    try:
        text = (path / "vocabulary.txt").read_text("utf-8")
    except FileNotFoundError:
        raise ModelError(f"The Whisper model {name} has no vocabulary in {path}", cure=cure) from None
    except (OSError, UnicodeDecodeError) as error:
        raise ModelError(f"{path / 'vocabulary.txt'} cannot be read ({error})", cure=cure) from error
    return tuple(text.removesuffix("\n").split("\n"))


def _check(
    path: Path, tokenizer: tokenizers.Tokenizer, vocabulary: tuple[str, ...], weights: WeightFile | None, cure: str
) -> None:
    """That weights, vocabulary and tokenizer speak of the same tokens."""
    rows = weights.shape(EMBEDDINGS) if weights is not None else None
    if rows is not None and rows[0] != len(vocabulary):
        raise ModelError(
            f"The vocabulary in {path} has {len(vocabulary):,} tokens, its model.bin wants {rows[0]:,}", cure=cure
        )
    if _START not in vocabulary or tokenizer.token_to_id(_START) is None:
        raise ModelError(f"The vocabulary in {path} is not Whisper's: it has no {_START}", cure=cure)
    for token, number in tokenizer.get_vocab().items():
        if number >= len(vocabulary) or vocabulary[number] != token:
            other = repr(vocabulary[number]) if number < len(vocabulary) else "nothing"
            raise ModelError(
                f"The tokenizer in {path} is of another model: its token {number} is {token!r}, the model's is {other}",
                cure=cure,
            )
