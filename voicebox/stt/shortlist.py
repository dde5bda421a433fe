"""A shorter vocabulary for English speech: most of what a small Whisper's decoder computes per token is one score for
each of 50,000 tokens, many of which (code, other scripts, rare names) nobody says to an assistant.

What is left out can still be written, in smaller pieces. Whisper's byte-level vocabularies number their tokens by how
early their merge was learned, so a low number means frequent.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from voicebox.stt.folder import Folder
from voicebox.stt.weights import with_rows

__all__ = ["Keep", "Shortlist", "english_tokens", "shortened"]

Keep = Callable[[Sequence[str]], Sequence[int]]
"""Given the spelling of all text tokens by number, the numbers of those to keep, ascending."""

_WORD = re.compile(r"Ġ[a-z]+")
_BYTES = 256
_END = "<|endoftext|>"
_TABLES = ("decoder/embeddings/", "decoder/projection/")
"""What has a row per token: weights, biases and scales."""
_TOKEN_LISTS = ("suppress_ids", "suppress_ids_begin", "lang_ids")


def english_tokens(texts: Sequence[str], *, frequent: int, words: int) -> list[int]:
    """Numbers of the tokens to keep, ascending.

    Args:
        texts: all text tokens in the vocabulary's own spelling ("Ġ" for a space), by number; the first 256 are bytes.
        frequent: so many of the first tokens are kept, whatever they are.
        words: of the first so many, those that are a whole word in lower case, or begin one, are kept as well.
    """
    first = max(frequent, _BYTES)
    return [i for i, text in enumerate(texts) if i < first or (i < words and _WORD.fullmatch(text))]


class Shortlist:
    """Kept tokens under new numbers, and the way there and back.

    Args:
        vocabulary: text of every token by number, specials and all.
        kept: old numbers, ascending; a token's new number is its place here.
        text_tokens: tokens below this number are text.
    """

    def __init__(self, vocabulary: Sequence[str], kept: Sequence[int], *, text_tokens: int) -> None:
        self.kept: NDArray[np.int64] = np.array(kept, np.int64)
        self._new = {int(old): new for new, old in enumerate(kept)}
        self._vocabulary = vocabulary
        self._by_text: Mapping[str, int] = {vocabulary[old]: old for old in self._new if old < text_tokens}
        self._longest = max((len(text) for text in self._by_text), default=0)

    def __len__(self) -> int:
        return len(self.kept)

    def spell(self, tokens: Sequence[int]) -> list[int]:
        """The same text in old numbers of kept tokens only: a token that was left out becomes its longest pieces."""
        return [piece for token in tokens for piece in ([token] if token in self._new else self._pieces(token))]

    def shorten(self, tokens: Sequence[int]) -> list[int]:
        """Old numbers to new ones. Raises KeyError for a token that was left out."""
        return [self._new[token] for token in tokens]

    def restore(self, tokens: Sequence[int]) -> list[int]:
        """New numbers to old ones."""
        return [int(self.kept[token]) for token in tokens]

    def keeps(self, token: int) -> bool:
        """Whether a token has a new number."""
        return token in self._new

    def _pieces(self, token: int) -> list[int]:
        text, pieces = self._vocabulary[token], []
        while text:
            size = next(n for n in range(min(len(text), self._longest), 0, -1) if text[:n] in self._by_text)
            pieces.append(self._by_text[text[:size]])
            text = text[size:]
        return pieces


def shortened(folder: Folder, keep: Keep) -> tuple[Shortlist | None, dict[str, bytes] | None]:
    """A model's files with only the tokens to keep and all special ones, for the library to load from memory.

    Returns `(None, None)` where the model file is of a version that cannot be cut.
    """
    weights, vocabulary = folder.weights, folder.vocabulary
    if weights is None:
        return None, None
    text_tokens = vocabulary.index(_END)
    kept = [*keep(vocabulary[:text_tokens]), *range(text_tokens, len(vocabulary))]
    shortlist = Shortlist(vocabulary, kept, text_tokens=text_tokens)
    config = json.loads((folder.path / "config.json").read_text("utf-8"))
    for key in _TOKEN_LISTS:
        if config.get(key):
            config[key] = shortlist.shorten([token for token in config[key] if shortlist.keeps(token)])
    tables = [v.name for v in weights.variables if v.name.startswith(_TABLES) and v.shape[:1] == (len(vocabulary),)]
    files = {
        "model.bin": with_rows(weights, tables, kept),
        "config.json": json.dumps(config).encode(),
        "vocabulary.json": json.dumps([vocabulary[old] for old in kept]).encode(),
    }
    return shortlist, files
