"""Slot values found in a recognised text by how they sound.

A recogniser writes "dark rose" for "dark roast". Which of the declared values was meant is decided by sound: every run
of words of the text is compared with every spoken form of every value, by a weighted edit distance over phonemes
(`sounds.py`), and a dynamic programme over the words picks the values, each slot once and no word twice, that explain
most of the text: long matches win over short ones ("a little bit of milk" over "milk").
"""

from __future__ import annotations

import math
import re
import threading
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray
from rapidfuzz.distance import Levenshtein
from rapidfuzz.process import cdist

from voicebox.skills.types import Intent, Slot, SlotKind, SlotValue
from voicebox.stt.sounds import UNITS, spell_sounds, split_words

__all__ = ["Lexicon", "Reading"]

_MIN_SCORE = 0.65
"""Least 1 − distance / length of a long value."""
_FREE_LENGTH = 2.0
"""Short words have many neighbours ("milk", "make"): this much of the length earns no right to differ."""
_GAIN = 0.8 * _MIN_SCORE
"""A unit of length must score above this to be worth explaining."""
_PLAIN_WEIGHT = 0.25
_CLOSE_SOUND = 0.85
_LEAST_SPELLING = 0.55
"""One word for one other ("restaurant", "restroom") must also look alike, unless it sounds close."""
_SLOT = re.compile(r"\{\w*\}")
_MAX_WINDOW = 7
_MAX_WORD_DIFFERENCE = 2
_MAX_WORDS = 60
"""Longer texts are no requests with slots; only their last words are read."""
_CACHED_TEXTS = 64


@dataclass(frozen=True, slots=True)
class Reading:
    """The values found in a text for one intent.

    `covered` says for each of `words` whether it belongs to a value.
    """

    slots: Mapping[str, SlotValue]
    words: tuple[str, ...]
    covered: tuple[bool, ...]


@dataclass(frozen=True, slots=True)
class _Forms:
    """The spoken forms that a run of so many words may be: their indices, words, sounds and the lengths of these."""

    indices: NDArray[np.int64]
    words: list[tuple[str, ...]]
    sounds: list[str]
    lengths: NDArray[np.float64]

    @classmethod
    def near(cls, forms: Sequence[tuple[str, tuple[str, ...]]], size: int) -> _Forms:
        chosen = [i for i, (_, words) in enumerate(forms) if abs(len(words) - size) <= _MAX_WORD_DIFFERENCE]
        sounds = [forms[i][0] for i in chosen]
        lengths = np.array([len(spelt) for spelt in sounds], dtype=np.float64)
        return cls(np.array(chosen, dtype=np.int64), [forms[i][1] for i in chosen], sounds, lengths)


@dataclass(frozen=True, slots=True)
class _Entry:
    """A value of a slot by the index of one of its forms; `weight` multiplies what it explains."""

    slot: str
    canonical: str
    form: int
    weight: float


@dataclass(frozen=True, slots=True)
class _Found:
    """A run of words that sounds like a form: words `start` up to `end`."""

    start: int
    end: int
    score: float
    gain: float


class Lexicon:
    """The values of the CHOICE slots of many intents. Thread-safe.

    Args:
        slots: the slots of each intent, by the intent's name. Slots of other kinds are left out.
        plain: words that each intent's sentences also use as plain words ("switch" in "switch on the fan"): as a value
            they count only where the slot has no better one, and they are never misheard for another value.
    """

    def __init__(
        self, slots: Mapping[str, Sequence[Slot]], *, plain: Mapping[str, frozenset[str]] | None = None
    ) -> None:
        forms: list[tuple[str, tuple[str, ...]]] = []
        self._entries: dict[str, list[_Entry]] = {}
        self._plain = {intent: plain.get(intent, frozenset()) if plain else frozenset() for intent in slots}
        index: dict[str, int] = {}
        for intent, declared in slots.items():
            self._entries[intent] = entries = []
            for slot in declared:
                if slot.kind is SlotKind.CHOICE:
                    for canonical, others in slot.values.items():
                        for form in dict.fromkeys((canonical, *others)):
                            words = split_words(form)
                            sounds = "".join(map(spell_sounds, words))
                            if not sounds:
                                continue
                            if sounds not in index:
                                index[sounds] = len(forms)
                                forms.append((sounds, tuple(words)))
                            weight = _PLAIN_WEIGHT if self._plain[intent].issuperset(words) else 1.0
                            entries.append(_Entry(slot.name, canonical, index[sounds], weight))
        self._by_size = [_Forms.near(forms, size) for size in range(_MAX_WINDOW + 1)]
        self._cache: OrderedDict[str, tuple[list[str], dict[int, list[_Found]]]] = OrderedDict()
        self._lock = threading.Lock()

    @classmethod
    def of(cls, intents: Iterable[Intent]) -> Self:
        """The lexicon of these intents, with the words of their own example sentences as plain words."""
        known = tuple(intents)
        return cls(
            {intent.name: intent.slots for intent in known},
            plain={intent.name: _literal_words(intent) for intent in known},
        )

    def match(self, text: str, intent: str) -> dict[str, SlotValue]:
        """The values of an intent's CHOICE slots that a text names; `confidence` is the likeness in sound.

        Raises:
            KeyError: an intent that was not declared.
        """
        return dict(self.read(text, intent).slots)

    def read(self, text: str, intent: str) -> Reading:
        """Like `match`, with the words that the values came from.

        Raises:
            KeyError: an intent that was not declared.
        """
        entries = self._entries[intent]
        words, found = self._find(text)
        plain = [word in self._plain[intent] for word in words]
        options: dict[tuple[int, int, str], tuple[_Found, str]] = {}
        for entry in entries:
            for match in found.get(entry.form, ()):
                # Of values that would take the same words for the same slot only the best counts.
                if match.score < 1.0 and all(plain[match.start : match.end]):
                    continue
                key = (match.start, match.end, entry.slot)
                gain = match.gain * entry.weight
                if key not in options or gain > options[key][0].gain:
                    options[key] = replace(match, gain=gain), entry.canonical
        by_end: dict[int, list[tuple[int, str, _Found, str]]] = {}
        for (_, _, slot), (match, canonical) in options.items():
            by_end.setdefault(match.end, []).append((match.start, slot, match, canonical))
        chosen = _best(len(words), by_end)
        slots: dict[str, SlotValue] = {}
        covered = [False] * len(words)
        for slot, match, canonical in chosen:
            slots[slot] = SlotValue(canonical, " ".join(words[match.start : match.end]), round(match.score, 3))
            covered[match.start : match.end] = [True] * (match.end - match.start)
        return Reading(slots, tuple(words), tuple(covered))

    def _find(self, text: str) -> tuple[list[str], dict[int, list[_Found]]]:
        """Where each form (by its index) is in a text. The last texts are remembered: many intents ask for one."""
        with self._lock:
            if text in self._cache:
                self._cache.move_to_end(text)
                return self._cache[text]
        words = split_words(text)[-_MAX_WORDS:]
        result = (words, self._search(words))
        with self._lock:
            self._cache[text] = result
            while len(self._cache) > _CACHED_TEXTS:
                self._cache.popitem(last=False)
        return result

    def _search(self, words: Sequence[str]) -> dict[int, list[_Found]]:
        sounds = [spell_sounds(word) for word in words]
        found: dict[int, list[_Found]] = {}
        for size, forms in enumerate(self._by_size):
            starts = [
                start for start in range(len(words) - size + 1) if size and sounds[start] and sounds[start + size - 1]
            ]
            if not starts or not forms.indices.size:
                continue
            windows = ["".join(sounds[start : start + size]) for start in starts]
            own = np.array([len(window) for window in windows], dtype=np.float64)
            lengths = np.maximum(own[:, None], forms.lengths)
            allowed = np.maximum((1.0 - _MIN_SCORE) * (lengths - _FREE_LENGTH * UNITS), 0.0)
            distances: NDArray[np.uint16] = cdist(
                windows,
                forms.sounds,
                scorer=Levenshtein.distance,
                score_cutoff=math.ceil(allowed.max()),
                dtype=np.uint16,
            )
            for window, form in zip(*np.nonzero(distances <= allowed), strict=True):
                length = float(lengths[window, form])
                score = 1.0 - float(distances[window, form]) / length
                if size == 1 and _looks_different(words[starts[window]], forms.words[form], score):
                    continue
                match = _Found(starts[window], starts[window] + size, score, (score - _GAIN) * length / UNITS)
                found.setdefault(int(forms.indices[form]), []).append(match)
        return found


def _looks_different(word: str, form: tuple[str, ...], sound: float) -> bool:
    if len(form) > 1 or sound >= _CLOSE_SOUND or word.isdigit():
        return False
    return Levenshtein.normalized_similarity(word, form[0]) < _LEAST_SPELLING


def _literal_words(intent: Intent) -> frozenset[str]:
    """The words of an intent's example sentences outside of slots."""
    return frozenset(word for example in intent.examples for word in split_words(_SLOT.sub(" ", example)))


_State = frozenset[str]


def _best(length: int, by_end: Mapping[int, list[tuple[int, str, _Found, str]]]) -> list[tuple[str, _Found, str]]:
    """The matches with the greatest sum of gains: no word twice, no slot twice (exact; states are sets of slots)."""
    best: list[dict[_State, tuple[float, tuple[_State, _Found, str, str] | None]]] = [{frozenset(): (0.0, None)}]
    for end in range(1, length + 1):
        here = {slots: (gain, None) for slots, (gain, _) in best[end - 1].items()}
        steps: dict[_State, tuple[float, tuple[_State, _Found, str, str] | None]] = dict(here)
        for start, slot, match, canonical in by_end.get(end, ()):
            for slots, (gain, _) in best[start].items():
                if slot not in slots:
                    after = slots | {slot}
                    if gain + match.gain > steps.get(after, (-math.inf, None))[0]:
                        steps[after] = (gain + match.gain, (slots, match, slot, canonical))
        best.append(steps)
    chosen: list[tuple[str, _Found, str]] = []
    end = length
    slots = max(best[length], key=lambda state: (best[length][state][0], sorted(state)))
    while end:
        step = best[end][slots][1]
        if step is None:
            end -= 1
        else:
            slots, match, slot, canonical = step
            chosen.append((slot, match, canonical))
            end = match.start
    return chosen[::-1]
