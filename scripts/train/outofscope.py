"""Sentences that no built-in skill handles, from the templates in `out_of_scope.toml`."""

from __future__ import annotations

import random
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from voicebox.llm.intent_text import normalize_text
from voicebox.skills.templates import Node, SlotRef, Words, parse

__all__ = ["Family", "OutOfScope", "load_out_of_scope"]

TEMPLATES = Path(__file__).with_name("out_of_scope.toml")


@dataclass(frozen=True, slots=True)
class Family:
    """Templates of one kind."""

    name: str
    weight: float
    templates: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class OutOfScope:
    """All families and the lists that fill them."""

    families: tuple[Family, ...]
    lists: Mapping[str, Sequence[str]]

    def sample(self, template: str, rng: random.Random) -> str:
        """A random normalized sentence of a template.

        Raises:
            KeyError: a `{list}` that is not declared.
        """
        return normalize_text(" ".join(self._pick(parse(template), rng)))

    def _pick(self, nodes: tuple[Node, ...], rng: random.Random) -> Iterator[str]:
        for node in nodes:
            if isinstance(node, Words):
                yield node.text
            elif isinstance(node, SlotRef):
                yield from self._pick(parse(rng.choice(self.lists[node.name])), rng)
            else:
                yield from self._pick(rng.choice(node.options), rng)


def load_out_of_scope(path: Path = TEMPLATES) -> OutOfScope:
    """Read the templates.

    Raises:
        KeyError: a family without name or templates.
        tomllib.TOMLDecodeError: the file is not TOML.
    """
    with path.open("rb") as file:
        data = tomllib.load(file)
    families = tuple(Family(row["name"], row.get("weight", 1.0), tuple(row["templates"])) for row in data["family"])
    return OutOfScope(families, data["lists"])
