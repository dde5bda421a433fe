from __future__ import annotations

import pytest

from voicebox.errors import ModelError
from voicebox.train.base.vocabulary import kept_merges, kept_tokens

NORMAL, CONTROL, USER, BYTE = 1, 3, 4, 6


def test_byte_level_tokens_of_normalized_text_stay() -> None:
    tokens = ["a", "A", "Ġtimer", "ĠTimer", "();", "7", "Ã¼", "ä¸Ń", "<s>", "<tool>"]
    types = [NORMAL] * 8 + [CONTROL, USER]
    kept = kept_tokens("gpt2", tokens, types, special=[8])
    # "A" is a byte of its own: with all of them every text has tokens.
    assert [tokens[index] for index in kept] == ["a", "A", "Ġtimer", "7", "Ã¼", "<s>"]


def test_sentencepiece_tokens_of_normalized_text_stay() -> None:
    tokens = ["<pad>", "<0x41>", "▁timer", "▁Timer", "ü", "中", "don't", "a b", "\n"]
    types = [CONTROL, BYTE] + [NORMAL] * 7
    kept = kept_tokens("llama", tokens, types, special=[0])
    assert [tokens[index] for index in kept] == ["<pad>", "<0x41>", "▁timer", "ü", "don't", "a b"]


def test_merges_need_their_parts_and_their_result() -> None:
    merges = ["t h", "th e", "T h", "Ġ the", "h e"]
    assert kept_merges(merges, ["t", "h", "e", "th", "the", "Ġ", "Ġthe"]) == ["t h", "th e", "Ġ the"]


def test_refuses_other_tokenizers() -> None:
    with pytest.raises(ModelError, match="'rwkv' tokenizer cannot be pruned"):
        kept_tokens("rwkv", ["a"], [NORMAL], special=[])
