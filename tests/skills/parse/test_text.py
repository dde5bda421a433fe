import random
from datetime import datetime

import pytest

from voicebox.skills.intents import BUILTIN_INTENTS
from voicebox.skills.intents.correct import CORRECT
from voicebox.skills.parse import find, find_text
from voicebox.skills.templates import sample
from voicebox.skills.types import SlotKind

NOW = datetime(2026, 3, 4, 15, 10)
INTENTS = {intent.name: intent for intent in BUILTIN_INTENTS}


def said(intent, slot, text):
    declared = next(declared for declared in INTENTS[intent].slots if declared.name == slot)
    match = find_text(INTENTS[intent], declared, text)
    assert match is None or text[match.start : match.end] == match.text
    return match and match.value


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("set a ten minute pasta timer", "pasta"),
        ("set a timer for the pasta for ten minutes", "pasta"),
        ("Okay, please set an egg timer for 3 minutes.", "egg"),
        ("set a timer called tea break for 4 minutes", "tea break"),
        ("ten minutes for the laundry", "laundry"),
        ("set a timer for bread", "bread"),
        ("Set a timer for 10 minutes.", None),
        ("set a new timer", None),
        ("set another timer for five minutes", None),
        ("", None),
    ],
)
def test_timer_names(text, name):
    assert said("timer.set", "name", text) == name


@pytest.mark.parametrize(
    ("text", "item"),
    [
        ("Add milk, eggs and bread to the shopping list.", "milk, eggs and bread"),
        ("put call mom on my to-do list please", "call mom"),
        ("hey can you please put olive oil on my grocery list", "olive oil"),
        ("add two liters of milk", "two liters of milk"),
        ("we're out of toilet paper", "toilet paper"),
        ("add macaroni and cheese to my list", "macaroni and cheese"),
        ("don't let me forget the milk", "milk"),
        ("add something to my shopping list", None),
        ("blah " * 39, None),
    ],
)
def test_list_items(text, item):
    assert said("lists.add", "item", text) == item


# Fragments (dialog.correct) are read with the intent that they amend.
FREE = [i.name for i in BUILTIN_INTENTS if i.name != CORRECT and any(s.kind is SlotKind.TEXT for s in i.slots)]


@pytest.mark.parametrize("intent", FREE)
def test_sampled_sentences_give_their_words_back(intent):
    rng = random.Random(11)
    right = total = 0
    for _ in range(300):
        sentence = sample(INTENTS[intent], rng)
        for slot in INTENTS[intent].slots:
            if slot.kind is SlotKind.TEXT:
                total += 1
                right += said(intent, slot.name, sentence.text) == sentence.words_of(slot.name)
    assert right / total >= 0.97


# No built-in skill has these: see test_dates_money.py.
UNUSED = (SlotKind.CHOICE, SlotKind.TEXT, SlotKind.DATE, SlotKind.MONEY)


@pytest.mark.parametrize("kind", [kind for kind in SlotKind if kind not in UNUSED])
def test_sampled_values_are_found_whole(kind):
    rng = random.Random(5)
    right = total = 0
    for intent in BUILTIN_INTENTS:
        slots = [slot.name for slot in intent.slots if slot.kind is kind]
        if not slots or intent.name == CORRECT:
            continue
        for _ in range(200):
            sentence = sample(intent, rng)
            for slot in slots:
                if (words := sentence.words_of(slot)) is not None:
                    total += 1
                    right += words in [match.text for match in find(kind, sentence.text, NOW)]
    assert right / total >= 0.97


@pytest.mark.parametrize("kind", [SlotKind.CHOICE, SlotKind.TEXT])
def test_other_kinds_are_refused(kind):
    with pytest.raises(ValueError, match=kind):
        find(kind, "x", NOW)
