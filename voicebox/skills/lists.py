"""Shopping and to-do lists, shared by the household."""

from __future__ import annotations

import re
from collections.abc import Callable

from voicebox.skills.base import BuiltinSkill, value_of
from voicebox.skills.intents import lists
from voicebox.skills.state import Household
from voicebox.skills.types import Plan, Request
from voicebox.skills.wording import join_words, pick, plural

__all__ = ["MAX_ITEMS", "ListsSkill", "split_items"]

MAX_ITEMS = 200
"""On one list."""
_READ_AT_ONCE = 10
_BETWEEN = re.compile(r"\s*,\s*(?:and\s+)?|\s+and\s+|\s*;\s*")
_TOGETHER = re.compile(r"\b(\w+)\s+and\s+(\w+)")
_PAIRS = frozenset(
    (
        ("macaroni", "cheese"), ("mac", "cheese"), ("half", "half"), ("fish", "chips"), ("gin", "tonic"),
        ("salt", "vinegar"), ("ham", "cheese"),
    )
)  # fmt: skip
"""What "and" makes one thing of."""
_TASK_VERBS = frozenset(
    "call buy pay walk water do clean take book renew send email fix pick return change schedule finish write wash "
    "vacuum mow read visit text ask make go feed iron cook paint repair order cancel".split()
)


class ListsSkill(BuiltinSkill):
    """Keeps lists."""

    def __init__(self, household: Household) -> None:
        handlers = {
            "lists.add": self._add,
            "lists.remove": self._remove,
            "lists.read": self._read,
            "lists.clear": self._clear,
        }
        super().__init__("lists", lists.INTENTS, handlers, household)
        self._lists = household.lists

    def _add(self, request: Request) -> Plan:
        said = _as_said(request)
        name = value_of(request, "list") or ("to do" if said.split()[0] in _TASK_VERBS - {"buy"} else "shopping")
        items = [said] if name == "to do" else split_items(said)
        present = self._lists.get(name, [])
        fresh = [item for item in items if item not in present or request.amends]
        data = {"list": name, "items": items}
        if not fresh:
            return Plan(f"{_capital(join_words(items))} {_be(items)} on the {name} list already.", data=data)
        if len(present) + len(fresh) > MAX_ITEMS:
            return Plan(f"Sorry, the {name} list is full.", data=data)
        words = join_words(fresh)
        reply = pick(request.text, (f"Okay, {words} on the {name} list.", f"Okay, added {words}."))

        def do() -> Callable[[], None]:
            there = self._lists.setdefault(name, [])
            added = [item for item in fresh if item not in there]
            there.extend(added)
            return lambda: _discard(there, added)

        return self._command(request, reply, do, "that", data)

    def _remove(self, request: Request) -> Plan:
        said = _as_said(request)
        name: str | None = value_of(request, "list")
        names = [name] if name is not None else list(self._lists)
        found = [
            (there, item)
            for wanted in ([said, *split_items(said)] if said not in split_items(said) else [said])
            for there in names
            for item in self._lists.get(there, [])
            if _same(item, wanted)
        ]
        data = {"list": name, "items": [item for _, item in found]}
        if not found:
            return Plan(
                f"{_capital(said)} {_be(split_items(said))} not on {f'the {name} list' if name else 'any list'}.",
                data=data,
            )
        words = join_words([item for _, item in found])

        def do() -> Callable[[], None]:
            before = {there: list(self._lists[there]) for there, _ in found}
            for there, item in found:
                _discard(self._lists[there], [item])
            return lambda: self._restore(before)

        return self._command(request, f"Okay, took {words} off the {found[0][0]} list.", do, "that", data)

    def _read(self, request: Request) -> Plan:
        name = value_of(request, "list") or self._asked_list(request)
        items = self._lists.get(name, [])
        data = {"list": name, "items": list(items)}
        if not items:
            return Plan(f"Your {name} list is empty.", data=data)
        if len(items) > _READ_AT_ONCE:
            first = join_words([*items[:_READ_AT_ONCE], f"{len(items) - _READ_AT_ONCE} more"])
            return Plan(f"There are {len(items)} things on your {name} list: {first}.", data=data)
        return Plan(f"{plural(len(items), 'thing')} on your {name} list: {join_words(items)}.", data=data)

    def _clear(self, request: Request) -> Plan:
        name = value_of(request, "list") or self._asked_list(request)
        before = list(self._lists.get(name, []))
        data = {"list": name, "items": before}
        if not before:
            return Plan(f"Your {name} list is empty already.", data=data)

        def do() -> Callable[[], None]:
            kept = {name: list(self._lists.get(name, []))}
            self._lists[name] = []
            return lambda: self._restore(kept)

        return self._command(request, f"Okay, cleared your {name} list.", do, "that", data)

    def _restore(self, before: dict[str, list[str]]) -> None:
        for name, items in before.items():
            self._lists[name] = items

    def _asked_list(self, request: Request) -> str:
        """The list of a request that names none: by its words, else the only one that has something on it."""
        if re.search(r"\b(?:to do|task|tasks|chores|have to do)\b", request.text.lower()):
            return "to do"
        if re.search(r"\b(?:buy|get|store|supermarket|shopping|need)\b", request.text.lower()):
            return "shopping"
        filled = [name for name, items in self._lists.items() if items]
        return filled[0] if len(filled) == 1 else "shopping"


def _as_said(request: Request) -> str:
    """The items with the commas of the transcript, which understanding leaves out."""
    item: str = value_of(request, "item")
    found = re.search(r"[\W_]+".join(map(re.escape, re.findall(r"[^\W_]+", item))), request.text.lower())
    return item if found is None else found.group()


def split_items(said: str) -> list[str]:
    """The things of an enumeration: "milk, eggs and bread" → three, "macaroni and cheese" → one."""

    def join(found: re.Match[str]) -> str:
        pair = (found[1], found[2])
        return f"{found[1]}\0{found[2]}" if pair in _PAIRS else found[0]

    parts = _BETWEEN.split(_TOGETHER.sub(join, said.strip()))
    return list(dict.fromkeys(part.replace("\0", " and ").strip() for part in parts if part.strip()))


def _discard(there: list[str], items: list[str]) -> None:
    for item in items:
        if item in there:
            there.remove(item)


def _same(item: str, wanted: str) -> bool:
    """Whether two names mean the same thing, number, article and amount aside."""
    return _core(item) == _core(wanted)


def _core(item: str) -> str:
    words = [word for word in item.split() if word not in ("a", "an", "the", "some", "my", "more")]
    return " ".join(word.removesuffix("s") for word in words)


def _be(items: list[str]) -> str:
    return "are" if len(items) > 1 or items[0].endswith("s") else "is"


def _capital(words: str) -> str:
    return words[:1].upper() + words[1:]
