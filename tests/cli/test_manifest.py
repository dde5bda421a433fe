from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from voicebox.cli.manifest import align_labels, read_manifest
from voicebox.errors import ConfigError
from voicebox.skills.intents import BUILTIN_INTENTS


def manifest(folder: Path, *rows: dict[str, Any]) -> Path:
    (folder / "manifest.jsonl").write_text("\n".join(json.dumps(row) for row in rows) + "\n")
    return folder


def order(label: str, **slots: str) -> dict[str, Any]:
    return {"path": "a.wav", "text": None, "intent": label, "slots": slots}


def test_rows_without_any_label_are_left_out(tmp_path: Path) -> None:
    rows = read_manifest(
        manifest(tmp_path, {"path": "a.wav", "text": None}, {"path": "b.wav", "text": ""}, order("x", size="large"))
    )
    assert [(row.path.name, row.text, row.intent) for row in rows] == [("b.wav", "", None), ("a.wav", None, "x")]
    assert rows[0].path == tmp_path / "b.wav"
    assert rows[1].slots == {"size": "large"}


@pytest.mark.parametrize("line", ["{", "[]", '{"text": "no path"}', '{"path": "a.wav", "slots": 3, "intent": "x"}'])
def test_a_bad_line_is_named(tmp_path: Path, line: str) -> None:
    (tmp_path / "manifest.jsonl").write_text(f"\n{line}\n")
    with pytest.raises(ConfigError, match="Line 2"):
        read_manifest(tmp_path)


def test_a_folder_without_manifest_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"manifest\.jsonl"):
        read_manifest(tmp_path)


def test_other_labels_mean_the_intent_that_knows_their_values(tmp_path: Path) -> None:
    rows = read_manifest(
        manifest(
            tmp_path, order("orderDrink", coffeeDrink="latte", size="large"), order("orderDrink", coffeeDrink="mocha")
        )
    )
    assert align_labels(rows, BUILTIN_INTENTS) == {"orderDrink": "coffee.order"}


def test_our_own_labels_mean_themselves(tmp_path: Path) -> None:
    rows = read_manifest(manifest(tmp_path, order("timer.list"), order("home.light_on", room="kitchen")))
    assert align_labels(rows, BUILTIN_INTENTS) == {"timer.list": "timer.list", "home.light_on": "home.light_on"}


@pytest.mark.parametrize("slots", [{}, {"coffeeDrink": "beer"}, {"beverage": "latte"}])
def test_labels_that_mean_nothing_here_are_refused(tmp_path: Path, slots: dict[str, str]) -> None:
    rows = read_manifest(manifest(tmp_path, order("orderDrink", **slots)))
    with pytest.raises(ConfigError, match="orderDrink"):
        align_labels(rows, BUILTIN_INTENTS)
