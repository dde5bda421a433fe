"""Write the rows that `voicebox train intent` makes models from: those of the shipped one, or CLINC150's.

    python scripts/train/rows.py skills --data FOLDER --out skills.jsonl
    python scripts/train/rows.py clinc150 --data FOLDER --out clinc150.jsonl

`--data` holds the public sets (`clinc150.jsonl`, `hwu64.jsonl`, `snips.jsonl`).
"""

from __future__ import annotations

import argparse
import json
import random
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from scripts.train.dataset import build
from scripts.train.outofscope import load_out_of_scope
from voicebox.llm.intent_text import normalize_text
from voicebox.llm.types import OUT_OF_SCOPE
from voicebox.skills.intents import BUILTIN_INTENTS
from voicebox.train.rows import Row, Slot, read_rows, write_rows

SEED = 7
_LICENCES = {"clinc150": "CC BY 3.0", "hwu64": "CC BY 4.0", "snips": "CC0 1.0"}
_OWN = "Apache-2.0 (this repository)"
_NOT_CLINC = {
    "hwu64": (
        "qa_factoid", "social_post", "social_query", "email_query", "email_querycontact", "email_sendemail",
        "email_addcontact", "news_query", "recommendation_events", "recommendation_movies", "play_radio",
        "play_audiobook", "play_podcasts", "play_game", "qa_stock", "music_likeness", "music_settings",
        "transport_ticket",
    ),
    "snips": ("RateBook", "SearchCreativeWork", "SearchScreeningEvent"),
}  # fmt: skip
"""Intents of other public sets that none of CLINC150's covers."""
_CLINC_OUT_OF_SCOPE, _ELSEWHERE = 8.0, 0.25
"""Weights of CLINC150's hundred out-of-scope rows and of the thousands from elsewhere: a tenth of all together."""
_OWN_FAMILIES = {"facts": 1200, "requests it cannot do": 500}
"""Our own out-of-scope sentences that are out of CLINC150's scope as well, and how many of them."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Write one of the two files."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("what", choices=("skills", "clinc150"))
    parser.add_argument("--data", type=Path, required=True, help="folder of the public sets")
    parser.add_argument("--out", type=Path, required=True, help="the JSON lines to write")
    parser.add_argument("--per-intent", type=int, default=900)
    parser.add_argument("--out-of-scope", type=int, default=16000, help="sentences from our own templates")
    options = parser.parse_args(arguments)
    if options.what == "skills":
        rows = list(skill_rows(options.data, options.per_intent, options.out_of_scope))
    else:
        rows = list(clinc_rows(options.data))
    write_rows(options.out, rows)
    print(f"{len(rows)} rows, {len({row.intent for row in rows})} labels")
    return 0


def skill_rows(public: Path, per_intent: int, out_of_scope: int) -> Iterator[Row]:
    """The built-in skills' sentences and public ones in their labels; a twentieth, whole templates, only measures."""
    examples = build(
        BUILTIN_INTENTS, public, per_intent=per_intent, out_of_scope=out_of_scope, seed=SEED, held_share=0.05
    )
    for example in examples:
        source = example.origin.split("/")[0]
        words = example.text.split()
        ends = [len(" ".join(words[:index])) for index in range(len(words) + 1)]
        yield Row(
            text=example.text,
            intent=example.intent,
            slots=tuple(Slot(ends[start] + (start > 0), ends[end], name) for start, end, name in example.spans),
            split="train" if example.split == "train" else "val",
            weight=round(example.weight, 4),
            origin=source,
            licence=_LICENCES.get(source, _OWN),
            group="" if source in _LICENCES else example.group,
        )


def clinc_rows(public: Path) -> Iterator[Row]:
    """CLINC150's train and validation rows as they are, and out-of-scope rows from elsewhere to train on."""
    clinc = read_rows(public / "clinc150.jsonl", drop_conflicts=True)
    known = {normalize_text(row.text) for row in clinc}
    for row in clinc:
        weight = _CLINC_OUT_OF_SCOPE if row.intent == OUT_OF_SCOPE else 1.0
        yield Row(row.text, row.intent, (), row.split, weight, "clinc150", _LICENCES["clinc150"])
    for text, source in _elsewhere(public):
        if text not in known:
            known.add(text)
            yield Row(text, OUT_OF_SCOPE, (), "train", _ELSEWHERE, source, _LICENCES.get(source, _OWN))


def _elsewhere(public: Path) -> Iterator[tuple[str, str]]:
    rng = random.Random(SEED)
    taken: Counter[str] = Counter()
    for source, intents in _NOT_CLINC.items():
        with (public / f"{source}.jsonl").open(encoding="utf-8") as file:
            for line in file:
                row = json.loads(line)
                taken[row["intent"]] += row["split"].startswith("train")
                if row["intent"] in intents and row["split"].startswith("train") and taken[row["intent"]] <= 150:
                    yield normalize_text(row["text"]), source
    written = load_out_of_scope()
    for family in written.families:
        for index in range(_OWN_FAMILIES.get(family.name, 0)):
            yield written.sample(family.templates[index % len(family.templates)], rng), "written"


if __name__ == "__main__":
    raise SystemExit(main())
