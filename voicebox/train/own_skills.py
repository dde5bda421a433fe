"""Teach an intent model the skills of its user: their examples become sentences, the other skills' are rehearsed.

Nothing but the declarations is needed. Some examples are kept back at first, so that what is measured was not learned;
in the end they are learned too.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from voicebox.errors import EngineError
from voicebox.llm.examples import background_texts, example_texts
from voicebox.llm.intent_text import normalize_text
from voicebox.llm.types import OUT_OF_SCOPE, IntentModel
from voicebox.skills.templates import sample
from voicebox.skills.types import Intent
from voicebox.train.paraphrase import paraphrase
from voicebox.train.rows import Row

__all__ = ["Accuracy", "exam_rows", "kept_back", "measure", "own_rows", "rehearsal_rows", "skill_of", "train_own"]

Text = tuple[str, str]
"""A normalized text and its intent."""

_PER_EXAMPLE = 24
_REHEARSED = 3
_KEPT_OF = 6
"""One example of so many is kept back."""
_SECOND_STAGE = 0.2
"""Share of the time in which the examples that were kept back are learned."""
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
    rows += [
        Row(text, OUT_OF_SCOPE, weight=2.0, origin="background", group=text)
        for text in background_texts(intents, common)
    ]
    return _clear(rows, {normalize_text(text) for text in common})


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


def train_own(
    base: Path,
    own: Sequence[Intent],
    others: Sequence[Intent],
    out: Path,
    *,
    cpu_s: float,
    threshold: float,
    threads: int,
    examine: Callable[[Path], None],
    progress: Callable[[float, float], None],
    work: Path,
) -> None:
    """Fine-tune a model on own skills in two stages.

    Args:
        base: the intent GGUF to start from.
        own: the intents of own skills, all of their examples.
        others: the intents that it knows.
        out: the GGUF to write.
        cpu_s: CPU seconds of training, both stages together.
        threshold: that of `base`, which the new one's stays near.
        threads: threads of PyTorch.
        examine: measures the model of the first stage, which has not seen what was kept back.
        progress: gets the share of the time that is spent and the running loss.
        work: an empty folder.

    Raises:
        ModelError: the base is of a kind that cannot be trained further.
        VoiceboxError: the `train` extra is not installed.
    """
    from voicebox.train.finetune import finetune

    most, _ = kept_back(own)
    labels = [intent.name for intent in own]
    limits = (max(0.05, threshold - 0.1), min(0.95, threshold + 0.1))
    first = work / "first.gguf"
    rehearsed = rehearsal_rows(others)
    finetune(
        base, [*own_rows(most, others), *rehearsed], first, new_labels=labels, cpu_s=cpu_s * (1 - _SECOND_STAGE),
        limits=limits, threads=threads, progress=lambda share, loss: progress(share * (1 - _SECOND_STAGE), loss),
    )  # fmt: skip
    examine(first)
    finetune(
        first, [*own_rows(own, others, seed=8), *rehearsed], out, new_labels=labels, cpu_s=cpu_s * _SECOND_STAGE,
        limits=limits, threads=threads,
        progress=lambda share, loss: progress(1 - _SECOND_STAGE * (1 - share), loss),
    )  # fmt: skip
