"""Numbers: "forty two point five", "a hundred and five", "1 1/2", "three quarters", "1,200", "2.5 million"."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from voicebox.skills.parse.tokens import Match, Token, match_of, tokenize

__all__ = ["Number", "find", "number_at", "ordinal_at", "plain"]

Number = int | float

_ONES = {
    word: value
    for value, word in enumerate(
        "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
        "seventeen eighteen nineteen".split()
    )
}
_TENS = {
    word: 10 * value
    for value, word in enumerate("twenty thirty forty fifty sixty seventy eighty ninety".split(), start=2)
}
_TENS["fourty"] = 40
_SCALES = {"thousand": 10**3, "million": 10**6, "billion": 10**9, "trillion": 10**12}
_ORDINAL_ONES = {
    word: value
    for value, word in enumerate(
        "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth fourteenth "
        "fifteenth sixteenth seventeenth eighteenth nineteenth".split(),
        start=1,
    )
}
_ORDINAL_TENS = {
    word: 10 * value
    for value, word in enumerate(
        "twentieth thirtieth fortieth fiftieth sixtieth seventieth eightieth ninetieth".split(), start=2
    )
}
_PARTS = {"half": 2, "halves": 2, "third": 3, "thirds": 3, "quarter": 4, "quarters": 4, "fifth": 5, "fifths": 5}
_SIGNS = {
    "½": Fraction(1, 2), "¼": Fraction(1, 4), "¾": Fraction(3, 4), "⅓": Fraction(1, 3), "⅔": Fraction(2, 3)
}  # fmt: skip


def plain(value: Fraction) -> Number:
    """An int if the number is whole, else the nearest float."""
    return value.numerator if value.denominator == 1 else float(value)


def find(text: str) -> list[Match]:
    """All numbers in a text, left to right, as int or float; "minus" and "negative" before one belong to it."""
    tokens = tokenize(text)
    matches: list[Match] = []
    i = 0
    while i < len(tokens):
        negative = tokens[i].text in ("minus", "negative", "-") and (i == 0 or not _is_number_like(tokens[i - 1]))
        found = number_at(tokens, i + negative)
        if found is None:
            i += 1
            continue
        value, after = found
        matches.append(match_of(plain(-value if negative else value), text, tokens, i, after))
        i = after
    return matches


def number_at(tokens: Sequence[Token], i: int, *, fractions: bool = True) -> tuple[Fraction, int] | None:
    """The number that begins at token `i`, and the index after it; None if none does.

    Args:
        tokens: of the whole text.
        i: where to begin.
        fractions: take "half", "three quarters" and "1/2" too.
    """
    if i >= len(tokens):
        return None
    whole = _cardinal(tokens, i)
    if whole is None:
        if fractions and (part := _part(tokens, i)) is not None:
            return part
        if tokens[i].text == "point" and (digits := _digits(tokens, i + 1)) is not None:
            return digits
        return None
    value, after = whole
    if after < len(tokens) and tokens[after].text == "point" and (digits := _digits(tokens, after + 1)) is not None:
        decimals, after = digits
        value += decimals
        if after < len(tokens) and tokens[after].text in _SCALES:
            return value * _SCALES[tokens[after].text], after + 1
        return value, after
    if not fractions:
        return value, after
    if (over := _over(tokens, i)) is not None and over[1] >= after:
        return over
    if (named := _named_part(tokens, i)) is not None and named[1] > after:
        return named
    return _with_part(tokens, value, after)


def ordinal_at(tokens: Sequence[Token], i: int) -> tuple[int, int] | None:
    """The ordinal at token `i` ("third", "twenty first", "15th") and the index after it."""
    if i >= len(tokens):
        return None
    word = tokens[i].text
    following = tokens[i + 1] if i + 1 < len(tokens) else None
    if word.isdecimal() and following is not None and following.glued and following.text in ("st", "nd", "rd", "th"):
        return int(word), i + 2
    if word in _ORDINAL_ONES:
        return _ORDINAL_ONES[word], i + 1
    if word in _ORDINAL_TENS:
        return _ORDINAL_TENS[word], i + 1
    if word in _TENS and following is not None and 0 < _ORDINAL_ONES.get(following.text, 0) < 10:
        return _TENS[word] + _ORDINAL_ONES[following.text], i + 2
    return None


def _is_number_like(token: Token) -> bool:
    return token.text[0].isdecimal() or token.text in _ONES or token.text in _TENS or token.text in _SCALES


def _cardinal(tokens: Sequence[Token], i: int) -> tuple[Fraction, int] | None:
    """A number without a fraction, except digits with a decimal point."""
    total = Fraction(0)
    current: Fraction | None = None
    last_scale = 10**15
    start = i
    scaled = False
    while i < len(tokens):
        word = tokens[i].text
        following = tokens[i + 1].text if i + 1 < len(tokens) else ""
        small: int | None = _ONES.get(word)
        if word == "a" and i == start and following in ("hundred", *_SCALES):
            current = Fraction(1)
        elif word[0].isdecimal() or (word[0] == "." and len(word) > 1):
            if current is not None or _is_ordinal_digits(tokens, i):
                break
            current = Fraction(word)
        elif small is not None:
            if current is None or (current > 0 and current % 100 == 0):
                current = (current or Fraction(0)) + small
            elif current % 100 >= 20 and current % 10 == 0 and 0 < small < 10 and tokens[i - 1].text in _TENS:
                current += small
            else:
                break
        elif word in _TENS:
            if _TENS[word] and 0 < _ORDINAL_ONES.get(following, 0) < 10 and following != "second":
                break
            if current is not None and not (current > 0 and current % 100 == 0):
                break
            current = (current or Fraction(0)) + _TENS[word]
        elif word == "hundred" and current is not None and 0 < current < 100:
            current *= 100
        elif word in _SCALES and current is not None and _SCALES[word] < last_scale:
            last_scale = _SCALES[word]
            total += current * last_scale
            current = None
            scaled = True
        elif (
            word == "and"
            and (following in _ONES or following in _TENS or (following.isdecimal() and scaled))
            and ((current is None and scaled) or (current and current % 100 == 0 and tokens[i - 1].text == "hundred"))
        ):
            pass
        else:
            break
        i += 1
    if current is None and not scaled:
        return None
    return total + (current or 0), i


def _is_ordinal_digits(tokens: Sequence[Token], i: int) -> bool:
    return i + 1 < len(tokens) and tokens[i + 1].glued and tokens[i + 1].text in ("st", "nd", "rd", "th")


def _digits(tokens: Sequence[Token], i: int) -> tuple[Fraction, int] | None:
    """Digits after "point": "five", "two five", "25"."""
    digits = ""
    while i < len(tokens):
        word = tokens[i].text
        if word.isdecimal() and not digits:
            digits, i = word, i + 1
            break
        if word == "oh" or _ONES.get(word, 10) < 10:
            digits += str(_ONES.get(word, 0))
            i += 1
        elif word in _TENS and not digits:
            value, i = _cardinal(tokens, i) or (Fraction(_TENS[word]), i + 1)
            digits = str(value)
            break
        else:
            break
    return (Fraction(int(digits), 10 ** len(digits)), i) if digits else None


def _part(tokens: Sequence[Token], i: int) -> tuple[Fraction, int] | None:
    """A fraction without a number before it: "half", "a quarter", "½"."""
    if tokens[i].text in _SIGNS:
        return _SIGNS[tokens[i].text], i + 1
    article = tokens[i].text in ("a", "an")
    if i + article < len(tokens):
        word = tokens[i + article].text
        if word == "half" or (word == "quarter") or (article and word == "third"):
            return Fraction(1, _PARTS[word]), i + article + 1
    return None


def _over(tokens: Sequence[Token], i: int) -> tuple[Fraction, int] | None:
    """ "3/4" and "1 3/4" in digits."""
    if i + 2 < len(tokens) and tokens[i + 1].text == "/" and tokens[i + 1].glued and tokens[i + 2].glued:
        upper, lower = tokens[i].text, tokens[i + 2].text
        if upper.isdecimal() and lower.isdecimal() and int(lower):
            return Fraction(int(upper), int(lower)), i + 3
    if i + 3 < len(tokens) and tokens[i].text.isdecimal() and (rest := _over_simple(tokens, i + 1)) is not None:
        return int(tokens[i].text) + rest[0], rest[1]
    return None


def _over_simple(tokens: Sequence[Token], i: int) -> tuple[Fraction, int] | None:
    found = _over(tokens[: i + 3], i)
    return found if found is not None and found[0] < 1 else None


def _named_part(tokens: Sequence[Token], i: int) -> tuple[Fraction, int] | None:
    """ "three quarters", "two thirds", "one half"."""
    count = _cardinal(tokens, i)
    if count is None or count[1] >= len(tokens):
        return None
    value, after = count
    word = tokens[after].text
    singular = value == 1 and word in ("half", "third", "quarter", "fifth")
    if value < 10 and value.denominator == 1 and (singular or (value > 1 and word in _PARTS and word[-1] == "s")):
        return value / _PARTS[word], after + 1
    return None


def _with_part(tokens: Sequence[Token], value: Fraction, after: int) -> tuple[Fraction, int]:
    """A whole number and what "and a half", "and three quarters" or "½" adds to it."""
    if after < len(tokens) and tokens[after].text in _SIGNS:
        return value + _SIGNS[tokens[after].text], after + 1
    if value.denominator == 1 and after + 1 < len(tokens) and tokens[after].text == "and":
        part = _part(tokens, after + 1) or _named_part(tokens, after + 1)
        if part is not None and part[0] < 1:
            return value + part[0], part[1]
    return value, after
