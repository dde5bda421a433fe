"""A skill as a TOML file: names, slots, sentences and replies (docs/own-skills.md)."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from voicebox.skills.own.check import check_drafts, check_name, did_you_mean, used_slots
from voicebox.skills.own.define import IntentDraft
from voicebox.skills.own.problems import Problem, SkillFileError, Text
from voicebox.skills.own.skill import OwnIntent, OwnSkill
from voicebox.skills.types import Intent, Slot, SlotKind

__all__ = ["build", "read_toml"]

_FILE_KEYS = frozenset({"name", "description", "slots", "intents"})
_SLOT_KEYS = frozenset({"type", "values", "required", "ask", "examples", "min", "max"})
_INTENT_KEYS = frozenset({"description", "examples", "replies", "read_only", "amendable"})
_LINE = re.compile(r"at line (\d+)")


def read_toml(text: Text) -> tuple[OwnSkill, tuple[Problem, ...]]:
    """The skill of a TOML file, and what could be better about it.

    Raises:
        SkillFileError: it is not TOML, or something in it is wrong.
    """
    try:
        data = tomllib.loads(text.source)
    except tomllib.TOMLDecodeError as error:
        found = _LINE.search(str(error))
        line = int(found[1]) if found else len(text.source.splitlines())  # else it says: at end of document
        problem = Problem(text.path, line, "error", f"it is not valid TOML: {error}")
        raise SkillFileError([problem]) from None
    reader = _Reader(text)
    name, drafts, slots = reader.read(data)
    problems = [*reader.problems, *check_name(name, text)]
    if not reader.problems:
        problems += check_drafts(drafts, slots, text, shared=True)
    return build(name, drafts, problems, text)


def build(
    name: str, drafts: Sequence[IntentDraft], problems: Sequence[Problem], text: Text, *, timeout_s: float = 4.0
) -> tuple[OwnSkill, tuple[Problem, ...]]:
    """The skill, unless there are errors.

    Raises:
        SkillFileError: there are.
    """
    errors = [problem for problem in problems if problem.level == "error"]
    if errors:
        raise SkillFileError([*errors, *(problem for problem in problems if problem.level != "error")])
    intents = [
        OwnIntent(
            Intent(
                f"{name}.{draft.name}",
                draft.description,
                tuple(_plain(example) for example in draft.examples),
                draft.slots,
                draft.read_only,
                draft.amendable,
            ),
            draft.replies,
            draft.handler,
        )
        for draft in drafts
    ]
    return OwnSkill(name, intents, text.path, timeout_s=timeout_s), tuple(problems)


def _plain(example: str) -> str:
    """A sentence as it is heard: lower case, without the punctuation that separates or ends."""
    return re.sub(r"[,.?!;:]+(?=[\s\])|]|$)", "", example.lower().replace("’", "'"))


class _Reader:
    """Reads the tables, and keeps what is wrong with them."""

    def __init__(self, text: Text) -> None:
        self._text = text
        self.problems: list[Problem] = []

    def read(self, data: Mapping[str, Any]) -> tuple[str, list[IntentDraft], list[Slot]]:
        """Name, intents and slots; what cannot be read is left out."""
        self._keys(data, _FILE_KEYS, "")
        name = self._string(data, "name", "the skill")
        description = self._string(data, "description", "the skill", needed=False)
        if not name:
            self._error("the skill has no name", cure='Add name = "…"')
        slots = [slot for key, table in self._tables(data, "slots") if (slot := self._slot(key, table)) is not None]
        drafts = [self._intent(key, table, slots, description) for key, table in self._tables(data, "intents")]
        return name, drafts, slots

    def _error(self, message: str, *words: str, cure: str = "") -> None:
        self.problems.append(self._text.error(message, *words, cure=cure))

    def _keys(self, table: Mapping[str, Any], known: frozenset[str], where: str) -> None:
        for key in table:
            if key not in known:
                what = f"unknown key {key!r}" + (f" in {where}" if where else "")
                self._error(what, f"{key} =", f"{key}=", f"[{key}", f"{key}]", key, cure=did_you_mean(key, known))

    def _tables(self, data: Mapping[str, Any], key: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
        tables = data.get(key, {})
        if not isinstance(tables, Mapping):
            self._error(f"{key} is no table", f"{key} =", key, cure=f"Write [{key}.NAME] for each")
            return
        for name, table in tables.items():
            if isinstance(table, Mapping):
                yield name, table
            else:
                self._error(f"{key}.{name} is no table", name, cure=f"Write [{key}.{name}] and its keys below")

    def _string(self, table: Mapping[str, Any], key: str, where: str, *, needed: bool = True) -> str:
        value = table.get(key, "")
        if isinstance(value, str):
            return value
        self._error(f"{key} of {where} is no text", f"{key} =", key)
        return "?" if needed else ""

    def _strings(self, table: Mapping[str, Any], key: str, where: str) -> tuple[str, ...]:
        value = table.get(key, [])
        if isinstance(value, list) and all(isinstance(item, str) for item in value):
            return tuple(value)
        self._error(f"{key} of {where} is no list of texts", f"{key} =", key, cure=f'Write {key} = ["…", "…"]')
        return ()

    def _bool(self, table: Mapping[str, Any], key: str, where: str) -> bool:
        value = table.get(key, False)
        if not isinstance(value, bool):
            self._error(f"{key} of {where} is neither true nor false", f"{key} =", key)
        return value is True

    def _bound(self, table: Mapping[str, Any], key: str, where: str) -> float | None:
        value = table.get(key)
        if value is None or (isinstance(value, int | float) and not isinstance(value, bool)):
            return value
        self._error(f"{key} of {where} is no number", f"{key} =", key)
        return None

    def _slot(self, name: str, table: Mapping[str, Any]) -> Slot | None:
        where = f"the slot {name!r}"
        self._keys(table, _SLOT_KEYS, where)
        kinds = frozenset(str(kind) for kind in SlotKind)
        kind = table.get("type")
        if not isinstance(kind, str) or kind not in kinds:
            said = f"{where} has the unknown type {kind!r}" if kind is not None else f"{where} has no type"
            self._error(said, f'"{kind}"', f"slots.{name}]", name, cure=did_you_mean(str(kind), kinds))
            return None
        for key, wanted in (("values", "choice"), ("min", "number"), ("max", "number")):
            if key in table and kind != wanted:
                self._error(f"{where} is a {kind}, which has no {key}", f"{key} =", name, cure=f"Only {wanted} has")
        return Slot(
            name,
            SlotKind(kind),
            self._values(table.get("values", {}), name),
            self._bool(table, "required", where),
            self._string(table, "ask", where, needed=False),
            self._strings(table, "examples", where),
            self._bound(table, "min", where),
            self._bound(table, "max", where),
        )

    def _values(self, values: object, slot: str) -> dict[str, tuple[str, ...]]:
        if isinstance(values, list) and all(isinstance(value, str) for value in values):
            return {value.lower(): () for value in values}
        if isinstance(values, Mapping) and all(
            isinstance(forms, list) and all(isinstance(form, str) for form in forms) for forms in values.values()
        ):
            return {value.lower(): tuple(form.lower() for form in forms) for value, forms in values.items()}
        self._error(
            f"the values of the slot {slot!r} are no list of texts, and no table of such lists", "values",
            cure='Write values = ["small", "large"] or values = { large = ["big"] }',
        )  # fmt: skip
        return {}

    def _intent(self, name: str, table: Mapping[str, Any], slots: Sequence[Slot], description: str) -> IntentDraft:
        where = f"the intent {name!r}"
        self._keys(table, _INTENT_KEYS, where)
        draft = IntentDraft(
            name,
            self._string(table, "description", where, needed=False) or description,
            self._strings(table, "examples", where),
            (),
            self._bool(table, "read_only", where),
            self._bool(table, "amendable", where),
            self._strings(table, "replies", where),
        )
        used = used_slots(draft)
        return IntentDraft(
            draft.name, draft.description, draft.examples, tuple(slot for slot in slots if slot.name in used),
            draft.read_only, draft.amendable, draft.replies,
        )  # fmt: skip
