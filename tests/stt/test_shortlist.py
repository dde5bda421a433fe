from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from voicebox.stt.shortlist import Shortlist, english_tokens

BYTES = [chr(33 + number) for number in range(256)]
TEXTS = [*BYTES, "Ġthe", "Ġfoo", "foo", "Ġlatte", "Ġ{", "latte"]
SPECIAL = ["<|endoftext|>", "<|en|>"]


def _shortlist(*, frequent: int = 257, words: int = 300) -> Shortlist:
    kept = english_tokens(TEXTS, frequent=frequent, words=words)
    kept += [len(TEXTS), len(TEXTS) + 1]
    return Shortlist([*TEXTS, *SPECIAL], kept, text_tokens=len(TEXTS))


def test_keeps_frequent_tokens_and_whole_words() -> None:
    kept = english_tokens(TEXTS, frequent=257, words=300)
    assert [TEXTS[i] for i in kept[256:]] == ["Ġthe", "Ġfoo", "Ġlatte"]
    assert english_tokens(TEXTS, frequent=0, words=0) == list(range(256))


def test_what_was_left_out_is_spelt_with_what_is_there() -> None:
    shortlist = _shortlist()
    left_out = TEXTS.index("latte")
    assert not shortlist.keeps(left_out)
    spelt = shortlist.spell([TEXTS.index("Ġfoo"), left_out])
    assert "".join(TEXTS[i] for i in spelt) == "Ġfoolatte"
    assert all(shortlist.keeps(i) for i in spelt)


@given(st.lists(st.integers(0, len(TEXTS) + 1), max_size=20))
def test_there_and_back_is_the_same_text(tokens: list[int]) -> None:
    shortlist = _shortlist()
    whole = [*TEXTS, *SPECIAL]
    spelt = shortlist.spell(tokens)
    assert shortlist.restore(shortlist.shorten(spelt)) == spelt
    assert "".join(whole[i] for i in spelt) == "".join(whole[i] for i in tokens)
