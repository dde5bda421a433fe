"""Which tokens of a model normalized text can need.

`normalize_text` leaves lower-case letters, digits and a few signs. A token made of their bytes alone can only be merged
from tokens that are made of them too, so a vocabulary without all others splits such text exactly as the whole one
does. Letters outside ASCII are those of the Latin script (UTF-8 lead bytes C3 to C5).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from voicebox.errors import ModelError

__all__ = ["KINDS", "kept_merges", "kept_tokens"]

KINDS = ("gpt2", "llama")
"""Tokenizers whose vocabulary can be pruned, as `tokenizer.ggml.model` names them: byte-level BPE and SentencePiece."""

_ASCII = frozenset(b" '.:/0123456789abcdefghijklmnopqrstuvwxyz")
_LATIN = frozenset(range(0x80, 0xC0)) | {0xC3, 0xC4, 0xC5}
_ALLOWED = _ASCII | _LATIN
_CONTROL, _BYTE, _NORMAL = 3, 6, 1


def _byte_of() -> dict[str, int]:
    """Printable stand-ins of bytes in byte-level BPE → bytes (Radford et al. 2019)."""
    printable = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    spare = iter(range(256, 512))
    return {chr(byte) if byte in printable else chr(next(spare)): byte for byte in range(256)}


_BYTE_OF = _byte_of()


def kept_tokens(kind: str, tokens: Sequence[str], types: Sequence[int], special: Sequence[int]) -> NDArray[np.intp]:
    """Ids of the tokens to keep, ascending.

    Args:
        kind: one of `KINDS`.
        tokens: the vocabulary.
        types: llama.cpp's token types, one for each token.
        special: ids that are kept whatever they are.

    Raises:
        ModelError: the tokenizer is of another kind.
    """
    if kind not in KINDS:
        raise ModelError(f"The vocabulary of a {kind!r} tokenizer cannot be pruned")
    wanted = set(special)
    keep = [
        index
        for index, (token, type_) in enumerate(zip(tokens, types, strict=True))
        if index in wanted or type_ == _BYTE or (type_ == _NORMAL and _is_needed(kind, token))
    ]
    return np.array(keep, np.intp)


def kept_merges(merges: Sequence[str], kept: Sequence[str]) -> list[str]:
    """The merges whose parts and result are kept, in their order."""
    known = set(kept)

    def is_kept(merge: str) -> bool:
        left, _, right = merge.partition(" ")
        return left in known and right in known and left + right in known

    return [merge for merge in merges if is_kept(merge)]


def _is_needed(kind: str, token: str) -> bool:
    if kind == "llama":
        return all(byte in _ALLOWED for byte in token.replace("▁", " ").encode("utf-8", "replace"))
    if len(token) == 1:
        return True
    return all(_BYTE_OF.get(char, -1) in _ALLOWED for char in token)
