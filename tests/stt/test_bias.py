from __future__ import annotations

from voicebox.skills.intents import BUILTIN_INTENTS
from voicebox.skills.types import Intent, Slot, SlotKind
from voicebox.stt.bias import bias_prompt

ROOM = Slot("room", SlotKind.CHOICE, {"kitchen": ("cookhouse",), "bedroom": ("sleeping room",)})
LIGHT = Intent("light.on", "lights", ("turn on the {room} light", "i want light in the {room}"), (ROOM,))
FAN = Intent("light.fan", "fans", ("start the fan",))
NONE = Intent("light.none", "nothing", ())


def test_without_intents_nothing_is_expected() -> None:
    assert bias_prompt([]) == ""
    assert bias_prompt([NONE]) == ""


def test_sentences_are_written_as_a_recogniser_writes_them() -> None:
    assert bias_prompt([FAN]) == "Start the fan."
    assert "I want light" in bias_prompt([LIGHT])


def test_sentences_bring_new_words_and_canonical_values_only() -> None:
    prompt = bias_prompt([LIGHT])
    assert "kitchen" in prompt
    assert "bedroom" in prompt
    assert "cookhouse" not in prompt
    assert "sleeping" not in prompt


def test_the_first_intents_have_a_sentence_each() -> None:
    prompt = bias_prompt([LIGHT, FAN])
    assert prompt.count(".") == 3
    assert "Start the fan." in prompt


def test_the_prompt_stays_short_and_the_same() -> None:
    for count in (1, 2, 5):
        intents = BUILTIN_INTENTS[:count]
        prompt = bias_prompt(intents, max_words=20)
        assert prompt
        assert len(prompt.split()) <= 20
        assert prompt == bias_prompt(intents, max_words=20)
    assert bias_prompt([FAN], max_words=2) == ""


def test_values_that_are_missing_follow_where_there_is_room() -> None:
    kind = Slot("kind", SlotKind.CHOICE, {"margherita": (), "pepperoni": ("salami",), "four cheese": ()})
    order = Intent("pizza.order", "order pizza", ("order a {kind}",), (kind,))
    prompt = bias_prompt([order])
    assert prompt.lower().count("pepperoni") == prompt.lower().count("margherita") == 1
    assert "four cheese" in prompt.lower()
    assert "salami" not in prompt
    assert len(bias_prompt([order], max_words=4).split()) <= 4
