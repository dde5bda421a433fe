"""The byte-level BPE of the intent model: trained on its texts and on the words of a public vocabulary."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

from tokenizers import Tokenizer
from tokenizers.decoders import ByteLevel as ByteLevelDecoder
from tokenizers.models import BPE
from tokenizers.pre_tokenizers import ByteLevel
from tokenizers.trainers import BpeTrainer

from voicebox.llm.intent_text import ASK, BOS, END, WAIT, label_token

__all__ = ["merges_of", "special_tokens", "token_id", "train_tokenizer"]


def special_tokens(labels: Sequence[str]) -> list[str]:
    """All tokens that text can never produce, in the order of their ids."""
    return [BOS, ASK, END, WAIT, *(label_token(label) for label in labels)]


def train_tokenizer(texts: Sequence[str], words: Sequence[str], labels: Sequence[str], vocab_size: int) -> Tokenizer:
    """Train a BPE whose first ids are the special tokens.

    Args:
        texts: normalized training texts.
        words: a general vocabulary, most frequent first; counted by Zipf's law so that common words become whole
            tokens whether the training texts have them or not.
        labels: the labels that need tokens.
        vocab_size: special tokens and bytes included.
    """
    tokenizer = Tokenizer(BPE())
    tokenizer.pre_tokenizer = ByteLevel(add_prefix_space=False)
    tokenizer.decoder = ByteLevelDecoder()
    trainer = BpeTrainer(
        vocab_size=vocab_size,
        special_tokens=special_tokens(labels),
        initial_alphabet=ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(_corpus(texts, words), trainer)
    return tokenizer


def _corpus(texts: Sequence[str], words: Sequence[str]) -> Iterator[str]:
    yield from texts
    for rank, word in enumerate(words):
        yield f" {word}" * max(2, min(200, 20_000 // (rank + 100)))


def token_id(tokenizer: Tokenizer, token: str) -> int:
    """The id of a token.

    Raises:
        KeyError: the vocabulary does not have it.
    """
    found = tokenizer.token_to_id(token)
    if found is None:
        raise KeyError(token)
    return int(found)


def merges_of(tokenizer: Tokenizer) -> list[str]:
    """The merge rules as "left right", in order."""
    merges = json.loads(tokenizer.to_str())["model"]["merges"]
    return [merge if isinstance(merge, str) else " ".join(merge) for merge in merges]
