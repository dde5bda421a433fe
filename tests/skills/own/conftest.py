from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

SNACK = """\
name = "snack"
description = "order snacks"

[slots.kind]
type = "choice"
required = true
ask = "Which snack?"
values = { toast = ["toasted bread"], soup = [] }

[slots.count]
type = "number"
min = 1
max = 6

[intents.order]
amendable = true
examples = [
  "order [a] {kind}",
  "bring me {count} {kind}",
  "(i'd like|we want) some {kind}",
  "{kind} please",
  "make {count} portions of {kind}",
]
replies = ["Okay, [{count} ]{kind}.", "Sure, [{count} ]{kind}, coming up."]
"""


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """Write a skill file: the text, or the snack skill with words replaced."""

    def write(text: str | None = None, *changes: tuple[str, str], name: str = "snack.toml") -> Path:
        text = SNACK if text is None else text
        for old, new in changes:
            assert old in text
            text = text.replace(old, new)
        path = tmp_path / name
        path.write_text(text, "utf-8")
        return path

    return write
