import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicebox.skills.intents import BUILTIN_INTENTS
from voicebox.skills.templates import Span, TemplateError, expand, parse, sample
from voicebox.skills.types import Intent, Slot, SlotKind
from voicebox.skills.values import agree


def texts(template: str) -> list[str]:
    return [sentence.text for sentence in expand(template)]


def test_alternatives_and_optional_words_multiply():
    assert texts("[please] turn (it|that|) off") == [
        "turn it off",
        "turn that off",
        "turn off",
        "please turn it off",
        "please turn that off",
        "please turn off",
    ]


def test_groups_nest():
    assert texts("a (b [c]|d (e|f))") == ["a b", "a b c", "a d e", "a d f"]


def test_top_level_alternatives():
    assert texts("yes|no") == ["yes", "no"]


def test_spans_point_at_the_slots():
    (sentence,) = expand("set {duration} for {name}")
    assert sentence.text == "set {duration} for {name}"
    assert sentence.spans == (Span("duration", 4, 14), Span("name", 19, 25))
    assert sentence.words_of("name") == "{name}"
    assert sentence.words_of("room") is None


@pytest.mark.parametrize("template", ["(a|b", "a)", "[a", "a]", "(a]", "{}", "{a b}", "}"])
def test_malformed_templates_are_refused(template):
    with pytest.raises(TemplateError):
        parse(template)


def test_long_templates_expand_lazily():
    template = " ".join(["(a|b)"] * 60)
    assert next(expand(template)).text == " ".join("a" * 60)


@pytest.mark.parametrize("intent", BUILTIN_INTENTS, ids=lambda intent: intent.name)
def test_every_template_samples_and_every_slot_occurs(intent):
    rng = random.Random(7)
    seen: set[str] = set()
    for example in intent.examples:
        for _ in range(20):
            sentence = sample(intent, rng, example=example)
            assert sentence.text == sentence.text.strip()
            assert "  " not in sentence.text
            assert not set(sentence.text) & set("{}()[]|_")
            seen |= {span.slot for span in sentence.spans}
            assert all(sentence.text[span.start : span.end].strip() for span in sentence.spans)
    if intent.name != "dialog.correct":
        assert seen == {slot.name for slot in intent.slots}


def test_sampling_is_reproducible():
    intent = next(intent for intent in BUILTIN_INTENTS if intent.name == "timer.set")
    draw = [[sample(intent, random.Random(seed)).text for _ in range(3)] for seed in (5, 5, 6)]
    assert draw[0] == draw[1]
    assert draw[0] != draw[2]


def test_an_undeclared_slot_is_an_error():
    with pytest.raises(KeyError):
        sample(Intent("x.y", "", ("a {b}",)), random.Random(0))


@pytest.mark.parametrize(
    ("before", "words", "after"),
    [
        ("make me a", "iced coffee", "make me an"),
        ("make me an", "latte", "make me a"),
        ("a", "hour", "an"),
        ("get an", "one hour", "get a"),
        ("start a", "a minute", "start"),
        ("wake me at", "in ten minutes", "wake me"),
        ("wake me at", "seven", "wake me at"),
        ("in the", "every room", "in"),
    ],
)
def test_words_agree_with_values(before, words, after):
    assert agree(before, words) == after


@given(st.integers())
def test_choice_slots_take_declared_forms_only(seed):
    slot = Slot("roast", SlotKind.CHOICE, values={"dark roast": ("black roast",), "light roast": ()})
    intent = Intent("coffee.x", "", ("a {roast}",), (slot,))
    assert sample(intent, random.Random(seed)).words_of("roast") in {"dark roast", "black roast", "light roast"}
