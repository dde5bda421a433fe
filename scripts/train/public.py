"""Public intent data in our labels, by the explicit table `public_intents.toml`."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from voicebox.llm.intent_text import normalize_text
from voicebox.llm.types import OUT_OF_SCOPE

__all__ = ["PublicSentence", "Rule", "Rules", "load_rules", "read_public"]

TABLE = Path(__file__).with_name("public_intents.toml")
_FILES = {"clinc150": "clinc150.jsonl", "hwu64": "hwu64.jsonl", "snips": "snips.jsonl"}
_SKIP = "skip"
_ADDRESS = re.compile(r"^(please )?(hey )?(olly|s\d)\b|\b(olly|alexa|siri|google)$")
"""The assistants that the sentences' authors spoke to."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One row of the table: sentences of `label` that match become `intent` ("skip" leaves them out)."""

    label: str
    intent: str
    match: re.Pattern[str] | None = None
    unless: re.Pattern[str] | None = None

    def takes(self, text: str) -> bool:
        """Whether the rule is for this normalized text."""
        if self.match is not None and not self.match.search(text):
            return False
        return self.unless is None or not self.unless.search(text)


@dataclass(frozen=True, slots=True)
class PublicSentence:
    """A normalized sentence with our label and where it comes from ("clinc150/timer")."""

    text: str
    intent: str
    origin: str


class Rules:
    """The table of one source; the first rule that takes a sentence decides, without one it is out of scope."""

    def __init__(self, rules: list[Rule]) -> None:
        self._rules: dict[str, list[Rule]] = {}
        for rule in rules:
            self._rules.setdefault(rule.label, []).append(rule)

    @property
    def intents(self) -> set[str]:
        """All our labels in the table."""
        return {rule.intent for rules in self._rules.values() for rule in rules} - {_SKIP}

    def intent(self, label: str, text: str) -> str | None:
        """Our label for a normalized sentence, None where it is left out."""
        for rule in self._rules.get(label, ()):
            if rule.takes(text):
                return None if rule.intent == _SKIP else rule.intent
        return OUT_OF_SCOPE


def load_rules(path: Path = TABLE) -> dict[str, Rules]:
    """Read the table: source → rules.

    Raises:
        KeyError: a row without label or intent.
        re.error: a pattern that is not a regular expression.
    """
    with path.open("rb") as file:
        table = tomllib.load(file)
    return {
        source: Rules(
            [
                Rule(
                    row["label"],
                    row["intent"],
                    re.compile(row["match"]) if "match" in row else None,
                    re.compile(row["unless"]) if "unless" in row else None,
                )
                for row in rows
            ]
        )
        for source, rows in table.items()
    }


def read_public(folder: Path, *, validation: bool = False) -> Iterator[PublicSentence]:
    """Sentences of CLINC150, HWU64 and SNIPS in our labels.

    Args:
        folder: where the `.jsonl` files are; a missing one is left out.
        validation: CLINC150's validation part (for measuring) instead of the training parts of all.
    """
    rules = load_rules()
    for source, name in _FILES.items():
        path = folder / name
        if not path.is_file() or (validation and source != "clinc150"):
            continue
        with path.open(encoding="utf-8") as file:
            for line in file:
                row = json.loads(line)
                if validation != (row["split"] in ("val", "valid")):
                    continue
                text = _ADDRESS.sub("", normalize_text(row["text"])).strip()
                intent = rules[source].intent(row["intent"], text)
                if intent is not None and text:
                    yield PublicSentence(text, intent, f"{source}/{row['intent']}")
