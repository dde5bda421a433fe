from __future__ import annotations

import random
from collections import Counter
from pathlib import Path

import pytest

from scripts.train.dataset import OUT_OF_SCOPE_SHARE, Example, build, label_names
from scripts.train.outofscope import load_out_of_scope
from voicebox.llm.intent_text import normalize_text
from voicebox.llm.types import OUT_OF_SCOPE
from voicebox.skills.intents import BUILTIN_INTENTS
from voicebox.skills.templates import sample


@pytest.fixture(scope="module")
def examples(tmp_path_factory: pytest.TempPathFactory) -> list[Example]:
    empty: Path = tmp_path_factory.mktemp("no-public-data")
    return build(BUILTIN_INTENTS, empty, per_intent=60, out_of_scope=3000, seed=3)


def test_every_label_has_training_sentences(examples: list[Example]) -> None:
    labels = label_names(BUILTIN_INTENTS)
    assert labels[-1] == OUT_OF_SCOPE
    assert {example.intent for example in examples if example.split == "train"} == set(labels)


def test_texts_are_normalized_unique_and_in_one_split(examples: list[Example]) -> None:
    texts = Counter(example.text for example in examples)
    assert max(texts.values()) == 1
    for example in examples[::17]:
        assert normalize_text(example.text) == example.text


def test_held_out_templates_are_whole(examples: list[Example]) -> None:
    groups = {split: {e.group for e in examples if e.split == split} for split in ("train", "held")}
    assert groups["held"]
    assert not groups["train"] & groups["held"]


def test_out_of_scope_has_its_share_of_the_weight(examples: list[Example]) -> None:
    total = sum(example.weight for example in examples)
    outside = sum(example.weight for example in examples if example.intent == OUT_OF_SCOPE)
    assert outside / total == pytest.approx(OUT_OF_SCOPE_SHARE)
    assert total == pytest.approx(len(examples))


def test_the_same_seed_gives_the_same_sentences(examples: list[Example], tmp_path: Path) -> None:
    assert build(BUILTIN_INTENTS, tmp_path, per_intent=60, out_of_scope=3000, seed=3) == examples


def test_out_of_scope_templates_fill_all_lists() -> None:
    source = load_out_of_scope()
    rng = random.Random(1)
    for family in source.families:
        for template in family.templates:
            text = source.sample(template, rng)
            assert text
            assert "{" not in text


def test_out_of_scope_templates_say_nothing_that_a_skill_says() -> None:
    rng = random.Random(2)
    skills = {
        normalize_text(sample(intent, rng, example=example).text)
        for intent in BUILTIN_INTENTS
        for example in intent.examples
        for _ in range(20)
    }
    source = load_out_of_scope()
    written = {
        source.sample(template, rng) for family in source.families for template in family.templates for _ in range(20)
    }
    assert written & skills == set()
