"""Word pieces: the vocabulary of a public encoder pruned to what is needed, or one of one's own.

A vocabulary is a list of tokens whose index is the id, continuations with `##`, as BERT's `vocab.txt`. What is made
here must tokenize as llama.cpp does ("bert" vocabularies): lower case, accents stripped, punctuation apart, greedy
longest match from the left.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from tokenizers import Tokenizer
from tokenizers.models import WordPiece
from tokenizers.normalizers import BertNormalizer
from tokenizers.pre_tokenizers import BertPreTokenizer
from tokenizers.trainers import WordPieceTrainer

__all__ = ["CLS", "PAD", "SEP", "SPECIALS", "UNK", "WordPieces", "prune_vocabulary", "train_vocabulary"]

PAD, UNK, CLS, SEP = "[PAD]", "[UNK]", "[CLS]", "[SEP]"
SPECIALS = (PAD, UNK, CLS, SEP)


class WordPieces:
    """Texts → token ids, `[CLS]` and `[SEP]` around them; words are tokenized once.

    Args:
        vocabulary: the tokens, specials among them.
        longest: tokens of a text that are kept at most, from its end, specials included.
    """

    def __init__(self, vocabulary: Sequence[str], *, longest: int = 64) -> None:
        self.vocabulary = list(vocabulary)
        self._longest = longest
        self._tokenizer = _tokenizer({token: index for index, token in enumerate(vocabulary)})
        self.pad, self._cls, self._sep = (self.vocabulary.index(token) for token in (PAD, CLS, SEP))
        self._known: dict[str, list[int]] = {}

    def __len__(self) -> int:
        return len(self.vocabulary)

    def encode(self, text: str) -> list[int]:
        """Token ids of a text whose words stand between spaces."""
        ids = [token for word in text.split() for token in self.word(word)]
        return [self._cls, *ids[-(self._longest - 2) :], self._sep]

    def word(self, word: str) -> list[int]:
        """Token ids of one word."""
        ids = self._known.get(word)
        if ids is None:
            ids = self._known[word] = list(self._tokenizer.encode(word, add_special_tokens=False).ids)
        return ids


def prune_vocabulary(vocabulary: Sequence[str], texts: Iterable[str], size: int) -> list[int]:
    """Which tokens of a public vocabulary to keep: specials, letters, digits, what the texts need, then common words.

    Args:
        vocabulary: the public tokens, whole words roughly in the order of their frequency.
        texts: normalized texts that must be tokenized as before.
        size: how many tokens to keep.

    Returns:
        Ids of the public vocabulary, ascending.
    """
    ids = {token: index for index, token in enumerate(vocabulary)}
    pieces = WordPieces(vocabulary)
    keep = {ids[token] for token in SPECIALS}
    keep |= {index for token, index in ids.items() if len(token.removeprefix("##")) == 1 and token.isascii()}
    counts: dict[int, int] = {}
    for text in texts:
        for index in pieces.encode(text):
            counts[index] = counts.get(index, 0) + 1
    needed = sorted(counts, key=lambda index: -counts[index])
    keep |= set(needed[: max(0, size - len(keep))])
    for token, index in ids.items():
        if len(keep) >= size:
            break
        if token.isascii() and token.isalpha():
            keep.add(index)
    for index in ids.values():
        if len(keep) >= size:
            break
        if not vocabulary[index].startswith("["):
            keep.add(index)
    return sorted(keep)


def train_vocabulary(texts: Iterable[str], size: int) -> list[str]:
    """A vocabulary of at most `size` tokens from texts alone."""
    tokenizer = _tokenizer({})
    trainer = WordPieceTrainer(vocab_size=size, special_tokens=list(SPECIALS), show_progress=False)
    tokenizer.train_from_iterator(texts, trainer)
    vocab = tokenizer.get_vocab()
    return sorted(vocab, key=lambda token: vocab[token])


def _tokenizer(vocab: dict[str, int]) -> Tokenizer:
    tokenizer = Tokenizer(WordPiece(vocab, unk_token=UNK, max_input_chars_per_word=200))
    tokenizer.normalizer = BertNormalizer(lowercase=True, strip_accents=True)
    tokenizer.pre_tokenizer = BertPreTokenizer()
    return tokenizer
