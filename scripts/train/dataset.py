"""All sentences that train, calibrate and measure the intent model, with labels, weights and splits."""

from __future__ import annotations

import random
import tomllib
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from scripts.train.outofscope import load_out_of_scope
from scripts.train.public import read_public
from voicebox.llm.intent_text import normalize_text
from voicebox.llm.types import OUT_OF_SCOPE
from voicebox.skills.templates import Sentence, sample
from voicebox.skills.types import Intent
from voicebox.train.prefixes import WordSpan

__all__ = ["Example", "Split", "build", "label_names", "slot_values", "weigh"]

Split = Literal["train", "held"]

MORE_SENTENCES = Path(__file__).with_name("in_scope.toml")
OUT_OF_SCOPE_SHARE = 0.4
"""Share of the training weight that is out of scope."""
_WRITTEN_WEIGHT = 2.0
"""Weight of our own out-of-scope sentences against public ones: they are nearer to our intents."""
_PER_ORIGIN = 300
"""At most so many sentences of one intent of a public set."""


@dataclass(frozen=True, slots=True)
class Example:
    """A normalized sentence.

    `origin` names its source ("skills", "clinc150/timer", "written/facts"); `group` is the template or source that it
    shares with its likes; `spans` are the words of slots; `times` is how often it was sampled; `weight` counts in
    losses and prefix statistics.
    """

    text: str
    intent: str
    origin: str
    group: str
    split: Split
    spans: tuple[WordSpan, ...] = ()
    times: int = 1
    weight: float = 1.0


def label_names(intents: Sequence[Intent]) -> list[str]:
    """Labels in the order of their tokens: the intents by name, then out of scope."""
    return [*sorted(intent.name for intent in intents), OUT_OF_SCOPE]


def build(
    intents: Sequence[Intent], public: Path, *, per_intent: int, out_of_scope: int, seed: int, held_share: float = 0.1
) -> list[Example]:
    """Sample and read all sentences. The same text with two labels is left out, unless one is far more frequent.

    Args:
        intents: the skills' declarations.
        public: folder of the public data sets; sets that are not there are left out.
        per_intent: sentences to sample per intent.
        out_of_scope: out-of-scope sentences to sample from our own templates.
        seed: of all chance.
        held_share: share of templates (whole templates) and of public sentences that are held out.
    """
    rng = random.Random(seed)
    found: list[Example] = []
    with MORE_SENTENCES.open("rb") as file:
        more = tomllib.load(file)
    for intent in intents:
        found += _sampled(intent, more.get(intent.name, ()), per_intent, rng, held_share)
    found += _written(out_of_scope, rng, held_share)
    known = {intent.name for intent in intents} | {OUT_OF_SCOPE}
    taken: Counter[str] = Counter()
    rows = list(read_public(public))
    rng.shuffle(rows)
    for row in rows:
        taken[row.origin] += 1
        if taken[row.origin] > _PER_ORIGIN:
            continue
        if row.intent not in known:
            raise ValueError(f"the table of public intents names {row.intent!r}, which no skill declares")
        split: Split = "held" if rng.random() < held_share else "train"
        found.append(Example(row.text, row.intent, row.origin, row.origin, split))
    return weigh(_unambiguous(found))


def _sampled(
    intent: Intent, more: Sequence[str], count: int, rng: random.Random, held_share: float
) -> Iterable[Example]:
    templates = (*intent.examples, *more)
    held = {example for example in templates if rng.random() < held_share}
    for index in range(count):
        example = templates[index % len(templates)]
        text, spans = _normalized(sample(intent, rng, example=example))
        split: Split = "held" if example in held else "train"
        yield Example(text, intent.name, "skills", f"{intent.name}/{example}", split, spans)


def _normalized(sentence: Sentence) -> tuple[str, tuple[WordSpan, ...]]:
    """The normalized text with its slots as word spans; none where normalization reaches across a slot's edge."""
    text = normalize_text(sentence.text)
    words: list[str] = []
    spans: list[WordSpan] = []
    at = 0
    for span in sentence.spans:
        words += normalize_text(sentence.text[at : span.start]).split()
        start = len(words)
        words += normalize_text(sentence.text[span.start : span.end]).split()
        spans.append((start, len(words), span.slot))
        at = span.end
    words += normalize_text(sentence.text[at:]).split()
    return text, tuple(spans) if " ".join(words) == text else ()


def slot_values(examples: Iterable[Example]) -> dict[str, set[str]]:
    """All values of each slot that occur in the examples."""
    values: defaultdict[str, set[str]] = defaultdict(set)
    for example in examples:
        words = example.text.split()
        for start, end, slot in example.spans:
            values[slot].add(" ".join(words[start:end]))
    return values


def _written(count: int, rng: random.Random, held_share: float) -> Iterable[Example]:
    source = load_out_of_scope()
    total = sum(family.weight for family in source.families)
    for family in source.families:
        held = {template for template in family.templates if rng.random() < held_share}
        for index in range(round(count * family.weight / total)):
            template = family.templates[index % len(family.templates)]
            split: Split = "held" if template in held else "train"
            text = source.sample(template, rng)
            yield Example(text, OUT_OF_SCOPE, f"written/{family.name}", f"written/{template}", split)


def _unambiguous(examples: Sequence[Example]) -> list[Example]:
    """One example per text; the skills' word counts more than out-of-scope sources'; held-out texts are not trained."""
    by_text: defaultdict[str, list[Example]] = defaultdict(list)
    for example in examples:
        if example.text:
            by_text[example.text].append(example)
    out: list[Example] = []
    for same in by_text.values():
        counts = Counter(example.intent for example in same)
        skills = Counter(example.intent for example in same if example.origin == "skills")
        intent, count = (skills or counts).most_common(1)[0]
        if count < 0.75 * sum((skills or counts).values()):
            continue
        agreeing = [example for example in same if example.intent == intent]
        chosen = next((example for example in agreeing if example.split == "train"), agreeing[0])
        split: Split = "train" if any(example.split == "train" for example in same) else "held"
        out.append(replace(chosen, split=split, times=len(agreeing)))
    return out


def weigh(examples: Sequence[Example]) -> list[Example]:
    """Weights that sum to the count.

    In scope, intents count almost alike (by the fourth root of their variety), and a sentence by how often it was
    sampled: short ones with one wording are as common among callers as the many wordings of long ones.
    """
    variety = Counter(example.intent for example in examples)
    mass: Counter[str] = Counter()
    for example in examples:
        mass[example.intent] += example.times
    raw = [
        example.times * variety[example.intent] ** 0.25 / mass[example.intent]
        if example.intent != OUT_OF_SCOPE
        else (_WRITTEN_WEIGHT if example.origin.startswith("written") else 1.0)
        for example in examples
    ]
    outside = [example.intent == OUT_OF_SCOPE for example in examples]
    sums = {
        side: sum(weight for weight, out in zip(raw, outside, strict=True) if out is side) for side in (True, False)
    }
    shares = {True: OUT_OF_SCOPE_SHARE, False: 1.0 - OUT_OF_SCOPE_SHARE}
    return [
        replace(example, weight=len(examples) * shares[out] * weight / sums[out])
        for example, weight, out in zip(examples, raw, outside, strict=True)
    ]
