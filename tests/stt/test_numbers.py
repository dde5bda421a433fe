from __future__ import annotations

import pytest

from voicebox.stt.numbers import digits_for_words


@pytest.mark.parametrize(
    ("said", "digits"),
    [
        ("ten", "10"),
        ("twenty five", "25"),
        ("one hundred and five", "105"),
        ("five hundred thousand and two", "500002"),
        ("two thousand twenty six", "2026"),
        ("nineteen eighty four", "19 84"),
        ("twenty one hundred", "2100"),
        ("three million two hundred thousand", "3200000"),
        ("five thirty", "5 30"),
        ("zero zero seven", "0 0 7"),
        ("one and two", "1 and 2"),
        ("one hundred and", "100 and"),
        ("a hundred", "a hundred"),
        ("hundred hundred", "hundred hundred"),
        ("5 million", "5000000"),
        ("12 hundred", "1200"),
        ("5000 thousand", "5000 thousand"),
        ("tenth twelfth twentieth", "10th 12th 20th"),
        ("twenty third", "23rd"),
        ("one hundred first", "101st"),
        ("eleventh", "11th"),
        ("twenty second timer", "20 second timer"),
        ("no numbers here", "no numbers here"),
        ("", ""),
    ],
)
def test_spelt_numbers_become_digits(said: str, digits: str) -> None:
    assert digits_for_words(said.split()) == digits.split()
