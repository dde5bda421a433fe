"""Families of models in the catalog: one template and a row for each model, instead of an entry for each.

    [[family]]
    name = "{id}-{q}"
    title = "{label}, GGUF {quant}"
    repo = "someone/{stem}-GGUF"
    files = ["{stem}-{quant}.gguf"]
    quants = ["Q4_K_M", "Q8_0"]
    models = [{ id = "tiny", label = "Tiny", stem = "Tiny-1B", parameters_m = 1000 }]

A row gives the words that the templates want, and may replace any field of the family. `quants` makes a model of each
row and quantization; `{quant}` is it as written, `{q}` in lower case; aliases go to the first. What is known of files
stands apart, by repository and path in it: `[facts."someone/Tiny-1B-GGUF"]`, with `revision`, and a table for a file.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from string import Formatter
from typing import Any

__all__ = ["FamilyError", "expand"]

_TEMPLATES = ("name", "title", "repo", "prefix", "files", "main", "aliases")
_MODEL_FIELDS = ("role", "group", "licence", "licence_url", "languages", "parameters_m", "memory_mb", "chat_template")
_FIELDS = frozenset((*_TEMPLATES, *_MODEL_FIELDS))
_NEEDED = ("name", "title", "role", "licence", "languages", "repo", "files")
_TOP = frozenset(("model", "family", "facts"))


class FamilyError(Exception):
    """A family is wrong; the message names it, the row and the key."""


def expand(data: Mapping[str, Any]) -> dict[str, Any]:
    """The catalog's data with every family written out as models, after those that are written out already.

    Raises:
        FamilyError: an unknown or missing key, a word that no template uses, or a fact about no file.
    """
    unknown = sorted(set(data) - _TOP)
    if unknown:
        raise FamilyError(f"its top: there is nothing called {unknown[0]!r}")
    facts = _facts(data.get("facts", {}))
    used: set[tuple[str, str]] = set()
    models = [*_list_of_tables(data, "model")]
    for family in _list_of_tables(data, "family"):
        models += _members(family, facts, used)
    for repo, table in facts.items():
        for path in table:
            if path != "revision" and (repo, path) not in used:
                raise FamilyError(f'facts."{repo}": no model has the file {path!r}')
        if not any(repo == known for known, _ in used):
            raise FamilyError(f'facts."{repo}": no family has a model from there')
    return {"model": models}


def _list_of_tables(data: Mapping[str, Any], key: str) -> list[dict[str, Any]]:
    value = data.get(key, [])
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise FamilyError(f"{key}: it must be written [[{key}]]")
    return value


def _facts(table: Any) -> dict[str, dict[str, Any]]:
    if not isinstance(table, dict) or not all(isinstance(entry, dict) for entry in table.values()):
        raise FamilyError('facts: each must be a table [facts."owner/repository"]')
    for repo, entry in table.items():
        for path, fact in entry.items():
            if path != "revision" and (not isinstance(fact, dict) or not fact or set(fact) - {"size", "sha256"}):
                raise FamilyError(f'facts."{repo}"."{path}": it may hold size and sha256')
    return table


def _members(
    family: Mapping[str, Any], facts: Mapping[str, Mapping[str, Any]], used: set[tuple[str, str]]
) -> Iterator[dict[str, Any]]:
    label = f"family {family.get('name', '(without a name)')}"
    for key in family:
        if key not in _FIELDS | {"quants", "models"}:
            raise FamilyError(f"{label}: unknown key {key!r}")
    rows = family.get("models")
    if not isinstance(rows, list) or not rows or not all(isinstance(row, dict) for row in rows):
        raise FamilyError(f"{label}: models must be a list of rows")
    for number, row in enumerate(rows, 1):
        where = f"{label}, row {number}"
        fields = {key: value for key, value in {**family, **row}.items() if key in _FIELDS}
        for key in _NEEDED:
            if key not in fields:
                raise FamilyError(f"{where}: {key} is missing")
        words = {key: value for key, value in row.items() if key not in _FIELDS}
        for index, quant in enumerate(_quants(family, label)):
            yield _member(fields, words, quant, index == 0, where, facts, used)


def _quants(family: Mapping[str, Any], label: str) -> list[str | None]:
    quants = family.get("quants", [None])
    if not isinstance(quants, list) or not quants or ("quants" in family and not all(type(q) is str for q in quants)):
        raise FamilyError(f"{label}: quants must be a list of names")
    return quants


def _member(
    fields: Mapping[str, Any],
    words: Mapping[str, Any],
    quant: str | None,
    first: bool,
    where: str,
    facts: Mapping[str, Mapping[str, Any]],
    used: set[tuple[str, str]],
) -> dict[str, Any]:
    values = {**words, **({"quant": quant, "q": quant.lower()} if quant else {})}
    filler = _Filler(values, where)
    made = {key: filler.fill(fields[key]) if key in _TEMPLATES else fields[key] for key in fields}
    unused = sorted(set(words) - filler.used)
    if unused:
        raise FamilyError(f"{where}: no template uses {unused[0]!r}")
    repo, prefix = made.pop("repo"), made.pop("prefix", "")
    known = facts.get(repo, {})
    used |= {(repo, prefix + name) for name in made["files"]}
    source = {"kind": "hub", "repo": repo, "prefix": prefix}
    if "revision" in known:
        source["revision"] = known["revision"]
    made["files"] = [{"name": name, **known.get(prefix + name, {})} for name in made["files"]]
    if not first:
        made.pop("aliases", None)
    return {"group": "optional", **made, "source": [source]}


class _Filler:
    """Puts words into templates, and remembers which were used."""

    def __init__(self, words: Mapping[str, Any], where: str) -> None:
        self._words = words
        self._where = where
        self.used: set[str] = set()

    def fill(self, template: Any) -> Any:
        if isinstance(template, list):
            return [self.fill(item) for item in template]
        if not isinstance(template, str):
            raise FamilyError(f"{self._where}: {template!r} is no text")
        text = ""
        try:
            parts = list(Formatter().parse(template))
        except ValueError as error:
            raise FamilyError(f"{self._where}: {template!r} is no template: {error}") from error
        for literal, key, _, _ in parts:
            text += literal
            if key is None:
                continue
            if not isinstance(self._words.get(key), str):
                raise FamilyError(f"{self._where}: {template!r} wants {key!r}, a text")
            self.used.add(key)
            text += self._words[key]
        return text
