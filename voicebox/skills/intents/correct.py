"""Corrections: fragments that amend the last request, whatever it was."""

from __future__ import annotations

from voicebox.skills.intents import alarm, clock, coffee, home, lists, math, timer, volume
from voicebox.skills.types import Intent, Slot

__all__ = ["CORRECT", "INTENT"]

CORRECT = "dialog.correct"


def _borrowed() -> tuple[Slot, ...]:
    """All slots of the other skills, none required: a correction may carry any of them."""
    slots: dict[str, Slot] = {}
    for module in (timer, alarm, clock, math, lists, volume, home, coffee):
        for intent in module.INTENTS:
            for slot in intent.slots:
                slots.setdefault(slot.name, Slot(slot.name, slot.kind, slot.values))
    return tuple(slots.values())


INTENT = Intent(
    CORRECT,
    "take corrections",
    (
        "no {duration}",
        "no i said {duration}",
        "no i meant {duration}",
        "make (it|that) {duration}",
        "no make (it|that) {duration}",
        "actually {duration}",
        "actually make it {duration}",
        "sorry {duration}",
        "i mean {duration}",
        "{duration}",
        "{duration} instead",
        "change (it|that) to {duration}",
        "not {duration} {duration}",
        "no {time}",
        "make it {time} [instead]",
        "actually {time}",
        "no i meant {time}",
        "i said {time}",
        "{time} instead",
        "change (it|that) to {time}",
        "no {level}",
        "make it {level}",
        "actually {level}",
        "no i said {level}",
        "{level} instead",
        "make it {temperature}",
        "make it {temperature} degrees",
        "no {temperature} degrees",
        "(no|actually|i meant) the {room}",
        "not the {room} the {room}",
        "in the {room} [too|instead|please]",
        "the {room} (instead|too|i mean|as well)",
        "and the {room} [too]",
        "the {room}",
        "i said the {room}",
        "no the {device}",
        "i meant the {device}",
        "actually the {device} please",
        "(no|make it|actually) {color}",
        "no i meant {color}",
        "{color} instead",
        "no {item}",
        "i meant {item}",
        "no i said {item}",
        "actually {item}",
        "(no|actually|i meant) the {list} list",
        "on the {list} list",
        "make (it|that) (a|an) {size} [one]",
        "actually make (it|that) {size}",
        "no {size}",
        "{size} please",
        "make that a {roast}",
        "(no|actually|make it) {roast}",
        "with {milkAmount}",
        "with {milkAmount} please",
        "and {milkAmount}",
        "with {sugarAmount} [please]",
        "and {sugarAmount}",
        "with {milkAmount} and {sugarAmount}",
        "actually with {milkAmount}",
        "no with {milkAmount}",
        "make it a {numberOfShots}",
        "{numberOfShots} please",
        "(no|actually|i meant) (a|an) {coffeeDrink}",
        "make it (a|an) {coffeeDrink} instead",
        "no {unit}",
        "in {unit} [please]",
        "i meant {unit}",
        "what about {place}",
        "no in {place}",
        "i meant {place}",
        "what about {day}",
        "no {day}",
        "i meant {day}",
        "call it {name}",
        "for the {name}",
        "no the {name} timer",
    ),
    _borrowed(),
)
