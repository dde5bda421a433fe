from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from voicebox.llm.intent_text import normalize_text
from voicebox.train.augment import augment

SENTENCE = "set a timer for ten minutes in the kitchen please"


def test_strength_zero_changes_numbers_at_most() -> None:
    for seed in range(50):
        words = augment(SENTENCE, random.Random(seed), strength=0.0)
        assert " ".join(word for word, _ in words).replace("10", "ten") == SENTENCE


def test_numbers_become_digits_and_back() -> None:
    changed = {" ".join(w for w, _ in augment("ten minutes", random.Random(seed), strength=0.0)) for seed in range(60)}
    assert changed == {"ten minutes", "10 minutes"}
    back = {" ".join(w for w, _ in augment("45 minutes 10", random.Random(seed), strength=0.0)) for seed in range(60)}
    assert "45 minutes ten" in back


def test_homophones_fillers_and_losses_all_happen() -> None:
    texts = [" ".join(w for w, _ in augment(SENTENCE, random.Random(seed))) for seed in range(600)]
    assert any("four ten" in text for text in texts)
    assert any(" um " in text or " uh " in text for text in texts)
    assert any(len(text.split()) < len(SENTENCE.split()) for text in texts)
    assert sum(text.replace("10", "ten") == SENTENCE for text in texts) > 150


@given(
    st.lists(st.sampled_from("set two lights off 10 what's to for timer a cream".split()), min_size=1, max_size=12),
    st.integers(0, 10_000),
)
def test_counts_of_said_words_never_fall_and_end_within_the_sentence(words: list[str], seed: int) -> None:
    text = " ".join(words)
    out = augment(text, random.Random(seed))
    assert out
    said = [count for _, count in out]
    assert said == sorted(said)
    assert 0 <= said[0] <= said[-1] <= len(words)
    for word, _ in out:
        assert word
        assert normalize_text(word) == word


def test_same_seed_same_sentence() -> None:
    assert augment(SENTENCE, random.Random(5)) == augment(SENTENCE, random.Random(5))
