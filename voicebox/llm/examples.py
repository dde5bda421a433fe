"""Intents that the model was not trained on, known by their example sentences.

The model that is wrapped goes on as before; beside it, a small classifier (`example_head.py`) says how likely a text is
one of the new intents. What it leaves over is the model's: P(new) from the one, (1 − P(new)) · P from the other.
"""

from __future__ import annotations

import random
import re
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from voicebox.llm.background import ABOUT, BACKGROUND
from voicebox.llm.example_head import ELSE, STEPS, ExampleHead, Words
from voicebox.llm.head_model import HeadIntentModel
from voicebox.llm.intent_text import normalize_text
from voicebox.llm.types import IntentModel
from voicebox.skills.templates import expand, sample
from voicebox.skills.types import Intent, SlotKind

__all__ = ["ExampleIntentModel", "background_texts", "example_texts", "learn"]

_PER_EXAMPLE = 6
"""Sentences of one example of a new intent: its values vary."""
_AT_ONCE = 16
_WORDS_ABOUT = 8
"""Words of each new intent that the background talks about."""


class ExampleIntentModel(HeadIntentModel):
    """Implements `IntentModel` for the labels of a model and some new ones, learned from their examples in seconds.

    Args:
        base: scores texts; is closed with this one.
        new: intents that `base` has not learned (or not in this form).
        others: all other intents of the skills, which the new ones are told apart from.

    Raises:
        EngineError: `base` fails.
    """

    def __init__(self, base: IntentModel, new: Sequence[Intent], others: Sequence[Intent]) -> None:
        began = time.perf_counter()
        own = {intent.name: example_texts(intent) for intent in new}
        rest = [text for intent in others for text in example_texts(intent, each=1)[::2]]
        rest += background_texts(new, rest)
        taken = {text for texts in own.values() for text in texts}
        rows = [(text, name) for name, texts in own.items() for text in texts]
        rows += [(text, ELSE) for text in dict.fromkeys(rest) if text not in taken]
        super().__init__(base, learn(base, rows, new))
        self.fit_s = time.perf_counter() - began
        """Seconds that learning the sentences took."""


def learn(
    base: IntentModel, rows: Sequence[tuple[str, str]], new: Sequence[Intent], *, steps: int = STEPS
) -> ExampleHead:
    """A classifier for a model.

    Args:
        base: gives vectors of texts.
        rows: normalized texts with their intents; `ELSE` for what is none of the new ones.
        new: the new intents.
        steps: of the descent.

    Raises:
        EngineError: `base` fails.
    """
    texts = [text for text, _ in rows]
    words = Words.of(texts, dict.fromkeys(text for text, name in rows if name != ELSE), _forms(new))
    return ExampleHead.fit(words, texts, _vectors(base, texts), [name for _, name in rows], steps=steps)


def _vectors(base: IntentModel, texts: Sequence[str]) -> NDArray[np.float32] | None:
    """The base's vectors of texts, a few at a time; None if it gives none."""
    vectors: list[NDArray[np.float32]] = []
    for start in range(0, len(texts), _AT_ONCE):
        part = texts[start : start + _AT_ONCE]
        futures = [base.score(text, session=f"example {at}") for at, text in enumerate(part)]
        vectors += [vector for future in futures if (vector := future.result().vector) is not None]
    for at in range(_AT_ONCE):
        base.release(f"example {at}")
    return np.array(vectors, np.float32) if len(vectors) == len(texts) else None


def example_texts(intent: Intent, *, each: int = _PER_EXAMPLE, seed: int = 1) -> list[str]:
    """Normalized sentences of an intent, at most `each` of every example, always the same ones."""
    rng = random.Random(f"{seed} {intent.name}")
    texts = (
        normalize_text(sample(intent, rng, example=example).text) for example in intent.examples for _ in range(each)
    )
    return [text for text in dict.fromkeys(texts) if text]


def background_texts(new: Sequence[Intent], others: Iterable[str], *, about: int = 4) -> list[str]:
    """Normalized sentences that ask nothing of any skill: of all kinds, and talk about what the new intents deal with.

    Args:
        new: the new intents.
        others: sentences of other intents, whose words are common.
        about: sentences about each word that the new intents turn on.
    """
    rng = random.Random(2)
    texts = [sentence.text for template in BACKGROUND for sentence in islice(expand(template), 6)]
    common = Counter(word for text in (*texts, *others) for word in text.split())
    words = dict.fromkeys(word for intent in new for word in _turning_words(intent, common))
    for word in words:
        other = rng.choice(list(words))
        texts += [template.format(word=word, other=other) for template in rng.sample(ABOUT, about)]
    return list(dict.fromkeys(normalize_text(text) for text in texts))


def _turning_words(intent: Intent, common: Counter[str]) -> list[str]:
    """The words that an intent's sentences use most for how rare they are elsewhere."""
    inside = Counter(word for text in example_texts(intent, each=2) for word in text.split() if len(word) > 3)
    likely = sorted(inside, key=lambda word: (-inside[word] / (1.0 + common[word]) ** 2, word))
    return likely[:_WORDS_ABOUT]


def _forms(intents: Sequence[Intent]) -> dict[tuple[str, ...], str]:
    """What each spoken form of a value is a value of; slots of several intents with the same values are one."""
    forms: dict[tuple[str, ...], str] = {}
    for intent in intents:
        skill = intent.name.partition(".")[0]
        for slot in intent.slots:
            if slot.kind is SlotKind.CHOICE:
                for value, more in slot.values.items():
                    for form in (value, *more):
                        forms.setdefault(tuple(re.findall(r"[\w']+", form)), f"{skill} {slot.name}")
    return forms
