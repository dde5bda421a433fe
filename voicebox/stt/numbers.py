"""English number words as digits, so that "twenty five" and "25" compare equal."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["digits_for_words"]

_UNITS = {
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
_SCALES = {"hundred": 100, "thousand": 1_000, "million": 1_000_000, "billion": 1_000_000_000}
_ORDINALS = {
    "first": 1, "third": 3, "fifth": 5, "eighth": 8, "ninth": 9, "twelfth": 12,
    **{f"{word}th": value for word, value in _UNITS.items() if word not in
       {"zero", "one", "two", "three", "five", "eight", "nine", "twelve"}},
    **{f"{word[:-1]}ieth": value for word, value in _TENS.items()},
}  # fmt: skip


def digits_for_words(words: Sequence[str]) -> list[str]:
    """Words, lower case, with each spelt number as one word of digits ("one hundred and five" → "105").

    Digits before a scale are taken as said ("5 million"). Numbers said one after the other stay apart ("five thirty" →
    "5", "30"). Ordinals get their ending ("tenth" → "10th"), but "second" stays: it is more often a time than a rank.
    """
    out: list[str] = []
    at = 0
    while at < len(words):
        value, end, ordinal = _number(words, at)
        if end == at:
            out.append(words[at])
            at += 1
        else:
            out.append(f"{value}{_suffix(value)}" if ordinal else str(value))
            at = end
    return out


def _number(words: Sequence[str], at: int) -> tuple[int, int, bool]:
    """The longest number that begins at `at`: its value, where it ends, and whether it is a rank."""
    total = group = 0
    if words[at].isascii() and words[at].isdigit():
        if len(words[at]) > 3 or at + 1 == len(words) or words[at + 1] not in _SCALES or not int(words[at]):
            return 0, at, False
        group = int(words[at])
    # What the next word may add: below this. A unit after a ten, a ten after a hundred, and so on.
    room, scale_room = 10**12, 10**12
    end = i = at + 1 if group else at
    if group:
        room = 0
    while i < len(words):
        word = words[i]
        after = i > at
        if word == "and" and after and words[i - 1] in _SCALES and i + 1 < len(words) and _small(words[i + 1]):
            i += 1
            continue
        small = _small(word)
        if word in _ORDINALS and _ORDINALS[word] < room:
            return total + group + _ORDINALS[word], i + 1, True
        if small is not None and small < room and not (small == 0 and after):
            group += small
            room = 10 if word in _TENS else 0
        elif word in _SCALES and after and group and _SCALES[word] < scale_room:
            scale = _SCALES[word]
            if scale == 100:
                if group >= 100:
                    break
                group *= 100
                room = 100
            else:
                total += group * scale
                group, room, scale_room = 0, 1_000, scale
        else:
            break
        i += 1
        end = i
    return total + group, end, False


def _small(word: str) -> int | None:
    return _UNITS.get(word, _TENS.get(word))


def _suffix(value: int) -> str:
    if value % 100 in (11, 12, 13):
        return "th"
    return {1: "st", 2: "nd", 3: "rd"}.get(value % 10, "th")
