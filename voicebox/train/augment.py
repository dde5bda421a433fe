"""Sentences as recognisers hear them and as people say them.

Every change keeps the order of the words, so that each word of the changed sentence knows how many words of the
original have been said by then; the labels of prefixes depend on it.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence

from voicebox.llm.intent_text import normalize_text
from voicebox.skills.wording import number_words

__all__ = ["augment"]

_HOMOPHONES: Mapping[str, tuple[str, ...]] = {
    "two": ("to", "too"), "to": ("two", "too"), "too": ("to", "two"), "for": ("four",), "four": ("for",),
    "eight": ("ate",), "ate": ("eight",), "one": ("won",), "light": ("lights", "lite"), "lights": ("light", "lice"),
    "timer": ("time or", "timers", "tamer"), "timers": ("timer",), "alarm": ("a lawn", "alarms", "the alarm"),
    "alarms": ("alarm",), "dim": ("dem", "damn"), "lamp": ("lamps", "lam"), "hour": ("our",), "our": ("hour",),
    "minutes": ("minute", "minutes'"), "minute": ("minutes",), "set": ("said", "sat", "sets"), "add": ("at", "ad"),
    "at": ("add", "that"), "list": ("lists", "least"), "milk": ("silk",), "turn": ("tone", "turned"), "off": ("of",),
    "of": ("off",), "on": ("an",), "an": ("on", "and"), "and": ("an", "in"), "in": ("and",), "bed": ("bad",),
    "blinds": ("blind", "blends"), "blind": ("blinds",), "volume": ("volumes",), "roast": ("rose", "rust"),
    "dark": ("duck",), "latte": ("latter", "lot a", "late"), "mocha": ("mocker", "moka"), "decaf": ("d calf", "decalf"),
    "espresso": ("expresso",), "cappuccino": ("cup of chino", "capuccino"), "cream": ("dream", "creme"),
    "sugar": ("sugars",), "shot": ("shots", "short"), "shots": ("shot",), "syrup": ("sirup", "serum"),
    "whole": ("hole",), "flat": ("that",), "white": ("wide", "why"), "right": ("write",), "know": ("no",),
    "no": ("know",), "week": ("weak",), "their": ("there",), "by": ("buy", "bye"), "buy": ("by",), "bye": ("by", "buy"),
    "red": ("read",), "blue": ("blew",), "green": ("grain",), "warm": ("worm",), "thanks": ("thank",),
    "thermostat": ("thermo stat",), "degrees": ("degree",), "half": ("have",), "what's": ("what is", "whats"),
    "what": ("what's",), "i'd": ("i would", "id"), "i'll": ("i will", "ill", "all"), "it's": ("its", "it is"),
    "whats": ("what's",), "can": ("can't",), "could": ("can",), "stop": ("stopped",),
    "pause": ("paws", "pose"), "close": ("clothes", "closed"), "open": ("opened",), "raise": ("rays",),
    "lower": ("lore",), "kitchen": ("kitten",), "hall": ("whole", "haul"), "feet": ("feed",), "pound": ("pounds",),
    "plus": ("plus a",), "minus": ("mine as",), "times": ("time", "x"), "divided": ("divide it",),
    "date": ("data", "dates"), "day": ("they", "days"),
    "weather": ("whether",), "time": ("thyme", "the time"), "wake": ("week",), "pick": ("big",), "cup": ("cap",),
    "large": ("lodge",), "small": ("mall",), "medium": ("median",), "iced": ("ice",), "extra": ("extras",),
    "okay": ("ok",), "ok": ("okay",), "please": ("pleased",), "repeat": ("or repeat",), "cancel": ("counsel",),
    "remove": ("removed", "move"), "switch": ("which",), "fan": ("fun", "van"), "bread": ("bred",), "eggs": ("x",),
    "tea": ("t",), "flour": ("flower",), "meat": ("meet",),
}  # fmt: skip
"""Word → what a recogniser writes for it when it mishears."""

_FILLERS = ("uh", "um", "er", "like", "well", "so", "please", "hmm", "you know", "i mean", "just", "okay", "actually")
_OPENERS = (
    "hey", "okay", "please", "um", "uh", "so", "well", "hi", "yeah", "alright", "can you", "could you please",
    "would you", "hey there", "oh", "and", "right", "computer", "hello",
)  # fmt: skip
_CLOSERS = ("please", "thanks", "thank you", "now", "right now", "for me", "okay", "will you", "would you", "then")
_ONES = {number_words(value): str(value) for value in range(2, 21)} | {
    number_words(value): str(value) for value in range(30, 100, 10)
}
_WORDS = {digits: words for words, digits in _ONES.items()}


def augment(text: str, rng: random.Random, *, strength: float = 1.0) -> list[tuple[str, int]]:
    """Change a normalized sentence at random.

    Args:
        text: normalized words.
        rng: the only source of chance.
        strength: factor on the probabilities of all changes; 0 leaves the sentence as it is.

    Returns:
        (word, number of original words said by its end), normalized words only, at least one if `text` has one.
    """
    words = [(word, index + 1) for index, word in enumerate(text.split())]
    out = [pair for pair in _misheard(words, rng, strength) if pair[0]] or words
    out = _opened(out, rng, strength) if len(words) > 1 else out
    if len(words) > 2 and rng.random() < 0.06 * strength:
        out += [(word, len(words)) for word in rng.choice(_CLOSERS).split()]
    return _normalized(out)


def _misheard(words: Sequence[tuple[str, int]], rng: random.Random, strength: float) -> list[tuple[str, int]]:
    out: list[tuple[str, int]] = []
    for word, said in words:
        roll = rng.random() / strength if strength else 1.0
        if roll < 0.015 and len(words) > 3:
            continue
        if roll < 0.025:
            out.append((word, said))
        elif roll < 0.05 and len(words) > 2 and out:
            out += [(filler, said - 1) for filler in rng.choice(_FILLERS).split()]
        elif roll < 0.09 and word in _HOMOPHONES:
            out += [(part, said) for part in rng.choice(_HOMOPHONES[word]).split()]
            continue
        elif roll < 0.1 and len(word) > 4:
            out.append((_garbled(word, rng), said))
            continue
        elif word in _ONES and rng.random() < 0.25:
            word = _ONES[word]
        elif word in _WORDS and rng.random() < 0.25:
            out += [(part, said) for part in _WORDS[word].split()]
            continue
        out.append((word, said))
    return out


def _garbled(word: str, rng: random.Random) -> str:
    """A vowel changed, or a letter lost."""
    at = rng.randrange(1, len(word))
    if word[at] in "aeiou":
        return word[:at] + rng.choice("aeiou") + word[at + 1 :]
    return word[:at] + word[at + 1 :]


def _opened(words: list[tuple[str, int]], rng: random.Random, strength: float) -> list[tuple[str, int]]:
    if rng.random() < 0.1 * strength:
        return [(word, 0) for word in rng.choice(_OPENERS).split()] + words
    return words


def _normalized(words: Sequence[tuple[str, int]]) -> list[tuple[str, int]]:
    return [(part, said) for word, said in words for part in normalize_text(word).split()]
