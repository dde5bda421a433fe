from __future__ import annotations

from datetime import datetime

import pytest

from voicebox.routing.filling import fill
from voicebox.skills.types import Intent, Slot, SlotKind
from voicebox.stt.lexicon import Lexicon

NOW = datetime(2026, 3, 4, 15, 10)  # a Wednesday
WHEN = Slot("when", SlotKind.TIME, required=True)
PEOPLE = Slot("people", SlotKind.NUMBER, low=1, high=12)
BOOK = Intent("r.book", "book", ("a table for {people} {when}",), (WHEN, PEOPLE))
TRIP = Intent("t.book", "book", ("fly on {day} at {when}",), (Slot("day", SlotKind.DATE), WHEN))
PAY = Intent(
    "b.pay", "pay", ("pay {sum} in {parts} parts",), (Slot("sum", SlotKind.MONEY), Slot("parts", SlotKind.NUMBER))
)


def values(intent, text):
    return {name: slot.value for name, slot in fill(intent, text, NOW, Lexicon.of([intent])).slots.items()}


@pytest.mark.parametrize(
    ("text", "people", "when"),
    [
        ("a table for four tomorrow at seven", 4, "2026-03-05T07:00:00"),
        ("a table for two at eight o'clock", 2, "2026-03-04T20:00:00"),
        ("book dinner for three tonight at nine", 3, "2026-03-04T21:00:00"),
        ("get us in at seven thirty for five people", 5, "2026-03-04T19:30:00"),
        ("a table for forty people at noon", None, "2026-03-05T12:00:00"),
    ],
)
def test_a_number_beside_a_time(text, people, when):
    found = values(BOOK, text)
    assert found.get("people") == people
    assert found["when"] == when


def test_a_day_beside_a_time():
    assert values(TRIP, "fly on friday at seven pm") == {"day": "2026-03-06", "when": "2026-03-06T19:00:00"}
    assert values(TRIP, "fly on friday") == {"day": "2026-03-06", "when": "2026-03-06"}


def test_a_choice_with_a_number_in_it_is_no_number():
    kind = Slot("kind", SlotKind.CHOICE, {"four cheese": (), "margherita": ("margarita",)})
    pizza = Intent("p.order", "order", ("{count} {kind}",), (Slot("count", SlotKind.NUMBER), kind))
    assert values(pizza, "two large four cheese pizzas") == {"count": 2, "kind": "four cheese"}
    assert values(pizza, "a four cheese pizza") == {"kind": "four cheese"}


def test_money_takes_its_words_before_numbers():
    assert values(PAY, "pay ninety dollars in three parts") == {"sum": 90, "parts": 3}
