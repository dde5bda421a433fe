"""Units of measure: what they are called, and what pint calls them."""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["BARE_DEGREE", "UNITS", "UNIT_OF", "pint_name"]

UNITS: Mapping[str, tuple[str, ...]] = {
    "millimeter": ("millimeters", "millimetres", "mm"),
    "centimeter": ("centimeters", "centimetres", "cm"),
    "meter": ("meters", "metres"),
    "kilometer": ("kilometers", "kilometres", "km"),
    "inch": ("inches",),
    "foot": ("feet",),
    "yard": ("yards",),
    "mile": ("miles",),
    "nautical mile": ("nautical miles",),
    "milligram": ("milligrams", "mg"),
    "gram": ("grams",),
    "kilogram": ("kilograms", "kilos", "kilo", "kg"),
    "metric ton": ("tons", "tonnes", "metric tons", "ton", "tonne"),
    "ounce": ("ounces", "oz"),
    "pound": ("pounds", "lbs", "lb"),
    "stone": ("stones",),
    "milliliter": ("milliliters", "millilitres", "ml"),
    "liter": ("liters", "litres"),
    "teaspoon": ("teaspoons",),
    "tablespoon": ("tablespoons",),
    "fluid ounce": ("fluid ounces",),
    "cup": ("cups",),
    "pint": ("pints",),
    "quart": ("quarts",),
    "gallon": ("gallons",),
    "degree celsius": ("celsius", "degrees celsius", "centigrade"),
    "degree fahrenheit": ("fahrenheit", "degrees fahrenheit"),
    "kelvin": ("kelvins",),
    "second": ("seconds",),
    "minute": ("minutes",),
    "hour": ("hours",),
    "day": ("days",),
    "week": ("weeks",),
    "month": ("months",),
    "year": ("years",),
    "mile per hour": ("miles per hour", "miles an hour", "mph"),
    "kilometer per hour": ("kilometers per hour", "kilometers an hour", "kilometres per hour"),
    "meter per second": ("meters per second", "meters a second"),
    "knot": ("knots",),
    "acre": ("acres",),
    "hectare": ("hectares",),
    "square meter": ("square meters", "square metres"),
    "square foot": ("square feet",),
    "kilobyte": ("kilobytes",),
    "megabyte": ("megabytes",),
    "gigabyte": ("gigabytes",),
    "terabyte": ("terabytes",),
    "calorie": ("calories",),
    "kilocalorie": ("kilocalories",),
    "joule": ("joules",),
    "kilojoule": ("kilojoules",),
    "watt": ("watts",),
    "horsepower": (),
}
"""Units in the singular, with further spoken forms."""

BARE_DEGREE = "degree"
"""The unit of "350 degrees", which only the context makes Celsius or Fahrenheit."""

UNIT_OF: Mapping[tuple[str, ...], str] = {
    tuple(form.split()): unit
    for unit, forms in (*UNITS.items(), (BARE_DEGREE, ("degrees",)))
    for form in (unit, *forms)
}
"""Words of every form → unit."""

_PINT = {
    "degree celsius": "degree_Celsius", "degree fahrenheit": "degree_Fahrenheit", "square meter": "meter ** 2",
    "square foot": "foot ** 2", "cup": "cup", "calorie": "calorie", "stone": "stone",
}  # fmt: skip


def pint_name(unit: str) -> str:
    """The unit as an expression that pint understands."""
    return _PINT.get(unit, unit.replace(" ", "_"))
