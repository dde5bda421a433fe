"""Training data: JSON lines of text and intent, checked before anything is trained on them."""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from voicebox.errors import VoiceboxError
from voicebox.llm.intent_text import normalize_text

__all__ = ["DataError", "Row", "Slot", "Split", "check_measured", "check_rows", "read_rows", "write_rows"]

Split = Literal["train", "val"]

_SPLITS: dict[str, Split] = {"train": "train", "val": "val", "valid": "val", "validation": "val", "dev": "val"}
_LONGEST = 2000
_ROW = 'A row is one JSON object: {"text": "…", "intent": "…"}, perhaps with "slots", "split", "weight", "origin".'


class DataError(VoiceboxError):
    """Training data that cannot be used; the message names the line."""

    exit_code = 2


@dataclass(frozen=True, slots=True)
class Slot:
    """Characters `[start, end)` of a row's text that fill the slot `name`."""

    start: int
    end: int
    name: str


@dataclass(frozen=True, slots=True)
class Row:
    """A labelled text.

    `intent` is a label (`oos`: out of scope); `split` says whether it trains or only measures; `weight` is how much it
    counts in training, relative to the other rows; `origin` names where it comes from ("clinc150", "skills"), for the
    model card; `licence` is that source's. Rows of one `group` (made from one pattern, say) are held out together.
    """

    text: str
    intent: str
    slots: tuple[Slot, ...] = ()
    split: Split = "train"
    weight: float = 1.0
    origin: str = ""
    licence: str = ""
    group: str = ""


def read_rows(path: Path, *, drop_conflicts: bool = False, measure_only: bool = False) -> list[Row]:
    """Read and check a file of JSON lines.

    `text` and `intent` are required. `slots` is a list of `{"slot", "start", "end"}` (character offsets) or an object
    of names and values; a value that does not stand in the text as it is (a number, a date) is not used. `split` is
    `train` (the default; `train_…` too) or `val`. Blank lines are skipped.

    Args:
        path: the file, UTF-8.
        drop_conflicts: do not train on texts that have several labels, instead of refusing the file.
        measure_only: all rows are to measure, whatever their split is; one label will do.

    Raises:
        DataError: the file cannot be read, a row is bad (its line number and the cure are named), the same text has two
            labels (both lines are named), or all rows have the same label.
    """
    rows: list[Row] = []
    lines: list[int] = []
    try:
        with path.open("rb") as file:
            for number, raw in enumerate(file, start=1):
                where = f"Line {number} of {path}"
                try:
                    line = raw.decode("utf-8-sig" if number == 1 else "utf-8").strip()
                except UnicodeDecodeError as error:
                    raise DataError(f"{where} is not UTF-8", cure="Save the file as UTF-8.") from error
                if line:
                    rows.append(_row(line, where))
                    lines.append(number)
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}") from error
    if not rows:
        raise DataError(f"{path} has no rows", cure=_ROW)
    if measure_only:
        return [replace(row, split="val") for row in rows]
    kept = _without_conflicts(rows, lines, path, drop=drop_conflicts)
    check_rows(kept, str(path))
    return kept


def check_rows(rows: Sequence[Row], name: str) -> None:
    """Refuse rows that nothing can be learned from.

    Raises:
        DataError: fewer than two labels to train, or a label that only validation rows have.
    """
    trained = {row.intent for row in rows if row.split == "train"}
    if len(trained) < 2:
        only = f"All rows of {name} that train have the intent {next(iter(trained))!r}" if trained else f"{name} has no"
        raise DataError(
            only if trained else f"{only} rows that train",
            cure="Add rows of another intent, or of texts that are none of them (intent oos).",
        )
    for row in rows:
        if row.intent not in trained:
            raise DataError(
                f"The intent {row.intent!r} of {name} is in rows with split val only",
                cure="Add rows of it that train, or leave them out.",
            )


def check_measured(rows: Iterable[Row], measured: Iterable[Row], name: str) -> None:
    """Refuse rows to measure whose label `rows` do not train.

    Raises:
        DataError: names the label.
    """
    trained = {row.intent for row in rows if row.split == "train"}
    for row in measured:
        if row.intent not in trained:
            raise DataError(
                f"The intent {row.intent!r} of {name} is in no row that trains", cure="Add rows of it, or leave it out."
            )


def write_rows(path: Path, rows: Iterable[Row]) -> None:
    """Write rows as JSON lines that `read_rows` reads; the file appears whole or not at all."""
    temporary = path.with_name(path.name + ".tmp")
    with temporary.open("w", encoding="utf-8") as file:
        for row in rows:
            data: dict[str, Any] = {"text": row.text, "intent": row.intent, "split": row.split}
            if row.slots:
                data["slots"] = [{"slot": slot.name, "start": slot.start, "end": slot.end} for slot in row.slots]
            if row.weight != 1.0:
                data["weight"] = round(row.weight, 4)
            data |= {key: value for key, value in _named(row) if value}
            file.write(json.dumps(data, ensure_ascii=False) + "\n")
    temporary.replace(path)


def _named(row: Row) -> tuple[tuple[str, str], ...]:
    return ("origin", row.origin), ("licence", row.licence), ("group", row.group)


def _row(line: str, where: str) -> Row:
    try:
        data = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{where} is not JSON ({error})", cure=_ROW) from error
    if not isinstance(data, dict):
        raise DataError(f"{where} is not a JSON object", cure=_ROW)
    text = _string(data, "text", where)
    if len(text) > _LONGEST:
        raise DataError(f"{where} has a text of {len(text)} characters", cure=f"At most {_LONGEST} can be used.")
    if not normalize_text(text):
        raise DataError(f"{where} has a text without a word or number", cure="Leave the row out.")
    weight = data.get("weight", 1.0)
    if isinstance(weight, bool) or not isinstance(weight, int | float) or not (math.isfinite(weight) and weight > 0):
        raise DataError(f"{where} has the weight {weight!r}", cure="A weight is a number above zero.")
    return Row(
        text=text,
        intent=_string(data, "intent", where).strip(),
        slots=_slots(data.get("slots"), text, where),
        split=_split(data.get("split", "train"), where),
        weight=float(weight),
        origin=str(data.get("origin", data.get("source", "")) or ""),
        licence=str(data.get("licence", data.get("license", "")) or ""),
        group=str(data.get("group", "") or ""),
    )


def _string(data: dict[str, Any], key: str, where: str) -> str:
    value = data.get(key)
    if key not in data:
        raise DataError(f"{where} has no {key!r}", cure=_ROW)
    if not isinstance(value, str) or not value.strip():
        raise DataError(f"{where}: {key!r} is {value!r}, not a text", cure=_ROW)
    return value


def _split(value: object, where: str) -> Split:
    known = _SPLITS.get("train" if isinstance(value, str) and value.startswith("train") else str(value))
    if known is None:
        raise DataError(f"{where} has the split {value!r}", cure="A split is train or val.")
    return known


def _slots(value: object, text: str, where: str) -> tuple[Slot, ...]:
    if value is None:
        return ()
    found: list[Slot] = []
    if isinstance(value, dict):
        for name, said in value.items():
            at = text.find(said) if isinstance(said, str) and said else -1
            if at >= 0:
                found.append(Slot(at, at + len(said), str(name)))
    elif isinstance(value, list):
        found = [_slot(item, text, where) for item in value]
    else:
        raise DataError(f"{where}: 'slots' is neither a list nor an object", cure=_SLOT)
    found.sort(key=lambda slot: slot.start)
    for before, after in itertools.pairwise(found):
        if after.start < before.end:
            if isinstance(value, dict):
                return ()
            raise DataError(f"{where}: the slots {before.name!r} and {after.name!r} overlap", cure=_SLOT)
    return tuple(found)


_SLOT = (
    'A slot is {"slot": name, "start": first character, "end": one after the last}; or an object of names and values.'
)


def _slot(item: object, text: str, where: str) -> Slot:
    if not isinstance(item, dict):
        raise DataError(f"{where} has a slot that is no object", cure=_SLOT)
    name, start, end = item.get("slot", item.get("name")), item.get("start"), item.get("end")
    if not isinstance(name, str) or not name:
        raise DataError(f"{where} has a slot without a name", cure=_SLOT)
    if isinstance(start, bool) or isinstance(end, bool) or not isinstance(start, int) or not isinstance(end, int):
        raise DataError(f"{where}: the slot {name!r} has no start and end", cure=_SLOT)
    if not 0 <= start < end <= len(text):
        raise DataError(f"{where}: the slot {name!r} is at {start} to {end} of {len(text)} characters", cure=_SLOT)
    said = item.get("value")
    if isinstance(said, str) and text[start:end] != said:
        raise DataError(
            f"{where}: the slot {name!r} is {said!r}, but {text[start:end]!r} stands at {start} to {end}", cure=_SLOT
        )
    return Slot(start, end, name)


def _without_conflicts(rows: Sequence[Row], lines: Sequence[int], path: Path, *, drop: bool) -> list[Row]:
    """The rows whose normalized text has one label; rows that measure stay."""
    first: dict[str, int] = {}
    bad: set[str] = set()
    texts = [normalize_text(row.text) for row in rows]
    for index, text in enumerate(texts):
        other = first.setdefault(text, index)
        if rows[other].intent == rows[index].intent:
            continue
        if not drop:
            raise DataError(
                f"Lines {lines[other]} and {lines[index]} of {path} have the same text {rows[index].text!r}, "
                f"but the intents {rows[other].intent!r} and {rows[index].intent!r}",
                cure="Keep one of them, or leave both out (--drop-conflicts).",
            )
        bad.add(text)
    return [row for row, text in zip(rows, texts, strict=True) if text not in bad or row.split == "val"]
