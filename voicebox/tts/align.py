"""Which samples belong to which written word.

The voice knows how long each phoneme lasts; the words are those of the text as it was written ("$5" is one word,
however many are spoken). Each word is phonemized alone, and the chain of these phonemes is aligned by edit distance
with the phonemes that were spoken, so that words which sound different in their sentence still find their place.
"""

from __future__ import annotations

from collections.abc import Sequence

from rapidfuzz.distance import Levenshtein

from voicebox.tts.types import SpokenWord

__all__ = ["place_words"]

_SOUNDLESS = frozenset("ˈˌːˑ ̩̯̃.,;:!?¡¿—…-()\"'«»“”")


def place_words(
    words: Sequence[tuple[str, Sequence[str]]], spoken: Sequence[str], ends: Sequence[int]
) -> tuple[SpokenWord, ...]:
    """Tie written words to samples.

    Args:
        words: each written word with its phonemes when said alone (none for a word without sound, as a dash).
        spoken: the phonemes of the whole phrase as they were spoken.
        ends: for each spoken phoneme the sample at which it ends, ascending.

    Returns:
        One SpokenWord per written word, ascending and without overlap; one without sound takes no samples.
    """
    alone: list[str] = []
    limits: list[int] = []
    for _, phonemes in words:
        alone += [p for p in phonemes if p not in _SOUNDLESS]
        limits.append(len(alone))
    sounding = [i for i, p in enumerate(spoken) if p not in _SOUNDLESS]
    places = _project(alone, [spoken[i] for i in sounding], limits)

    out: list[SpokenWord] = []
    taken = 0
    end = 0
    for (text, _), place in zip(words, places, strict=True):
        if place > taken:
            first, last = sounding[taken], sounding[place - 1]
            start = max(end, ends[first - 1] if first else 0)
            # A length mark belongs to its vowel.
            while last + 1 < len(spoken) and spoken[last + 1] in "ːˑ̩̯̃":
                last += 1
            end = max(start, ends[last])
            taken = place
        else:
            start = end
        out.append(SpokenWord(text, start, end))
    return tuple(out)


def _project(source: Sequence[str], target: Sequence[str], limits: Sequence[int]) -> list[int]:
    """Where positions between the symbols of `source` fall in `target`; the last position falls on its end."""
    operations = Levenshtein.opcodes(source, target)
    out: list[int] = []
    for limit in limits:
        place = 0
        for op in operations:
            if op.src_start >= limit and not (op.src_start == op.src_end == limit == len(source)):
                break
            place = op.dest_start + min(limit - op.src_start, op.dest_end - op.dest_start)
            if limit >= op.src_end:
                place = op.dest_end
        out.append(place)
    if out and limits[-1] > 0:
        # Trailing words without sound share the end.
        out = [len(target) if limit == limits[-1] else place for limit, place in zip(limits, out, strict=True)]
    return out
