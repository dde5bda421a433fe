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
from concurrent.futures import Future
from itertools import islice

import numpy as np

from voicebox.llm.background import ABOUT, BACKGROUND
from voicebox.llm.example_head import ELSE, ExampleHead, Words
from voicebox.llm.intent_text import normalize_text
from voicebox.llm.types import OUT_OF_SCOPE, IntentModel, IntentScore
from voicebox.skills.templates import expand, sample
from voicebox.skills.types import Intent, SlotKind

__all__ = ["ExampleIntentModel", "background_texts", "example_texts"]

_PER_EXAMPLE = 6
"""Sentences of one example of a new intent: its values vary."""
_AT_ONCE = 16
_LIKELIER = 0.5
_WORDS_ABOUT = 8
"""Words of each new intent that the background talks about."""


class ExampleIntentModel:
    """Implements `IntentModel` for the labels of a model and some new ones, or the same ones with new sentences.

    Args:
        base: scores texts; is closed with this one.
        new: intents that `base` has not learned (or not in this form).
        others: all other intents of the skills, which the new ones are told apart from.

    Raises:
        EngineError: `base` fails.
    """

    def __init__(self, base: IntentModel, new: Sequence[Intent], others: Sequence[Intent]) -> None:
        self._base = base
        self._labels = tuple(dict.fromkeys((*base.labels, *(intent.name for intent in new))))
        began = time.perf_counter()
        own = {intent.name: example_texts(intent) for intent in new}
        rest = [text for intent in others for text in example_texts(intent, each=1)[::2]]
        rest += background_texts(new, rest)
        taken = {text for texts in own.values() for text in texts}
        rows = [(text, name) for name, texts in own.items() for text in texts]
        rows += [(text, ELSE) for text in dict.fromkeys(rest) if text not in taken]
        texts = [text for text, _ in rows]
        words = Words(texts, taken, _forms(new))
        self._head = ExampleHead(words, texts, self._vectors(texts), [name for _, name in rows])
        self.fit_s = time.perf_counter() - began
        """Seconds that learning the sentences took."""

    @property
    def labels(self) -> Sequence[str]:
        """The model's labels, then the new ones."""
        return self._labels

    @property
    def threshold(self) -> float:
        """P(in scope) from which a text is accepted."""
        return self._base.threshold

    def score(self, text: str, *, session: str) -> Future[IntentScore]:
        """Score a text; see the base's `score`."""
        inner = self._base.score(text, session=session)
        outer: Future[IntentScore] = Future()

        def finish(done: Future[IntentScore]) -> None:
            if done.cancelled():
                outer.cancel()
            if not outer.set_running_or_notify_cancel():
                return
            if (error := done.exception()) is not None:
                outer.set_exception(error)
            else:
                outer.set_result(self._mixed(normalize_text(text), done.result()))

        outer.add_done_callback(lambda future: inner.cancel() if future.cancelled() else None)
        inner.add_done_callback(finish)
        return outer

    def release(self, session: str) -> None:
        """Forget the session."""
        self._base.release(session)

    def close(self) -> None:
        """Free the model. Idempotent."""
        self._base.close()

    def _mixed(self, text: str, score: IntentScore) -> IntentScore:
        *new, left = self._head.probabilities(text, score.vector).tolist()
        shares = {name: p * left for name, p in score.ranked}
        for name, p in zip(self._head.labels, new, strict=True):
            shares[name] = shares.get(name, 0.0) + p
        in_scope = 1.0 - shares[OUT_OF_SCOPE]
        ranked = sorted(shares.items(), key=lambda pair: -pair[1])
        best = next((name for name, _ in ranked if name != OUT_OF_SCOPE), OUT_OF_SCOPE)
        # The base's threshold is made for its own probabilities.
        needed = max(self.threshold, _LIKELIER) if best in self._head.labels else self.threshold
        return IntentScore(
            ranked=tuple(ranked),
            in_scope=in_scope,
            complete=score.complete,
            accepted=in_scope >= needed,
            ms=score.ms,
            vector=score.vector,
        )

    def _vectors(self, texts: Sequence[str]) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]] | None:
        """The base's vectors of texts, a few at a time; None if it gives none."""
        vectors = []
        for at in range(0, len(texts), _AT_ONCE):
            part = texts[at : at + _AT_ONCE]
            futures = [self._base.score(text, session=f"example {i}") for i, text in enumerate(part)]
            vectors += [future.result().vector for future in futures]
        for i in range(_AT_ONCE):
            self._base.release(f"example {i}")
        found = [vector for vector in vectors if vector is not None]
        return np.array(found, np.float32) if len(found) == len(texts) else None


def example_texts(intent: Intent, *, each: int = _PER_EXAMPLE, seed: int = 1) -> list[str]:
    """Normalized sentences of an intent, at most `each` of every example, always the same ones."""
    rng = random.Random(f"{seed} {intent.name}")
    texts = (
        normalize_text(sample(intent, rng, example=example).text) for example in intent.examples for _ in range(each)
    )
    return [text for text in dict.fromkeys(texts) if text]


def background_texts(new: Sequence[Intent], others: Iterable[str]) -> list[str]:
    """Normalized sentences that ask nothing of any skill: of all kinds, and talk about what the new intents deal with.

    Args:
        new: the new intents.
        others: sentences of other intents, whose words are common.
    """
    rng = random.Random(2)
    texts = [sentence.text for template in BACKGROUND for sentence in islice(expand(template), 6)]
    common = Counter(word for text in (*texts, *others) for word in text.split())
    words = dict.fromkeys(word for intent in new for word in _turning_words(intent, common))
    for word in words:
        other = rng.choice(list(words))
        texts += [about.format(word=word, other=other) for about in rng.sample(ABOUT, 4)]
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
