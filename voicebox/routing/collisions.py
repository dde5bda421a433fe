"""Sentences and values of a new skill that will be taken for something else."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Literal

from rapidfuzz.distance import Levenshtein
from rapidfuzz.process import extractOne

from voicebox.llm.examples import example_texts
from voicebox.llm.types import OUT_OF_SCOPE, IntentModel
from voicebox.skills.templates import expand
from voicebox.skills.types import Intent, SlotKind
from voicebox.stt.sounds import spell_sounds, split_words

__all__ = ["AlikeValues", "Collision", "alike_values", "same_sentences", "taken_sentences"]

_CLOSE_SOUND = 0.85
"""Likeness from which the lexicon, too, takes one word for another whatever its spelling."""
_PER_EXAMPLE = 40
_SURE = 0.5


@dataclass(frozen=True, slots=True)
class AlikeValues:
    """Two spoken forms of different values of an intent's slots that sound alike (likeness 0 to 1)."""

    intent: str
    form: str
    value: str
    other_form: str
    other_value: str
    likeness: float


@dataclass(frozen=True, slots=True)
class Collision:
    """A sentence of one intent that another has too, or that is taken for the other's.

    `example` is the template that it comes from; `probability` is how sure the model is of the other intent.
    """

    kind: Literal["same", "taken"]
    intent: str
    sentence: str
    example: str
    other_intent: str
    other_sentence: str
    probability: float = 1.0


def alike_values(intent: Intent) -> Iterator[AlikeValues]:
    """Values of an intent's choices that a recogniser will mix up."""
    forms = [
        (form, value, "".join(map(spell_sounds, split_words(form))))
        for slot in intent.slots
        if slot.kind is SlotKind.CHOICE
        for value, more in slot.values.items()
        for form in dict.fromkeys((value, *more))
    ]
    seen: set[tuple[str, str]] = set()
    for index, (form, value, sounds) in enumerate(forms):
        for other_form, other_value, other in forms[index + 1 :]:
            if value == other_value or form == other_form or not (sounds and other):
                continue
            likeness = Levenshtein.normalized_similarity(sounds, other)
            if likeness >= _CLOSE_SOUND and (form, other_form) not in seen:
                seen.add((form, other_form))
                yield AlikeValues(intent.name, form, value, other_form, other_value, round(likeness, 2))


def same_sentences(own: Sequence[Intent], others: Sequence[Intent]) -> Iterator[Collision]:
    """Sentences that intents of different names share word for word, values of a kind being alike.

    Args:
        own: intents that are checked, also against one another.
        others: all other intents.
    """
    known: dict[str, tuple[str, str]] = {}
    for intent in others:
        for pattern, sentence, _ in _patterns(intent):
            known.setdefault(pattern, (intent.name, sentence))
    for intent in own:
        found: set[str] = set()
        for pattern, sentence, example in _patterns(intent):
            other = known.setdefault(pattern, (intent.name, sentence))
            if other[0] != intent.name and example not in found:
                found.add(example)
                yield Collision("same", intent.name, sentence, example, *other)


def taken_sentences(model: IntentModel, own: Sequence[Intent], others: Sequence[Intent]) -> Iterator[Collision]:
    """Sentences of `own` that the model takes for another intent, and of `others` that it takes for one of these.

    Raises:
        EngineError: the model fails.
    """
    names = {intent.name for intent in own}
    sentences = {intent.name: example_texts(intent, each=2) for intent in (*own, *others)}
    for intent in own:
        for example in intent.examples:
            text = _said(intent, example)
            name, p = _heard(model, text)
            if name not in (intent.name, OUT_OF_SCOPE) and p >= _SURE and name in sentences:
                yield Collision("taken", intent.name, text, example, name, _nearest(text, sentences[name]), p)
    for intent in others:
        for example in intent.examples[::2]:
            text = _said(intent, example)
            name, p = _heard(model, text)
            if name in names and name != intent.name and p >= _SURE:
                yield Collision("taken", intent.name, text, example, name, _nearest(text, sentences[name]), p)


def _said(intent: Intent, example: str) -> str:
    """One sentence of an example, always the same."""
    return next(iter(example_texts(_only(intent, example), each=1)), "")


def _only(intent: Intent, example: str) -> Intent:
    return Intent(intent.name, intent.description, (example,), intent.slots)


def _heard(model: IntentModel, text: str) -> tuple[str, float]:
    score = model.score(text, session="collisions").result()
    return score.intent, score.confidence


def _nearest(text: str, sentences: Sequence[str]) -> str:
    """The sentence that is most like a text, word by word."""
    best = extractOne(text, sentences, scorer=Levenshtein.normalized_similarity, processor=str.split)
    return best[0] if best is not None else ""


def _patterns(intent: Intent) -> Iterator[tuple[str, str, str]]:
    """(comparable form, sentence, example): values of typed slots are their type in the comparable form."""
    kinds = {slot.name: slot.kind for slot in intent.slots}
    for example in intent.examples:
        for sentence in islice(expand(example), _PER_EXAMPLE):
            yield (
                re.sub(
                    r"\{(\w+)\}",
                    lambda found: f"<{found[1] if kinds[found[1]] is SlotKind.CHOICE else kinds[found[1]]}>",
                    sentence.text,
                ),
                sentence.text,
                example,
            )
