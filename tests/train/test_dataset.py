from __future__ import annotations

import random
import tomllib
from collections import Counter
from pathlib import Path

import pytest

from scripts.train.dataset import (
    MORE_SENTENCES,
    OUT_OF_SCOPE_SHARE,
    Example,
    build,
    label_names,
    slot_values,
    weigh,
)
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


def test_spans_are_the_words_of_slots(examples: list[Example]) -> None:
    timers = [e for e in examples if e.intent == "timer.add" and e.spans]
    assert timers
    values = slot_values(timers)
    assert {"ten minutes", "five minutes", "10 minutes", "5 minutes"} & values["duration"]
    for example in timers:
        words = example.text.split()
        for start, end, _ in example.spans:
            assert 0 <= start < end <= len(words)


def test_more_sentences_are_of_declared_intents_and_can_be_filled() -> None:
    with MORE_SENTENCES.open("rb") as file:
        more = tomllib.load(file)
    rng = random.Random(4)
    declared = {intent.name: intent for intent in BUILTIN_INTENTS}
    assert set(more) <= set(declared)
    for name, templates in more.items():
        for template in templates:
            assert "{" not in sample(declared[name], rng, example=template).text


def test_a_sentence_with_one_wording_weighs_more_than_one_of_many() -> None:
    def row(text: str, times: int) -> Example:
        return Example(text, "timer.set", "skills", "g", "train", times=times)

    weights = [example.weight for example in weigh([row("stop", 30), row("a", 1), row("b", 1)])]
    assert weights[0] == pytest.approx(30 * weights[1])
