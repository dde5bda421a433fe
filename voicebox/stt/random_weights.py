"""Whisper models of any shape with random weights: as fast and as large as real ones, and they know nothing.

For measuring the speed of models that are not on the machine, and for tests that need a model's files.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tokenizers
from ctranslate2.specs import whisper_spec
from faster_whisper.tokenizer import _LANGUAGE_CODES

__all__ = ["SHAPES", "Shape", "text_vocabulary", "write_random_whisper"]

_WINDOW_FRAMES = 1_500
_TEXT_CONTEXT = 448
_SPREAD = 0.02


@dataclass(frozen=True, slots=True)
class Shape:
    """The size of a Whisper model; all heads are 64 wide. `text_tokens` are the tokens before the special ones."""

    width: int
    encoder_layers: int
    decoder_layers: int
    mels: int = 80
    text_tokens: int = 50_257
    languages: int = 99

    @property
    def heads(self) -> int:
        """Attention heads of a layer."""
        return self.width // 64


SHAPES = {
    "tiny": Shape(384, 4, 4),
    "base": Shape(512, 6, 6),
    "small": Shape(768, 12, 12),
    "large-v3-turbo": Shape(1280, 32, 4, mels=128, languages=100),
}
"""Public models' sizes by name."""


def text_vocabulary(size: int) -> list[str]:
    """Text tokens as a byte-level vocabulary spells them: the 256 bytes, made-up words, and an empty one at the end,
    by which CTranslate2 knows the vocabulary of a multilingual Whisper.
    """
    shown = [*range(33, 127), *range(161, 173), *range(174, 256)]
    hidden = [byte for byte in range(256) if byte not in shown]
    # GPT-2's table: bytes that do not print are shown as letters from 256 on.
    letters = [chr(byte) for byte in shown] + [chr(256 + at) for at in range(len(hidden))]
    return [*letters, *(f"Ġ{_word(number)}" for number in range(size - 257)), ""]


def _word(number: int) -> str:
    word = ""
    while number >= 0:
        word, number = chr(97 + number % 26) + word, number // 26 - 1
    return word


def write_random_whisper(folder: Path, shape: Shape, *, seed: int = 0, text: Sequence[str] | None = None) -> None:
    """Write all files of a model with random weights (int8) into a new folder.

    Args:
        text: spelling of the text tokens, the 256 bytes among them; made-up words if None.

    Raises:
        FileExistsError: the folder is there.
        OSError: it cannot be written.
    """
    folder.mkdir(parents=True)
    words = list(text) if text is not None else text_vocabulary(shape.text_tokens)
    vocabulary = [*words, *_special(shape.languages)]
    spec = whisper_spec.WhisperSpec(shape.encoder_layers, shape.heads, shape.decoder_layers, shape.heads)
    _fill(spec, shape, len(vocabulary), np.random.default_rng(seed))
    spec.register_vocabulary(vocabulary)
    first_language = len(words) + 2
    spec.config.suppress_ids = [1, 2]
    spec.config.suppress_ids_begin = [3, len(words)]
    spec.config.lang_ids = list(range(first_language, first_language + shape.languages))
    last = shape.decoder_layers - 1
    spec.config.alignment_heads = [(last, head) for head in range(shape.heads)]
    spec.validate()
    for name in ("weight", "weight_scale"):
        setattr(spec.decoder.projection, name, f"decoder/embeddings/{name}")
    spec.save(str(folder))
    _write_tokenizer(folder / "tokenizer.json", vocabulary, len(words))


def _write_tokenizer(file: Path, vocabulary: Sequence[str], text_tokens: int) -> None:
    """A tokenizer that spells everything in bytes: nothing was learned to merge."""
    numbers = {token: number for number, token in enumerate(vocabulary)}
    tokenizer = tokenizers.Tokenizer(tokenizers.models.BPE(vocab=numbers, merges=[]))
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = tokenizers.decoders.ByteLevel()
    tokenizer.add_special_tokens(list(vocabulary[text_tokens:]))
    tokenizer.save(str(file))


def _special(languages: int) -> list[str]:
    # English is the first in real models, which matters to none of what this is for.
    codes = sorted(_LANGUAGE_CODES, key=lambda code: (code != "en", code))[:languages]
    tasks = ["translate", "transcribe", "startoflm", "startofprev", "nospeech", "notimestamps"]
    names = ["endoftext", "startoftranscript", *codes, *tasks]
    return [f"<|{name}|>" for name in names] + [f"<|{at * 0.02:.2f}|>" for at in range(1_501)]


def _fill(spec: Any, shape: Shape, tokens: int, rng: np.random.Generator) -> None:
    """Every weight of a specification, by its name and place."""
    width = shape.width
    for part, names in ((spec.encoder, "encoder"), (spec.decoder, "decoder")):
        for layer in part.layer:
            _attention(layer.self_attention, width, rng, joined=True)
            if names == "decoder":
                _attention(layer.attention, width, rng, joined=False)
            _norm(layer.ffn.layer_norm, width)
            _linear(layer.ffn.linear_0, 4 * width, width, rng)
            _linear(layer.ffn.linear_1, width, 4 * width, rng)
        _norm(part.layer_norm, width)
    for conv, channels in ((spec.encoder.conv1, shape.mels), (spec.encoder.conv2, width)):
        conv.weight = _random(rng, (width, channels, 3))
        conv.bias = np.zeros(width, np.float32)
    spec.encoder.position_encodings.encodings = _random(rng, (_WINDOW_FRAMES, width))
    spec.decoder.position_encodings.encodings = _random(rng, (_TEXT_CONTEXT, width))
    embeddings = _int8(rng, (tokens, width))
    spec.decoder.embeddings.weight, spec.decoder.embeddings.weight_scale = embeddings
    # Validation wants arrays; they are replaced by aliases of the embeddings before the model is saved.
    spec.decoder.projection.weight, spec.decoder.projection.weight_scale = embeddings


def _attention(spec: Any, width: int, rng: np.random.Generator, *, joined: bool) -> None:
    """Joined: queries, keys and values come from one matrix; else queries from one, keys and values from another."""
    _norm(spec.layer_norm, width)
    rows = (3 * width, width) if joined else (width, 2 * width, width)
    for linear, count in zip(spec.linear, rows, strict=True):
        _linear(linear, count, width, rng)


def _linear(spec: Any, rows: int, columns: int, rng: np.random.Generator) -> None:
    spec.weight, spec.weight_scale = _int8(rng, (rows, columns))
    spec.bias = np.zeros(rows, np.float32)


def _norm(spec: Any, width: int) -> None:
    spec.gamma, spec.beta = np.ones(width, np.float32), np.zeros(width, np.float32)


def _random(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray[Any, np.dtype[np.float32]]:
    return rng.standard_normal(shape, np.float32) * np.float32(_SPREAD)


def _int8(rng: np.random.Generator, shape: tuple[int, int]) -> tuple[Any, Any]:
    """Random weights as the library's int8 stores them: whole numbers, and by how much each row was multiplied."""
    weights = np.frombuffer(rng.bytes(shape[0] * shape[1]), np.int8).reshape(shape)
    return np.maximum(weights, -127), np.full(shape[0], 74 / _SPREAD, np.float32)
