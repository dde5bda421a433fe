from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicebox.skills.types import Intent, Slot, SlotKind
from voicebox.stt.lexicon import Lexicon
from voicebox.stt.sounds import spell_sounds, split_words


def choice(name: str, *values: str, **forms: tuple[str, ...]) -> Slot:
    return Slot(name, SlotKind.CHOICE, {**dict.fromkeys(values, ()), **forms})


AMOUNTS = (
    "milk",
    "some milk",
    "a bit of milk",
    "a little bit of milk",
    "soy milk",
    "a little bit of soy milk",
    "cream",
)
ORDER = (
    choice("drink", "coffee", "iced coffee", "drip coffee", "cappuccino", "latte", "mocha", "espresso"),
    choice("roast", "dark roast", "light roast", "medium roast"),
    choice("size", "small", "medium", "large", "twelve ounce"),
    choice("milk", *AMOUNTS),
)
ROOMS = (choice("room", "kitchen", "living room", bedroom=("sleeping room",)),)


@pytest.fixture(scope="module")
def lexicon() -> Lexicon:
    return Lexicon({"order": ORDER, "light": ROOMS, "nothing": ()})


def values(lexicon: Lexicon, text: str, intent: str = "order") -> dict[str, object]:
    return {name: slot.value for name, slot in lexicon.match(text, intent).items()}


def test_values_that_are_written_as_declared_are_certain(lexicon: Lexicon) -> None:
    found = lexicon.match("Can I get a large dark roast cappuccino?", "order")
    assert {name: (slot.value, slot.confidence) for name, slot in found.items()} == {
        "size": ("large", 1.0),
        "roast": ("dark roast", 1.0),
        "drink": ("cappuccino", 1.0),
    }


@pytest.mark.parametrize(
    ("text", "slot", "value"),
    [
        ("a dark rose coffee", "roast", "dark roast"),
        ("get me a cup of chino", "drink", "cappuccino"),
        ("an ice coffee please", "drink", "iced coffee"),
        ("a trip coffee", "drink", "drip coffee"),
        ("one express so", "drink", "espresso"),
        ("a latte with a little bit of soya milk", "milk", "a little bit of soy milk"),
    ],
)
def test_values_that_were_misheard_are_found_by_sound(lexicon: Lexicon, text: str, slot: str, value: str) -> None:
    found = lexicon.match(text, "order")
    assert found[slot].value == value
    assert 0.6 < found[slot].confidence < 1.0


@pytest.mark.parametrize("amount", AMOUNTS)
def test_the_longest_value_wins(lexicon: Lexicon, amount: str) -> None:
    assert values(lexicon, f"a latte with {amount}")["milk"] == amount


def test_words_are_used_once(lexicon: Lexicon) -> None:
    assert values(lexicon, "a medium roast latte") == {"roast": "medium roast", "drink": "latte"}
    assert values(lexicon, "a medium medium roast latte") == {
        "size": "medium",
        "roast": "medium roast",
        "drink": "latte",
    }


@pytest.mark.parametrize("text", ["a 12 ounce latte", "a 12-ounce latte", "a 12oz latte", "a twelve ounce latte"])
def test_numbers_match_however_they_are_written(lexicon: Lexicon, text: str) -> None:
    assert values(lexicon, text) == {"size": "twelve ounce", "drink": "latte"}


def test_other_spoken_forms_give_the_canonical_value(lexicon: Lexicon) -> None:
    found = lexicon.match("lights in the sleeping room", "light")
    assert found["room"].value == "bedroom"
    assert found["room"].text == "sleeping room"


@pytest.mark.parametrize(
    "text",
    [
        "what will the weather be like tomorrow",
        "make me laugh",
        "it took me a while to get home",
        "call my mother and tell her i am late",
        "how many people live in france",
        "i have a lot of questions",
    ],
)
def test_other_words_are_no_values(lexicon: Lexicon, text: str) -> None:
    assert values(lexicon, text) == {}
    assert values(lexicon, text, "light") == {}


@pytest.mark.parametrize("text", ["", "   ", "?!", "…", "\0", "12", "日本語", "a" * 200])
def test_texts_without_words_have_no_values(lexicon: Lexicon, text: str) -> None:
    assert values(lexicon, text) == {}


def test_an_intent_without_choices_has_no_values(lexicon: Lexicon) -> None:
    assert values(lexicon, "a large latte", "nothing") == {}


def test_an_undeclared_intent_is_an_error(lexicon: Lexicon) -> None:
    with pytest.raises(KeyError):
        lexicon.match("a large latte", "weather")


def test_a_reading_says_which_words_are_values(lexicon: Lexicon) -> None:
    reading = lexicon.read("get me a dark rose latte", "order")
    assert [word for word, covered in zip(reading.words, reading.covered, strict=True) if covered] == [
        "dark",
        "rose",
        "latte",
    ]


def test_of_a_long_text_the_end_is_read(lexicon: Lexicon) -> None:
    assert values(lexicon, "well " * 500 + "a large latte") == {"size": "large", "drink": "latte"}


@given(st.text(max_size=80))
def test_any_text_is_survived(text: str) -> None:
    found = SMALL.match(text, "order")
    assert all(slot.value in {s.name: s for s in ORDER}[name].values for name, slot in found.items())


SMALL = Lexicon({"order": ORDER})


@given(st.lists(st.sampled_from([(slot.name, value) for slot in ORDER for value in slot.values]), max_size=4))
def test_values_apart_from_each_other_are_all_found(said: list[tuple[str, str]]) -> None:
    wanted = dict(said)
    text = " ".join(f"whatever {value} whatever" for value in wanted.values())
    assert values(SMALL, text) == wanted


def test_similar_sounds_are_near() -> None:
    from rapidfuzz.distance import Levenshtein

    def distance(a: str, b: str) -> float:
        return Levenshtein.distance(spell_sounds(a), spell_sounds(b)) / 5

    assert distance("sun", "son") == 0
    assert distance("bit", "bet") == pytest.approx(0.4)
    assert distance("pat", "bat") == pytest.approx(0.4)
    assert distance("pat", "sat") == pytest.approx(1.0)
    assert distance("lot", "lotta") == pytest.approx(0.6)


def test_words_are_split_and_numbers_stand_apart() -> None:
    assert split_words("I'd like a 12oz Café-latte, 2.5!") == [
        "i'd",
        "like",
        "a",
        "12",
        "ounce",
        "café",
        "latte",
        "2",
        "5",
    ]


def test_words_that_the_sentences_use_themselves_are_not_misheard_for_values() -> None:
    color = choice("color", "blue", **{"cool white": ("daylight",)})
    device = choice("device", "fan", outlet=("switch",))
    lexicon = Lexicon.of(
        [
            Intent("light", "", ("turn the light {color}", "make the light {color}"), (color,)),
            Intent("device", "", ("switch on the {device}",), (device,)),
        ]
    )
    assert values(lexicon, "make the light", "light") == {}
    assert values(lexicon, "make the light daylight", "light") == {"color": "cool white"}
    assert values(lexicon, "switch on the fan", "device") == {"device": "fan"}
    assert values(lexicon, "switch on the switch", "device") == {"device": "outlet"}
