"""Coffee orders: the domain of the public Picovoice speech-to-intent benchmark, with freer sentences."""

from __future__ import annotations

from voicebox.skills.types import Intent, Slot, SlotKind

__all__ = ["INTENTS"]

_SIZES = ("small", "medium", "large", "eight ounce", "twelve ounce", "sixteen ounce", "twenty ounce")
_AMOUNTS = ("", "some", "a bit of", "a little bit of", "a lot of", "lots of")
_MILKS = ("milk", "cream", "skim milk", "whole milk", "soy milk", "almond milk")
_SUGARS = ("sugar", "brown sugar", "sweetener")
_DRINKS: dict[str, tuple[str, ...]] = {
    "coffee": (),
    "drip coffee": (),
    "house coffee": (),
    "iced coffee": ("ice coffee",),
    "espresso": ("expresso",),
    "americano": (),
    "cappuccino": (),
    "latte": (),
    "mocha": ("mocca",),
    "iced mocha": ("ice mocha",),
}
_OUNCES = {"eight ounce": "8", "twelve ounce": "12", "sixteen ounce": "16", "twenty ounce": "20"}


def _amounts(kinds: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
    """Every amount of every kind; each is a value of its own: "a bit of milk" is not "milk"."""
    return {f"{amount} {kind}".strip(): () for amount in _AMOUNTS for kind in kinds}


SIZE = Slot(
    "size",
    SlotKind.CHOICE,
    values={size: (f"{_OUNCES[size]} ounce", f"{_OUNCES[size]}-ounce") if size in _OUNCES else () for size in _SIZES},
)
ROAST = Slot("roast", SlotKind.CHOICE, values={f"{roast} roast": () for roast in ("dark", "light", "medium")})
SHOTS = Slot(
    "numberOfShots",
    SlotKind.CHOICE,
    values={"single shot": (), "double shot": (), "triple shot": ()},
)
DRINK = Slot("coffeeDrink", SlotKind.CHOICE, values=_DRINKS, required=True, ask="Which coffee would you like?")
MILK = Slot("milkAmount", SlotKind.CHOICE, values=_amounts(_MILKS))
SUGAR = Slot("sugarAmount", SlotKind.CHOICE, values=_amounts(_SUGARS))

_VERB = "(brew|can i get|can i have|i want|get me|give me|i'd like|make me|may i have)"
_HOW = "[{size}] [{roast}] [{numberOfShots}]"

INTENTS: tuple[Intent, ...] = (
    Intent(
        "coffee.order",
        "order coffee",
        (
            f"{_VERB} (a|an) {{coffeeDrink}}",
            f"{_VERB} (a|an) {{size}} {{coffeeDrink}}",
            f"{_VERB} a {{roast}} {{coffeeDrink}}",
            f"{_VERB} a {{numberOfShots}} {{coffeeDrink}}",
            f"{_VERB} (a|an) {_HOW} {{coffeeDrink}}",
            f"{_VERB} (a|an) [{{roast}}] [{{numberOfShots}}] {{size}} {{coffeeDrink}}",
            f"{_VERB} (a|an) [{{numberOfShots}}] [{{size}}] [{{roast}}] {{coffeeDrink}}",
            f"{_VERB} (a|an) {_HOW} {{coffeeDrink}} with {{milkAmount}}",
            f"{_VERB} (a|an) {_HOW} {{coffeeDrink}} with {{sugarAmount}}",
            f"{_VERB} (a|an) {_HOW} {{coffeeDrink}} with {{milkAmount}} and {{sugarAmount}}",
            f"{_VERB} (a|an) {_HOW} {{coffeeDrink}} with {{sugarAmount}} and {{milkAmount}}",
            f"{_VERB} (a|an) [{{roast}}] [{{size}}] {{coffeeDrink}} with {{milkAmount}} and {{sugarAmount}}",
            f"{_VERB} (a|an) [{{numberOfShots}}] [{{roast}}] {{coffeeDrink}} with {{sugarAmount}}",
            f"(can you|could you|would you) [please] make me (a|an) {_HOW} {{coffeeDrink}}",
            f"(could|may) i [please] (get|have) (a|an) {_HOW} {{coffeeDrink}} [with {{milkAmount}}]",
            f"i would like (a|an) {_HOW} {{coffeeDrink}} [with {{milkAmount}}] [please]",
            f"i'll (have|take) (a|an) {_HOW} {{coffeeDrink}} [please]",
            "i feel like [having] (a|an) {coffeeDrink}",
            "i could use (a|an) [{size}] {coffeeDrink}",
            f"order me (a|an) {_HOW} {{coffeeDrink}}",
            f"order (a|an) {_HOW} {{coffeeDrink}} [with {{milkAmount}}|with {{sugarAmount}}]",
            f"(one|a|an) {_HOW} {{coffeeDrink}} please",
            f"{_HOW} {{coffeeDrink}} [with {{milkAmount}}|with {{sugarAmount}}] [please]",
            "please (make|brew|get) [me] (a|an) [{size}] {coffeeDrink}",
            "make (a|an) [{size}] [{roast}] {coffeeDrink}",
            "how about (a|an) [{size}] {coffeeDrink}",
            "let me (get|have) (a|an) [{size}] [{roast}] {coffeeDrink} with {milkAmount}",
            "i need (a|an) [{size}] [{numberOfShots}] {coffeeDrink} [with {sugarAmount}]",
            "get me something {size} a {coffeeDrink}",
            "can i get something to drink a {coffeeDrink} with {milkAmount} please",
        ),
        (SIZE, ROAST, SHOTS, DRINK, MILK, SUGAR),
        amendable=True,
    ),
)
