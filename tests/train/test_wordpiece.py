from __future__ import annotations

from voicebox.train.wordpiece import SPECIALS, WordPieces, prune_vocabulary, train_vocabulary

PUBLIC = [
    "[PAD]", "[unused0]", "[UNK]", "[CLS]", "[SEP]", "a", "b", "##a", "##b", "é", "time", "##r", "light", "##s",
    "weather", "piano", "'", "s",
]  # fmt: skip


def test_texts_are_pieces_between_cls_and_sep() -> None:
    pieces = WordPieces(PUBLIC)
    ids = pieces.encode("timer lights what")
    assert [PUBLIC[index] for index in ids] == ["[CLS]", "time", "##r", "light", "##s", "[UNK]", "[SEP]"]
    assert pieces.encode("") == [3, 4]
    assert pieces.encode("time's") == [3, 10, 16, 17, 4]
    assert len(pieces) == len(PUBLIC)


def test_special_tokens_cannot_be_spelt() -> None:
    assert WordPieces(PUBLIC).encode("[SEP]")[1:-1] == [2, 2, 2]


def test_a_long_text_keeps_its_end() -> None:
    pieces = WordPieces(PUBLIC, longest=5)
    assert [PUBLIC[index] for index in pieces.encode("a a a time light b")] == ["[CLS]", "time", "light", "b", "[SEP]"]


def test_pruning_keeps_what_the_texts_need_then_common_words() -> None:
    kept = [PUBLIC[index] for index in prune_vocabulary(PUBLIC, ["timer lights"], 14)]
    assert set(SPECIALS) | {"a", "b", "##a", "##b", "##r", "##s", "s", "'", "time", "light"} == set(kept)
    more = [PUBLIC[index] for index in prune_vocabulary(PUBLIC, ["timer lights"], 15)]
    assert set(more) - set(kept) == {"weather"}
    assert kept == [token for token in PUBLIC if token in kept]
    every = [PUBLIC[index] for index in prune_vocabulary(PUBLIC, ["timer lights"], 1000)]
    assert set(PUBLIC) - set(every) == {"[unused0]"}


def test_pruned_vocabularies_tokenize_the_texts_as_before() -> None:
    texts = ["timer lights", "time's", "a light"]
    kept = [PUBLIC[index] for index in prune_vocabulary(PUBLIC, texts, 14)]
    before, after = WordPieces(PUBLIC), WordPieces(kept)
    for text in texts:
        assert [PUBLIC[i] for i in before.encode(text)] == [kept[i] for i in after.encode(text)]


def test_an_own_vocabulary_has_the_specials_first_and_spells_every_text() -> None:
    texts = ["turn the lights on", "turn the heating off", "it is 7:30"]
    vocabulary = train_vocabulary(texts, 120)
    assert tuple(vocabulary[:4]) == SPECIALS
    assert len(vocabulary) <= 120
    pieces = WordPieces(vocabulary)
    for text in texts:
        assert vocabulary.index("[UNK]") not in pieces.encode(text)
