"""Arithmetic and unit conversion."""

from __future__ import annotations

from fractions import Fraction
from functools import cache
from typing import Any

from voicebox.skills.arithmetic import CalculationError, evaluate
from voicebox.skills.base import BuiltinSkill, value_of
from voicebox.skills.intents import math
from voicebox.skills.parse.units import BARE_DEGREE, UNITS, pint_name
from voicebox.skills.state import Household
from voicebox.skills.types import Plan, Request
from voicebox.skills.wording import spoken_number

__all__ = ["MathSkill"]

_CELSIUS, _FAHRENHEIT = "degree celsius", "degree fahrenheit"


class MathSkill(BuiltinSkill):
    """Calculates and converts; changes nothing."""

    def __init__(self, household: Household) -> None:
        handlers = {"math.calculate": self._calculate, "math.convert": self._convert}
        super().__init__("math", math.INTENTS, handlers, household)

    def _calculate(self, request: Request) -> Plan:
        expression: str = value_of(request, "expression")
        try:
            result = evaluate(expression)
        except CalculationError as error:
            return Plan(f"Sorry, {error}.", data={"expression": expression})
        data = {"expression": expression, "result": _number(result)}
        return Plan(f"That's {spoken_number(result)}.", data=data)

    def _convert(self, request: Request) -> Plan:
        quantity: dict[str, Any] = value_of(request, "quantity")
        target: str = value_of(request, "unit")
        amount, source = quantity["value"], quantity["unit"]
        if source == BARE_DEGREE:
            source = _FAHRENHEIT if target == _CELSIUS else _CELSIUS
        data = {"value": amount, "unit": source, "to": target}
        said = f"{spoken_number(amount)} {spoken_unit(source, amount)}"
        if source == target:
            return Plan(f"That's {said} already.", data=data)
        result = _converted(amount, source, target)
        if result is None:
            return Plan(f"Sorry, {spoken_unit(source, 2)} don't convert to {spoken_unit(target, 2)}.", data=data)
        answer = spoken_number(result)
        verb = "is" if abs(amount) <= 1 else "are"
        reply = f"{said[0].upper()}{said[1:]} {verb} {answer} {spoken_unit(target, result)}."
        return Plan(reply, data={**data, "result": result})


def spoken_unit(unit: str, amount: float) -> str:
    """The name of a unit for an amount of it: "feet", "degrees Celsius", "mile per hour"."""
    name = unit if abs(amount) == 1 else (UNITS.get(unit, ()) or (unit,))[0]
    if unit in (_CELSIUS, _FAHRENHEIT):
        name = f"degree{'' if abs(amount) == 1 else 's'} {unit.split()[1].title()}"
    return name


@cache
def _registry() -> Any:
    """The unit registry, made at first use: it takes a fifth of a second."""
    import pint

    return pint.UnitRegistry()


@cache
def _pint_unit(unit: str) -> Any:
    return _registry().parse_units(pint_name(unit))


def warm() -> None:
    """Make the unit registry and resolve all units, so that the first conversion is as fast as the others."""
    for unit in UNITS:
        _registry().Quantity(1, _pint_unit(unit)).to_base_units()


def _converted(amount: float, source: str, target: str) -> float | None:
    """The amount in another unit; None if the two measure different things."""
    import pint

    try:
        result = _registry().Quantity(float(amount), _pint_unit(source)).to(_pint_unit(target)).magnitude
    except pint.DimensionalityError:
        return None
    return float(f"{result:.10g}")


def _number(value: Fraction | float) -> int | float:
    if isinstance(value, Fraction) and value.denominator == 1:
        return value.numerator
    try:
        return float(value)
    except OverflowError:
        return float("inf") if value > 0 else float("-inf")
