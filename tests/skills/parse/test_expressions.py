import math
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicebox.skills.arithmetic import CalculationError, evaluate
from voicebox.skills.parse import expressions
from voicebox.skills.wording import number_words


def found(text):
    return [match.value for match in expressions.find(text)]


@pytest.mark.parametrize(
    ("text", "expression", "value"),
    [
        ("seventeen times three plus one", "17*3+1", 52),
        ("what's 7 + 8?", "7+8", 15),
        ("3 x 4", "3*4", 12),
        ("10-5", "10-5", 5),
        ("the square root of eighty one", "sqrt(81)", 9),
        ("cube root of 27", "cbrt(27)", 3),
        ("15 percent of 80", "15/100*80", 12),
        ("15% of 80", "15/100*80", 12),
        ("80 plus 10 percent", "(80)*(1+10/100)", 88),
        ("half of ninety", "1/2*90", 45),
        ("two to the power of ten", "2**10", 1024),
        ("2 to the 5th power", "2**5", 32),
        ("12 squared", "12**2", 144),
        ("subtract 3 from 10", "(10-3)", 7),
        ("the sum of 4 and 5 times 2", "(4+5)*2", 18),
        ("five minus negative three", "5-(-3)", 8),
        ("(3+4)*2", "(3+4)*2", 14),
        ("1,200 * 3", "1200*3", 3600),
        ("0.1 + 0.2", "0.1+0.2", Fraction(3, 10)),
        ("double 8", "2*8", 16),
    ],
)
def test_spoken_arithmetic(text, expression, value):
    assert found(text) == [expression]
    assert evaluate(expression) == value


@pytest.mark.parametrize("text", ["what is five", "two and two", "what is 3 plus", "ten minutes", "plus", ""])
def test_no_calculation(text):
    assert found(text) == []


OPERATORS = {"plus": "+", "minus": "-", "times": "*", "divided by": "/"}


@given(
    st.integers(0, 10**6),
    st.lists(st.tuples(st.sampled_from(sorted(OPERATORS)), st.integers(1, 10**6)), min_size=1, max_size=4),
    st.booleans(),
)
def test_chains_come_back(first, rest, in_words):
    def say(number):
        return number_words(number) if in_words else str(number)

    text = say(first) + "".join(f" {name} {say(number)}" for name, number in rest)
    expected = str(first) + "".join(f"{OPERATORS[name]}{number}" for name, number in rest)
    assert found(text) == [expected]


@given(st.decimals(0, 10**6, places=4), st.integers(1, 99))
def test_decimals_stay_exact(left, right):
    (expression,) = found(f"{left} plus {right}")
    assert evaluate(expression) == Fraction(left) + right


@pytest.mark.parametrize("text", ["(" * 3000, "minus " * 3000 + "1", "1 plus " * 3000, "twice " * 3000 + "4"])
def test_nesting_is_bounded(text):
    for expression in found(text):
        evaluate(expression)


@pytest.mark.parametrize(
    ("expression", "words"),
    [
        ("7/0", "zero"),
        ("0**(-1)", "zero"),
        ("sqrt(-4)", "negative"),
        ("9**9**9", "too large"),
        ("10**300*10**300", "too large"),
        ("sqrt(2)*10**390", "too large"),
        ("(-2)**0.5", "real"),
        ("__import__('os')", "sense"),
        ("1 if 1 else 2", "sense"),
        ("True+1", "sense"),
        ("1+", "sense"),
    ],
)
def test_what_cannot_be_calculated_says_why(expression, words):
    with pytest.raises(CalculationError, match=words):
        evaluate(expression)


def test_roots_are_exact_where_they_can_be():
    assert evaluate("sqrt(9/4)") == Fraction(3, 2)
    assert evaluate("sqrt(2)") == pytest.approx(math.sqrt(2))
    assert evaluate("cbrt(-27)") == -3
