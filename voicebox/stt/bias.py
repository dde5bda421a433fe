"""What the skills expect to hear, as text that Whisper takes for spoken before (its "previous text").

Two or three example sentences of a skill with values filled in make the recogniser expect its words. Where the skill
is not meant they make it hear orders in noise: use them only while the skill is plausible.
"""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from dataclasses import replace
from itertools import cycle, islice, zip_longest

from voicebox.skills.templates import sample
from voicebox.skills.types import Intent, SlotKind

__all__ = ["bias_prompt"]

_MAX_WORDS = 36
"""About 48 tokens of Whisper's: each costs time at every decode."""
_SENTENCES = 3
_DRAWS = 48


def bias_prompt(intents: Sequence[Intent], *, max_words: int = _MAX_WORDS) -> str:
    """Two or three sentences of these intents as a recogniser would write them; the same ones every time.

    The first intents count most: they have a sentence each, in turn, until three sentences or `max_words` are full.
    Of many random fillings those are taken that bring the most new words; values that are still missing follow where
    there is room. Empty without intents or examples.
    """
    said: set[str] = set()
    prompt: list[str] = []
    left = max_words
    chosen = [_sentences(intent) for intent in intents if intent.examples][:_SENTENCES]
    for sentences in islice(cycle(chosen), _SENTENCES):
        new = {text: len(set(text.split()) - said) for text in sentences if len(text.split()) <= left}
        best = max(new, key=lambda text: (new[text], text), default=None)
        if best is not None and new[best]:
            said |= set(best.split())
            prompt.append(_written(best))
            left -= len(best.split())
    values = _values(intents, said, left)
    return " ".join([*prompt, _written(", ".join(values))] if values else prompt)


def _values(intents: Sequence[Intent], said: set[str], left: int) -> list[str]:
    """Values of the first intent's choices that the sentences lack, slot by slot in turn, in so many words."""
    slots = [slot.values for intent in intents[:1] for slot in intent.slots if slot.kind is SlotKind.CHOICE]
    values: list[str] = []
    for value in (value for turn in zip_longest(*slots) for value in turn if value is not None):
        words = value.split()
        if not said.issuperset(words) and len(words) <= left:
            said |= set(words)
            values.append(value)
            left -= len(words)
    return values


def _sentences(intent: Intent) -> list[str]:
    """Random sentences, always the same ones. Values in their canonical form only: its spelling is wanted."""
    slots = tuple(replace(slot, values=dict.fromkeys(slot.values, ())) for slot in intent.slots)
    plain = replace(intent, slots=slots)
    rng = random.Random(intent.name)
    return list(dict.fromkeys(sample(plain, rng).text for _ in range(_DRAWS)))


def _written(text: str) -> str:
    """As Whisper writes a sentence: a capital, "I", a full stop."""
    text = re.sub(r"\bi\b", "I", text)
    return text[:1].upper() + text[1:] + "."
