"""Folders of recordings with a `manifest.jsonl`: reading them, and matching their labels to the skills'."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from voicebox.errors import ConfigError
from voicebox.skills.types import Intent, Slot, SlotKind

__all__ = ["Row", "align_labels", "limited", "read_manifest"]

_ENOUGH = 0.95


@dataclass(frozen=True, slots=True)
class Row:
    """One recording: with `intent` and `slots` it is a command, with `text` a transcript; `text` "" is no speech.

    `speaker` and `language` (a code such as "en") are empty where nobody says them.
    """

    path: Path
    text: str | None = None
    intent: str | None = None
    slots: Mapping[str, Any] = field(default_factory=dict)
    speaker: str = ""
    language: str = ""


def read_manifest(folder: Path) -> list[Row]:
    """The rows of a folder's manifest that can be scored.

    Raises:
        ConfigError: no manifest, or a line that is no such row.
    """
    file = folder / "manifest.jsonl"
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        cure = "Give a folder with a manifest.jsonl: one JSON object a line, with path and text or intent and slots"
        raise ConfigError(f"{file} cannot be read ({error.strerror})", cure=cure) from error
    rows = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            data = json.loads(line)
            path, slots = folder / data["path"], dict(data.get("slots") or {})
            speaker, language = str(data.get("speaker") or ""), str(data.get("language") or "")
            row = Row(path, data.get("text"), data.get("intent"), slots, speaker, language)
        except (ValueError, KeyError, TypeError) as error:
            raise ConfigError(f"Line {number} of {file} is no manifest row ({error})") from error
        if row.text is not None or row.intent is not None:
            rows.append(row)
    return rows


def limited(rows: list[Row], limit: int | None) -> list[Row]:
    """Every n-th row, so that a few stand for all.

    Raises:
        ConfigError: none would be left.
    """
    if limit is None or limit >= len(rows):
        return rows
    if limit < 1:
        raise ConfigError(f"--limit {limit} leaves nothing to measure")
    return [rows[i * len(rows) // limit] for i in range(limit)]


def align_labels(rows: Sequence[Row], intents: Sequence[Intent]) -> dict[str, str]:
    """Which of our intents each intent label of a manifest means.

    A label that is one of our names means that one. Another one means the intent whose slots have the same names
    and know the labelled values.

    Raises:
        ConfigError: a label that fits no intent.
    """
    names = {intent.name for intent in intents}
    meanings: dict[str, str] = {}
    for label in dict.fromkeys(row.intent for row in rows if row.intent is not None):
        pairs = [pair for row in rows if row.intent == label for pair in row.slots.items()]
        best = max(intents, key=lambda intent: _fit(pairs, intent), default=None)
        if label in names:
            meanings[label] = label
        elif best is not None and pairs and _fit(pairs, best) >= _ENOUGH:
            meanings[label] = best.name
        else:
            cure = "Enable the skill, or label the rows with its names of intents and slots"
            raise ConfigError(f"The manifest's intent {label!r} is not one of the enabled skills'", cure=cure)
    return meanings


def _fit(pairs: Sequence[tuple[str, Any]], intent: Intent) -> float:
    slots = {slot.name: slot for slot in intent.slots}
    return sum(name in slots and _knows(slots[name], value) for name, value in pairs) / len(pairs) if pairs else 0.0


def _knows(slot: Slot, value: Any) -> bool:
    return slot.kind is not SlotKind.CHOICE or value in slot.values
