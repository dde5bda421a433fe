"""Free-text slots: the words that an example sentence leaves open.

The example sentences of an intent become patterns. Values of typed slots are found first and replaced by marks, so
that a pattern's gap can only hold what is left ("set a ten minute pasta timer" → name "pasta"). Of all patterns that
fit, also of those without the slot, the one wins that explains the most words itself and leaves the fewest to the gap.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import lru_cache

from voicebox.skills.parse.tokens import Match
from voicebox.skills.syntax import Choice, Node, SlotRef, parse
from voicebox.skills.types import Intent, Slot, SlotKind

__all__ = ["FindTyped", "find_text"]

FindTyped = Callable[[SlotKind, str, datetime], list[Match]]
"""How typed values are found: `parse.find`."""

_WORD = re.compile(r"[^\W_]+(?:['’.][^\W_]+)*|%")
_FILLERS = r"(?:(?:please|okay|ok|hey|oh|um|uh|so|well|now|thanks|thank|you|hi|hello|then|yes|and|just|for me) )*"
_NO_VALUE = frozenset(
    "a an the it that this them these those something anything everything stuff things thing new another second next "
    "my your our all some any one more please other again to for on of off from and list lists timer timers".split()
)
"""Words that are no value by themselves: "set a new timer" has no name, "add something" has no item."""

_DETERMINERS = frozenset(("the", "my", "our", "your"))

_SlotShape = tuple[SlotKind, tuple[tuple[str, ...], ...]]

_MAX_WORDS = 40
_ANY_TIME = datetime(2000, 1, 1)
"""Only the places of typed values count here, whatever time they mean."""

_MARK = "\x01"


def find_text(intent: Intent, slot: Slot, text: str, find_typed: FindTyped) -> Match | None:
    """The words of a free-text slot, or None if no example sentence fits.

    Args:
        intent: whose examples to align.
        slot: the slot whose words are wanted.
        text: what was said, as it was transcribed.
        find_typed: finds values of the other slots.
    """
    words, places = _words(text, _typed(intent, slot, text, find_typed))
    if not words or len(words) > _MAX_WORDS:
        return None
    line = " ".join(words) + " "
    slots = tuple((other.name, _shape_of(other)) for other in intent.slots)
    best: tuple[tuple[int, int], re.Match[str]] | None = None
    for pattern in _patterns(intent.examples, slot.name, slots):
        found = pattern.fullmatch(line)
        if found is None:
            continue
        value = found.groupdict().get("value", "")
        junk = len(found["lead"].split())
        rank = (-len(value.split()) - 2 * junk, -junk)
        if best is None or rank > best[0]:
            best = rank, found
    if best is None or not _is_value(best[1].groupdict().get("value", "")):
        return None
    first = line[: best[1].start("value")].count(" ")
    after = first + len(best[1]["value"].split())
    while words[first] in _DETERMINERS and first + 1 < after:
        first += 1
    start, end = places[first][0], places[after - 1][1]
    confidence = 0.9 if not best[1]["lead"] else 0.7
    return Match(" ".join(text[start:end].lower().split()), start, end, text[start:end], confidence)


def _typed(intent: Intent, slot: Slot, text: str, find_typed: FindTyped) -> list[tuple[str, Match]]:
    """The first sure value of each other typed slot."""
    typed: list[tuple[str, Match]] = []
    for other in intent.slots:
        if other.name == slot.name or other.kind in (SlotKind.TEXT, SlotKind.CHOICE):
            continue
        sure = [match for match in find_typed(other.kind, text, _ANY_TIME) if match.confidence == 1.0]
        if sure:
            typed.append((other.name, sure[0]))
    return typed


def _words(text: str, typed: Sequence[tuple[str, Match]]) -> tuple[list[str], list[tuple[int, int]]]:
    """Normalized words with their places; a typed value is one word, its mark."""
    words: list[str] = []
    places: list[tuple[int, int]] = []
    for found in _WORD.finditer(text):
        start, end = found.span()
        mark = next((f"{_MARK}{name}" for name, match in typed if match.start <= start < match.end), "")
        if mark and words and words[-1] == mark:
            places[-1] = (places[-1][0], end)
            continue
        words.append(mark or found.group().lower().replace("’", "'"))
        places.append((start, end))
    return words, places


def _is_value(value: str) -> bool:
    return any(word not in _NO_VALUE for word in value.split())


@lru_cache(maxsize=512)
def _patterns(
    examples: tuple[str, ...], wanted: str, slots: tuple[tuple[str, _SlotShape], ...]
) -> tuple[re.Pattern[str], ...]:
    """The examples as patterns over words that each end in a blank, in the order of the examples.

    Examples that have the wanted slot twice or only perhaps are left out: their gaps take anything.
    """
    shapes = {name: _slot_regex(name, *shape) for name, shape in slots}
    shapes[wanted] = f"(?P<value>(?:[^ {_MARK}]+ )+?)"
    patterns = []
    for example in examples:
        nodes = parse(example)
        body = _regex(nodes, shapes)
        if body.count("(?P<value>") <= sum(isinstance(node, SlotRef) and node.name == wanted for node in nodes) <= 1:
            pattern = re.compile(f"(?P<lead>(?:[^ {_MARK}]+ ){{0,6}}?){_FILLERS}{body}{_FILLERS}")
            patterns.append(pattern)
    return tuple(patterns)


def _regex(nodes: Sequence[Node], shapes: Mapping[str, str]) -> str:
    pieces = []
    for node in nodes:
        if isinstance(node, Choice):
            pieces.append(
                "(?:" + "|".join(_regex(option, shapes) for option in sorted(node.options, key=len, reverse=True)) + ")"
            )
        elif isinstance(node, SlotRef):
            pieces.append(shapes[node.name])
        else:
            pieces.append("".join(_literal(word) + " " for word in _literal_words(node.text)))
    return "".join(pieces)


def _literal_words(text: str) -> list[str]:
    return [found.group() for found in _WORD.finditer(text)]


def _shape_of(slot: Slot) -> _SlotShape:
    """What the pattern of a slot depends on, hashable."""
    return slot.kind, tuple((value, *forms) for value, forms in slot.values.items())


def _slot_regex(name: str, kind: SlotKind, values: tuple[tuple[str, ...], ...]) -> str:
    if kind is SlotKind.CHOICE:
        spoken = sorted({" ".join(_literal_words(form)) for forms in values for form in forms})
        return "(?:" + "|".join(map(re.escape, spoken)) + ") "
    if kind is SlotKind.TEXT:
        return f"(?:[^ {_MARK}]+ )+?"
    return f"{_MARK}{name} "


def _literal(word: str) -> str:
    return "an?" if word in ("a", "an") else re.escape(word)
