"""Arithmetic: "seventeen times three plus one" → "17*3+1", "15% of 80" → "15/100*80", "square root of 81" → "sqrt(81)".

A recursive-descent parser over spoken operators; what it writes is read back by `voicebox/skills/arithmetic.py`.
Terms that a phrase binds together ("the sum of …") are put in brackets.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from voicebox.skills.parse.numbers import number_at, ordinal_at
from voicebox.skills.parse.tokens import Match, Token, match_of, tokenize

__all__ = ["find"]

_Parsed = tuple[str, int]

_ADD: dict[tuple[str, ...], str] = {
    ("plus",): "+", ("+",): "+", ("added", "to"): "+", ("minus",): "-", ("-",): "-", ("less",): "-",
    ("take", "away"): "-", ("takeaway",): "-",
}  # fmt: skip
_MULTIPLY: dict[tuple[str, ...], str] = {
    ("times",): "*", ("x",): "*", ("×",): "*", ("*",): "*", ("multiplied", "by"): "*", ("multiplied", "with"): "*",
    ("divided", "by"): "/", ("over",): "/", ("÷",): "/", ("/",): "/", ("by",): "*", ("modulo",): "%", ("mod",): "%",
}  # fmt: skip
_POWER: dict[tuple[str, ...], str] = {
    ("to", "the", "power", "of"): "**", ("raised", "to", "the", "power", "of"): "**", ("to", "the", "power"): "**",
    ("raised", "to"): "**", ("^",): "**", ("to", "the"): "**",
}  # fmt: skip
_MAX_TOKENS = 120
"""Words that are looked at: it bounds time and depth, and nobody speaks a longer sum."""

_PAIRS = {"sum": "+", "product": "*", "difference": "-", "quotient": "/"}
_COMMANDS = {"add": "+", "multiply": "*", "divide": "/", "subtract": "-"}
_ROOTS = {("square", "root", "of"): "sqrt", ("cube", "root", "of"): "cbrt", ("root", "of"): "sqrt"}
_MULTIPLES = {"twice": 2, "double": 2, "triple": 3}


def find(text: str) -> list[Match]:
    """All calculations in a text, left to right; a bare number is none."""
    tokens = tokenize(text)[:_MAX_TOKENS]
    matches: list[Match] = []
    i = 0
    while i < len(tokens):
        found = _sum(tokens, i)
        if found is None or not _calculates(found[0]):
            i = i + 1 if found is None else max(found[1], i + 1)
            continue
        matches.append(match_of(found[0], text, tokens, i, found[1]))
        i = found[1]
    return matches


def _calculates(expression: str) -> bool:
    """Whether there is more than one number, or a function."""
    return any(sign in expression.lstrip("-") for sign in "+-*/%(")


def _literal(value: Fraction) -> str:
    """A number as it is written in an expression: decimals where they end, else a quotient."""
    if value.denominator == 1:
        return str(value.numerator)
    rest = value.denominator
    for prime in (2, 5):
        while rest % prime == 0:
            rest //= prime
    if rest != 1:
        return f"({value.numerator}/{value.denominator})"
    places = 1
    while 10**places % value.denominator:
        places += 1
    digits = str(abs(value.numerator) * (10**places // value.denominator)).rjust(places + 1, "0")
    return f"{'-' if value < 0 else ''}{digits[:-places]}.{digits[-places:]}"


def _operator(table: dict[tuple[str, ...], str], tokens: Sequence[Token], i: int) -> tuple[str, int] | None:
    for length in (5, 4, 3, 2, 1):
        words = tuple(token.text for token in tokens[i : i + length])
        if len(words) == length and words in table:
            return table[words], i + length
    return None


def _sum(tokens: Sequence[Token], i: int) -> _Parsed | None:
    left = _product(tokens, i)
    if left is None:
        return None
    expression, i = left
    while (operator := _operator(_ADD, tokens, i)) is not None:
        right = _product(tokens, operator[1])
        if right is None:
            break
        term, after = right
        if (percent := _percent_sign(tokens, after)) is not None:
            # "80 plus 10 percent" is a tenth of the 80 more.
            expression, i = f"({expression})*(1{operator[0]}{term}/100)", percent
            continue
        expression, i = f"{expression}{operator[0]}{term}", after
    return expression, i


def _product(tokens: Sequence[Token], i: int) -> _Parsed | None:
    left = _power(tokens, i)
    if left is None:
        return None
    expression, i = left
    while (operator := _operator(_MULTIPLY, tokens, i)) is not None:
        right = _power(tokens, operator[1])
        if right is None:
            break
        expression, i = f"{expression}{operator[0]}{right[0]}", right[1]
    return expression, i


def _power(tokens: Sequence[Token], i: int) -> _Parsed | None:
    base = _operand(tokens, i)
    if base is None:
        return None
    expression, i = base
    while i < len(tokens):
        word = tokens[i].text
        if word in ("squared", "²"):
            expression, i = f"{expression}**2", i + 1
        elif word in ("cubed", "³"):
            expression, i = f"{expression}**3", i + 1
        elif (operator := _operator(_POWER, tokens, i)) is not None and (
            right := _exponent(tokens, operator[1])
        ) is not None:
            expression, i = f"{expression}**{right[0]}", right[1]
        else:
            break
    return expression, i


def _exponent(tokens: Sequence[Token], i: int) -> _Parsed | None:
    if (ordinal := ordinal_at(tokens, i)) is not None:
        after = ordinal[1] + (ordinal[1] < len(tokens) and tokens[ordinal[1]].text == "power")
        return str(ordinal[0]), after
    return _operand(tokens, i)


def _operand(tokens: Sequence[Token], i: int) -> _Parsed | None:
    """A number, a negated or bracketed operand, or a phrase that calculates."""
    if i >= len(tokens):
        return None
    word = tokens[i].text
    if word in ("minus", "negative", "-"):
        number = _operand(tokens, i + 1)
        return None if number is None else (f"(-{number[0]})", number[1])
    if word == "(":
        inner = _sum(tokens, i + 1)
        if inner is not None and inner[1] < len(tokens) and tokens[inner[1]].text == ")":
            return f"({inner[0]})", inner[1] + 1
        return None
    if word == "the":
        return _phrase(tokens, i + 1)
    if (phrase := _phrase(tokens, i)) is not None:
        return phrase
    number_found = number_at(tokens, i)
    if number_found is None:
        return None
    value, after = number_found
    percent = _percent_sign(tokens, after)
    of = percent if percent is not None else after
    if of < len(tokens) and tokens[of].text == "of" and (percent is not None or 0 < value < 1):
        share = f"{_literal(value)}/100" if percent is not None else _quotient(value)
        whole = _operand(tokens, of + 1)
        if whole is not None:
            return f"{share}*{whole[0]}", whole[1]
    return _literal(value), after


def _quotient(value: Fraction) -> str:
    return f"{value.numerator}/{value.denominator}"


def _percent_sign(tokens: Sequence[Token], i: int) -> int | None:
    if i < len(tokens) and tokens[i].text in ("%", "percent"):
        return i + 1
    if [token.text for token in tokens[i : i + 2]] == ["per", "cent"]:
        return i + 2
    return None


def _phrase(tokens: Sequence[Token], i: int) -> _Parsed | None:
    """ "square root of 81", "sum of 3 and 4", "add 3 and 4", "subtract 3 from 10", "twice 4", "√"."""
    if i >= len(tokens):
        return None
    if (root := _operator(_ROOTS, tokens, i)) is not None:
        inner = _operand(tokens, root[1])
        return None if inner is None else (f"{root[0]}({inner[0]})", inner[1])
    word = tokens[i].text
    if word in _MULTIPLES:
        inner = _operand(tokens, i + 1)
        return None if inner is None else (f"{_MULTIPLES[word]}*{inner[0]}", inner[1])
    following = tokens[i + 1].text if i + 1 < len(tokens) else ""
    if word in _PAIRS and following in ("of", "between"):
        return _pair(tokens, i + 2, _PAIRS[word], links=("and",))
    if word in _COMMANDS:
        return _pair(tokens, i + 1, _COMMANDS[word], links=("and", "to", "by", "with", "from"))
    return None


def _pair(tokens: Sequence[Token], i: int, operator: str, links: tuple[str, ...]) -> _Parsed | None:
    left = _operand(tokens, i)
    if left is None or left[1] >= len(tokens) or tokens[left[1]].text not in links:
        return None
    link = tokens[left[1]].text
    right = _operand(tokens, left[1] + 1)
    if right is None:
        return None
    first, second = (right[0], left[0]) if link == "from" else (left[0], right[0])
    return f"({first}{operator}{second})", right[1]
