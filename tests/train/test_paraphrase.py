from __future__ import annotations

import random

import pytest

from voicebox.llm.intent_text import normalize_text
from voicebox.train.paraphrase import paraphrase

TEXTS = ("i'd like a large pepperoni pizza", "book a table for two at seven", "where is my pizza", "two soups please",
         "can you cancel my order", "i want to move fifty dollars to savings", "soup")  # fmt: skip


def variants(text, n=300, **more):
    rng = random.Random(3)
    return {paraphrase(text, rng, **more) for _ in range(n)}


@pytest.mark.parametrize("text", TEXTS)
def test_what_comes_out_is_normalized_words(text):
    for variant in variants(text):
        assert variant
        assert normalize_text(variant) == variant


@pytest.mark.parametrize("text", TEXTS[:-1])
def test_there_are_many_ways(text):
    assert len(variants(text)) >= 40
    assert text in variants(text)


def test_values_stay_as_they_are():
    fixed = ["large", "pepperoni", "a"]
    assert all("large pepperoni" in variant for variant in variants("i'd like a large pepperoni pizza", fixed=fixed))


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("i'd like a large pizza", "can i get a large pizza"),
        ("book a table", "could you book a table"),
        ("can you book a table", "book a table"),
        ("i want to book a table", "i need to book a table"),
        ("where is my pizza", "tell me where is my pizza"),
        ("two soups", "i'll have two soups"),
    ],
)
def test_sentences_begin_in_other_ways(text, wanted):
    assert wanted in variants(text, 3000)


def test_it_is_the_same_for_the_same_chance():
    assert [paraphrase(text, random.Random(9)) for text in TEXTS] == [
        paraphrase(text, random.Random(9)) for text in TEXTS
    ]
