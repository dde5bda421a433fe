import pint
import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicebox.skills.parse import percent, quantities
from voicebox.skills.parse.units import UNITS, pint_name
from voicebox.skills.wording import number_words


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("set it to half", [50]),
        ("thirty percent", [30]),
        ("10%", [10]),
        ("forty per cent", [40]),
        ("maximum", [100]),
        ("seven out of ten", [70]),
        ("three quarters", [75]),
        ("20 degrees", []),
        ("120 percent", []),
        ("2.5", []),
    ],
)
def test_percentages(text, expected):
    assert [match.value for match in percent.find(text)] == expected


def test_a_bare_number_is_less_sure():
    (match,) = percent.find("volume 7")
    assert (match.value, match.confidence < 1) == (7, True)


@given(st.integers(0, 100), st.sampled_from(["%", " percent", " per cent"]), st.booleans())
def test_percentages_come_back(value, sign, in_words):
    text = f"{number_words(value) if in_words else value}{sign}"
    assert [match.value for match in percent.find(text)] == [value]


@pytest.mark.parametrize(
    ("text", "value", "unit"),
    [
        ("three and a half miles", 3.5, "mile"),
        ("a mile and a half", 1.5, "mile"),
        ("half a cup", 0.5, "cup"),
        ("a pound", 1, "pound"),
        ("5km", 5, "kilometer"),
        ("72°F", 72, "degree fahrenheit"),
        ("minus 40 degrees celsius", -40, "degree celsius"),
        ("350 degrees", 350, "degree"),
        ("five foot six", 5.5, "foot"),
        ("5 feet 6 inches", 5.5, "foot"),
        ("two pounds eight ounces", 2.5, "pound"),
        ("one hundred kilometers per hour", 100, "kilometer per hour"),
        ("3 square feet", 3, "square foot"),
    ],
)
def test_quantities(text, value, unit):
    (match,) = quantities.find(f"convert {text} to something")
    assert match.value == {"value": value, "unit": unit}
    assert match.text == text


def test_the_asked_unit_is_not_a_quantity():
    (match,) = quantities.find("how many feet are in three miles")
    assert match.text == "three miles"


@pytest.mark.parametrize("unit", UNITS)
def test_every_form_of_every_unit_is_found(unit):
    for form in (unit, *UNITS[unit]):
        (match,) = quantities.find(f"seven {form}")
        assert match.value == {"value": 7, "unit": unit}


def test_pint_knows_every_unit():
    registry = pint.UnitRegistry()
    for unit in UNITS:
        registry.parse_units(pint_name(unit))
