"""Written text → text that a voice reads as a person would.

Language models write for eyes: markup, symbols, units, times. espeak-ng, which turns text into a voice's phonemes,
reads many of them wrongly ("$5" as "dollar five", "5 km/h" as "five K M slash H", "Dr. Smith" as two sentences). Only
what it reads wrongly is rewritten here, by rules that need no more context than the phrase. Languages without rules
lose their markup only: espeak-ng reads the numbers of all its languages itself.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

from voicebox.tts.english import english
from voicebox.tts.markup import without_markup

__all__ = ["speakable"]

_LANGUAGES: dict[str, Callable[[str], str]] = {"en": english}
_MAX_PASSES = 8


@lru_cache(maxsize=8192)
def speakable(text: str, *, language: str = "en") -> str:
    """The text as it should be read out: markup and pictures removed, and symbols, numbers and short forms that the
    language has rules for expanded.

    White space becomes single spaces. What was made speakable stays as it is. Text with nothing to say may come out
    empty; text with a letter or a digit never does.

    Args:
        text: a phrase.
        language: two or three letters.
    """
    expand = _LANGUAGES.get(language)
    for _ in range(_MAX_PASSES):
        new = without_markup(text)
        if expand is not None:
            new = " ".join(expand(new).split())
        if new == text:
            break
        text = new
    return text
