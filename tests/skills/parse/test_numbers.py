import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicebox.skills.parse import numbers
from voicebox.skills.parse.numbers import ordinal_at
from voicebox.skills.parse.tokens import tokenize
from voicebox.skills.wording import number_words, ordinal_words


def values(text):
    return [match.value for match in numbers.find(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("forty two point five", [42.5]),
        ("a hundred and five", [105]),
        ("two thousand and five", [2005]),
        ("nineteen hundred", [1900]),
        ("1 1/2", [1.5]),
        ("3/4", [0.75]),
        ("three quarters", [0.75]),
        ("five and a half", [5.5]),
        ("3½", [3.5]),
        ("1,200.5", [1200.5]),
        ("2.5 million", [2_500_000]),
        ("minus forty", [-40]),
        ("point oh five", [0.05]),
        ("twenty-five.", [25]),
        ("5 and 6", [5, 6]),
        ("one two three", [1, 2, 3]),
        ("twenty first", []),
        ("21st", []),
        ("nothing", []),
        ("", []),
        ("9" * 5000, []),
        ("³ ² ½", [0.5]),
    ],
)
def test_numbers_as_people_say_them(text, expected):
    assert values(text) == expected


@given(st.integers(-(10**12), 10**12))
def test_words_come_back(value):
    assert values(number_words(value)) == [value]


@given(st.integers(0, 10**9))
def test_grouped_digits_come_back(value):
    assert values(f"{value:,}") == [value]


@given(st.integers(0, 999), st.lists(st.integers(0, 9), min_size=1, max_size=5))
def test_spoken_decimals_come_back(whole, digits):
    text = f"{number_words(whole)} point {' '.join(number_words(digit) for digit in digits)}"
    assert values(text) == [float(f"{whole}.{''.join(map(str, digits))}")]


@given(st.integers(1, 99))
def test_ordinals_come_back(value):
    tokens = tokenize(ordinal_words(value))
    assert ordinal_at(tokens, 0) == (value, len(tokens))


@given(st.text(max_size=200))
def test_any_text_is_survived_and_spans_are_true(text):
    end = 0
    for match in numbers.find(text):
        assert text[match.start : match.end] == match.text
        assert match.start >= end
        end = match.end
