"""Coffee orders: confirms what was understood; the order itself is the plan's data."""

from __future__ import annotations

from collections.abc import Callable

from voicebox.skills.base import BuiltinSkill, value_of
from voicebox.skills.intents import coffee
from voicebox.skills.state import Household
from voicebox.skills.types import Plan, Request
from voicebox.skills.wording import pick

__all__ = ["CoffeeSkill"]

_BEFORE = ("size", "roast", "numberOfShots")
_SLOTS = (*_BEFORE, "coffeeDrink", "milkAmount", "sugarAmount")


class CoffeeSkill(BuiltinSkill):
    """Takes orders. `data` is `{"intent": "orderDrink", "slots": {…}}` with the values of the benchmark's grammar."""

    def __init__(self, household: Household) -> None:
        super().__init__("coffee", coffee.INTENTS, {"coffee.order": self._order}, household)

    def _order(self, request: Request) -> Plan:
        slots = {name: request.slots[name].value for name in _SLOTS if name in request.slots}
        drink = " ".join(str(slots[name]) for name in (*_BEFORE, "coffeeDrink") if name in slots)
        extras = [value_of(request, name) for name in ("milkAmount", "sugarAmount") if name in slots]
        article = "an" if drink.startswith(("a", "e", "i", "o", "u")) else "a"
        order = f"{article} {drink}{' with ' if extras else ''}{' and '.join(extras)}"
        reply = pick(request.text, (f"Okay, {order}.", f"Sure, {order}.", f"Okay, {order}, coming up."))

        def do() -> Callable[[], None]:
            return lambda: None

        plan = self._command(request, reply, do, "the order", {})
        return Plan(plan.reply, commit=plan.commit, data={"intent": "orderDrink", "slots": slots})
