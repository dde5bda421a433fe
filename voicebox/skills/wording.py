"""Numbers and lists as words, for replies that a voice reads and for sentences that train."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["join_words", "number_words", "ordinal_words", "plural"]

_ONES = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen"
).split()
_TENS = ("", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_SCALES = (
    (10**12, "trillion"),
    (1_000_000_000, "billion"),
    (1_000_000, "million"),
    (1_000, "thousand"),
    (100, "hundred"),
)
_ORDINALS = {
    "one": "first", "two": "second", "three": "third", "five": "fifth", "eight": "eighth", "nine": "ninth",
    "twelve": "twelfth",
}  # fmt: skip


def number_words(value: int) -> str:
    """A whole number in words, without "and": 105 → "one hundred five"; negative ones begin with "minus"."""
    if value < 0:
        return "minus " + number_words(-value)
    if value < 20:
        return _ONES[value]
    if value < 100:
        tens, ones = divmod(value, 10)
        return _TENS[tens] + (" " + _ONES[ones] if ones else "")
    for scale, name in _SCALES:
        if value >= scale:
            count, rest = divmod(value, scale)
            return f"{number_words(count)} {name}" + (" " + number_words(rest) if rest else "")
    raise AssertionError("unreachable: every value is below 100 or has a scale")


def ordinal_words(value: int) -> str:
    """An ordinal in words: 23 → "twenty third"."""
    head, _, last = number_words(value).rpartition(" ")
    if last in _ORDINALS:
        last = _ORDINALS[last]
    elif last.endswith("y"):
        last = last[:-1] + "ieth"
    else:
        last += "th"
    return f"{head} {last}" if head else last


def plural(count: float, singular: str, many: str = "") -> str:
    """A count with its noun: `plural(2, "minute")` → "2 minutes"."""
    number = f"{count:g}"
    return f"{number} {singular if count == 1 else many or singular + 's'}"


def join_words(items: Sequence[str]) -> str:
    """An enumeration for the ear: "milk, eggs and bread"."""
    if len(items) < 2:
        return "".join(items)
    return ", ".join(items[:-1]) + " and " + items[-1]
