"""Teach an intent model the skills of its user: their examples become sentences, the other skills' are rehearsed.

Nothing but the declarations is needed. What is measured was kept back; in the end it is learned too.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from voicebox.errors import EngineError
from voicebox.llm.example_head import ELSE
from voicebox.llm.examples import background_texts, example_texts
from voicebox.llm.intent_text import normalize_text
from voicebox.llm.types import OUT_OF_SCOPE, IntentModel
from voicebox.skills.templates import sample
from voicebox.skills.types import Intent
from voicebox.train.paraphrase import paraphrase
from voicebox.train.rows import Row

__all__ = [
    "Accuracy",
    "exam_rows",
    "kept_back",
    "learned_texts",
    "measure",
    "own_rows",
    "rehearsal_rows",
    "skill_of",
    "tune",
]

Text = tuple[str, str]
"""A normalized text and its intent."""

_PER_EXAMPLE = 24
_BACKGROUND = 3
"""Ways in which each sentence of the background is said."""
_ABOUT = 12
_REHEARSED = 3
_KEPT_OF = 6
"""One example of so many is kept back."""
_AT_ONCE = 16


@dataclass(frozen=True, slots=True)
class Accuracy:
    """How many of `n` texts are taken for what they are: in scope and the right intent, or rejected."""

    right: int
    n: int

    @property
    def share(self) -> float:
        """Right ones of all; 1 where there are none."""
        return self.right / self.n if self.n else 1.0


def skill_of(intent: str) -> str:
    """The skill of an intent; out of scope is its own."""
    return intent.partition(".")[0]


def kept_back(intents: Sequence[Intent]) -> tuple[list[Intent], list[Intent]]:
    """The intents with most of their examples, and with those that are kept back (intents with few keep none)."""
    kept: list[Intent] = []
    back: list[Intent] = []
    for intent in intents:
        held = [example for at, example in enumerate(intent.examples, 1) if at % _KEPT_OF == 0]
        kept.append(_with(intent, [example for example in intent.examples if example not in held]))
        if held:
            back.append(_with(intent, held))
    return kept, back


def _with(intent: Intent, examples: Sequence[str]) -> Intent:
    return Intent(intent.name, intent.description, tuple(examples), intent.slots, intent.read_only, intent.amendable)


def own_rows(intents: Sequence[Intent], others: Sequence[Intent], *, seed: int = 7) -> list[Row]:
    """Rows of new intents, with paraphrases, and of talk about their things that asks nothing.

    Args:
        intents: the new intents.
        others: all other intents, whose sentences no paraphrase may become.
        seed: of all chance.
    """
    rng = random.Random(seed)
    rows: list[Row] = []
    for intent in intents:
        for example in intent.examples:
            for index in range(_PER_EXAMPLE):
                sentence = sample(intent, rng, example=example)
                text = normalize_text(sentence.text)
                values = [normalize_text(sentence.text[span.start : span.end]) for span in sentence.spans]
                if index % 3:
                    text = normalize_text(paraphrase(text, rng, fixed=values))
                rows.append(Row(text, intent.name, origin="own skills", group=f"{intent.name}/{example}"))
    common = [text for intent in others for text in example_texts(intent, each=1)]
    for text in background_texts(intents, common, about=_ABOUT):
        said = [text, *(normalize_text(paraphrase(text, rng)) for _ in range(_BACKGROUND - 1))]
        rows += [Row(way, OUT_OF_SCOPE, origin="background", group=text) for way in said]
    return _clear(rows, {normalize_text(text) for text in common})


def learned_texts(intents: Sequence[Intent], others: Sequence[Intent]) -> list[Text]:
    """What the classifier of own skills learns: their sentences with paraphrases, and everything else as `ELSE`."""
    rows = own_rows(intents, others)
    taken = {row.text for row in rows}
    names = {intent.name for intent in intents}
    learned = dict.fromkeys((row.text, row.intent if row.intent in names else ELSE) for row in rows)
    learned |= dict.fromkeys((row.text, ELSE) for row in rehearsal_rows(others) if row.text not in taken)
    return list(learned)


def rehearsal_rows(intents: Sequence[Intent], *, seed: int = 7) -> list[Row]:
    """Rows of the intents that the model has learned already, so that it keeps them."""
    return [
        Row(text, intent.name, origin="skills", group=f"{intent.name}/{text}")
        for intent in intents
        for text in example_texts(intent, each=_REHEARSED, seed=seed)
    ]


def _clear(rows: Iterable[Row], taken: set[str]) -> list[Row]:
    """Rows without texts that mean two things, or that another skill has."""
    meant: defaultdict[str, set[str]] = defaultdict(set)
    found = list(rows)
    for row in found:
        meant[row.text].add(row.intent)
    return [row for row in found if row.text and len(meant[row.text]) == 1 and row.text not in taken]


def exam_rows(intents: Sequence[Intent], *, each: int, seed: int = 99) -> list[Text]:
    """Sentences to measure with, other fillings than those that are learned."""
    return [(text, intent.name) for intent in intents for text in example_texts(intent, each=each, seed=seed)]


def measure(model: IntentModel, texts: Sequence[Text]) -> dict[str, Accuracy]:
    """Accuracy by skill; out of scope is a skill of that name.

    Raises:
        EngineError: the model fails.
    """
    right: defaultdict[str, int] = defaultdict(int)
    count: defaultdict[str, int] = defaultdict(int)
    for start in range(0, len(texts), _AT_ONCE):
        part = texts[start : start + _AT_ONCE]
        futures = [model.score(text, session=f"measure {at}") for at, (text, _) in enumerate(part)]
        for (_, intent), future in zip(part, futures, strict=True):
            score = future.result()
            best = next((name for name, _ in score.ranked if name != OUT_OF_SCOPE), None)
            if best is None:
                raise EngineError("The intent model has no label but out of scope")
            count[skill_of(intent)] += 1
            right[skill_of(intent)] += (best if score.accepted else OUT_OF_SCOPE) == intent
    return {skill: Accuracy(right[skill], n) for skill, n in count.items()}


def tune(
    base: Path,
    own: Sequence[Intent],
    others: Sequence[Intent],
    out: Path,
    *,
    cpu_s: float,
    threshold: float,
    threads: int,
    progress: Callable[[float, float], None],
) -> None:
    """Fine-tune a model on own skills.

    Args:
        base: the intent GGUF to start from.
        own: the intents of own skills, all of their examples.
        others: the intents that it knows.
        out: the GGUF to write.
        cpu_s: CPU seconds of training.
        threshold: that of `base`, which the new one's stays near.
        threads: threads of PyTorch.
        progress: gets the share of the time that is spent and the running loss.

    Raises:
        ModelError: the base is of a kind that cannot be trained further.
        VoiceboxError: the `train` extra is not installed.
    """
    from voicebox.train.finetune import finetune

    finetune(
        base,
        [*own_rows(own, others), *rehearsal_rows(others)],
        out,
        new_labels=[intent.name for intent in own],
        cpu_s=cpu_s,
        limits=(max(0.05, threshold - 0.1), min(0.95, threshold + 0.1)),
        threads=threads,
        progress=progress,
    )
