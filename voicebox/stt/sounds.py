"""Words as strings over which a plain edit distance weighs sounds.

The distance between two pronunciations should make a vowel for another vowel cheap, and `b` for `p` cheaper than `b`
for `s`. Such weights need a slow edit distance; instead every sound is spelt with several symbols, of which similar
sounds share some, and the plain Levenshtein distance over the symbols (bit-parallel in rapidfuzz: Myers 1999, Hyyrö
2003) is the weighted one: a consonant has five symbols, a vowel three, and `UNITS` of them are worth one consonant.

    vowel for another vowel 0.4 · inserted or lost vowel 0.6 · similar consonants 0.4 · anything else 1
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

from voicebox.audio.phonemes import phonemize

__all__ = ["UNITS", "spell_sounds", "split_words"]

UNITS = 5
"""Symbols per unit of distance."""

_VOWEL_SYMBOLS = 3

_FOLD = str.maketrans(
    {
        "ɾ": "t", "ʔ": "t", "ɡ": "g", "ɫ": "l", "r": "ɹ", "ɐ": "ə", "ʌ": "ə", "ᵻ": "ɪ", "ɚ": "ɜ", "ɝ": "ɜ",
        "ɔ": "ɑ", "ɒ": "ɑ", "o": "ɑ", "a": "æ", "e": "ɛ", "ʍ": "w", "x": "k", "ç": "h", "ɬ": "l",
    }
)  # fmt: skip
_MERGE = (("aɪ", "1"), ("eɪ", "2"), ("oʊ", "3"), ("əʊ", "3"), ("aʊ", "4"), ("ɔɪ", "5"), ("tʃ", "6"), ("dʒ", "7"))
"""Diphthongs and affricates are one sound."""

_VOWELS = frozenset("æɑəɛɪiʊuɜyøœɨɯɤ12345")
_SIMILAR = ("pb", "tdθð", "kg", "fv", "szʃʒ67", "mnŋ", "lɹwj")
_CLASS = {sound: group[0] for group in _SIMILAR for sound in group}

_WORD = re.compile(r"\d+|[^\W\d_]+(?:['’][^\W\d_]+)*")
_SHORT_UNITS = {"oz": "ounce"}


def split_words(text: str) -> list[str]:
    """The words of a text in lower case; digits are words of their own, without the letters after them ("12oz")."""
    words = _WORD.findall(unicodedata.normalize("NFKC", text).lower().replace("’", "'"))
    return [_SHORT_UNITS.get(word, word) for word in words]


@lru_cache(maxsize=32_768)
def spell_sounds(word: str) -> str:
    """A word's pronunciation (US English, espeak-ng) as symbols; empty if it has none. Cached."""
    sounds = "".join("".join(sentence) for sentence in phonemize(word))
    for sound, merged in _MERGE:
        sounds = sounds.replace(sound, merged)
    # Stress, length and combining marks are not letters.
    sounds = "".join(c for c in sounds if c.isalnum() and c not in "ːˑˈˌ").translate(_FOLD)
    return "".join(map(_symbols, sounds))


@lru_cache(maxsize=256)
def _symbols(sound: str) -> str:
    """The symbols of one sound. Each place in it has letters of its own, so that only sounds as a whole align."""
    own = ord(sound) * 8
    if sound in _VOWELS:
        return "V" + chr(0x10000 + own) + chr(0x10001 + own)
    shared = ord(_CLASS[sound]) * 8 if sound in _CLASS else own
    return "".join(
        (*(chr(0x20000 + shared + i) for i in range(_VOWEL_SYMBOLS)), chr(0x10002 + own), chr(0x10003 + own))
    )
