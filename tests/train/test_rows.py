from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from voicebox.train.rows import DataError, Row, Slot, check_measured, read_rows, write_rows

GOOD: list[dict[str, Any]] = [
    {"text": "set a timer", "intent": "timer"},
    {"text": "lights on", "intent": "light"},
]


def _file(path: Path, rows: list[Any]) -> Path:
    file = path / "rows.jsonl"
    file.write_text("".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows))
    return file


def test_rows_are_read_with_defaults(tmp_path: Path) -> None:
    rows = read_rows(_file(tmp_path, [*GOOD, "", {"text": "é!", "intent": " oos ", "split": "train_70", "weight": 2}]))
    assert rows[0] == Row("set a timer", "timer")
    assert rows[2] == Row("é!", "oos", weight=2.0)


def test_validation_splits_and_origins(tmp_path: Path) -> None:
    row = {"text": "dim them", "intent": "light", "split": "valid", "source": "x", "licence": "CC0", "group": "g"}
    rows = read_rows(_file(tmp_path, [*GOOD, row]))
    assert rows[2] == Row("dim them", "light", split="val", origin="x", licence="CC0", group="g")


def test_slots_are_spans_or_names_and_values(tmp_path: Path) -> None:
    spans = {"text": "ten minutes now", "intent": "timer", "slots": [{"slot": "time", "start": 0, "end": 11}]}
    values = {
        "text": "tea for ten minutes",
        "intent": "timer",
        "slots": {"time": "ten minutes", "n": 600, "what": "tea"},
    }
    rows = read_rows(_file(tmp_path, [*GOOD, spans, values]))
    assert rows[2].slots == (Slot(0, 11, "time"),)
    assert rows[3].slots == (Slot(0, 3, "what"), Slot(8, 19, "time"))


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    rows = [
        Row("set a timer", "timer", (Slot(6, 11, "what"),), "train", 0.5, "skills", "Apache-2.0", "pattern"),
        Row("lights on", "light"),
        Row("dim", "light", split="val"),
    ]
    write_rows(tmp_path / "out.jsonl", rows)
    assert read_rows(tmp_path / "out.jsonl") == rows
    assert [path.name for path in tmp_path.iterdir()] == ["out.jsonl"]


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("{", ["Line 3", "not JSON"]),
        ("[]", ["Line 3", "not a JSON object"]),
        ({"intent": "a"}, ["Line 3", "no 'text'"]),
        ({"text": "a"}, ["Line 3", "no 'intent'"]),
        ({"text": 7, "intent": "a"}, ["Line 3", "'text' is 7"]),
        ({"text": "a", "intent": "  "}, ["Line 3", "'intent'"]),
        ({"text": "?!", "intent": "a"}, ["Line 3", "without a word"]),
        ({"text": "a " * 1500, "intent": "a"}, ["Line 3", "3000 characters"]),
        ({"text": "a", "intent": "a", "weight": 0}, ["Line 3", "weight 0"]),
        ({"text": "a", "intent": "a", "weight": True}, ["Line 3", "weight True"]),
        ({"text": "a", "intent": "a", "split": "fold10"}, ["Line 3", "'fold10'", "train or val"]),
        ({"text": "a", "intent": "a", "slots": 3}, ["Line 3", "'slots'"]),
        ({"text": "a b", "intent": "a", "slots": ["x"]}, ["Line 3", "no object"]),
        ({"text": "a b", "intent": "a", "slots": [{"start": 0, "end": 1}]}, ["Line 3", "without a name"]),
        ({"text": "a b", "intent": "a", "slots": [{"slot": "x", "start": "0", "end": 1}]}, ["Line 3", "'x'"]),
        ({"text": "a b", "intent": "a", "slots": [{"slot": "x", "start": 0, "end": 4}]}, ["Line 3", "0 to 4 of 3"]),
        (
            {"text": "a b", "intent": "a", "slots": [{"slot": "x", "start": 0, "end": 1, "value": "b"}]},
            ["Line 3", "'x' is 'b', but 'a'"],
        ),
        (
            {"text": "a b", "intent": "a", "slots": [{"slot": n, "start": 0, "end": 2} for n in "xy"]},
            ["Line 3", "'x' and 'y' overlap"],
        ),
    ],
)
def test_a_bad_row_is_named_by_its_line(tmp_path: Path, row: Any, words: list[str]) -> None:
    with pytest.raises(DataError) as raised:
        read_rows(_file(tmp_path, [*GOOD, row]))
    for word in words:
        assert word in str(raised.value)
    assert raised.value.cure


def test_a_row_that_is_no_utf_8_is_named(tmp_path: Path) -> None:
    file = tmp_path / "rows.jsonl"
    file.write_bytes(b'{"text": "a", "intent": "b"}\n{"text": "\xff", "intent": "b"}\n')
    with pytest.raises(DataError, match=r"Line 2 .*UTF-8"):
        read_rows(file)


def test_the_same_text_with_two_labels_names_both_lines(tmp_path: Path) -> None:
    rows = [*GOOD, {"text": "Set a timer!", "intent": "alarm"}]
    with pytest.raises(DataError, match=r"Lines 1 and 3 .*'timer' and 'alarm'"):
        read_rows(_file(tmp_path, rows))


def test_conflicts_can_be_left_out_of_training_but_not_of_measuring(tmp_path: Path) -> None:
    rows = [
        *GOOD,
        {"text": "both", "intent": "timer"},
        {"text": "Both", "intent": "light"},
        {"text": "dim", "intent": "timer"},
        {"text": "dim", "intent": "light", "split": "val"},
    ]
    kept = read_rows(_file(tmp_path, rows), drop_conflicts=True)
    assert [row.text for row in kept] == ["set a timer", "lights on", "dim"]
    assert kept[2].split == "val"


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([], "no rows"),
        ([GOOD[0], {"text": "another timer", "intent": "timer"}], "have the intent 'timer'"),
        ([{**row, "split": "val"} for row in GOOD], "no rows that train"),
        ([*GOOD, {"text": "order", "intent": "coffee", "split": "val"}], "'coffee' .* val only"),
    ],
)
def test_rows_that_nothing_can_be_learned_from(tmp_path: Path, rows: list[Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        read_rows(_file(tmp_path, rows))


def test_a_missing_file_and_a_folder_are_said(tmp_path: Path) -> None:
    for path in (tmp_path / "missing.jsonl", tmp_path):
        with pytest.raises(DataError, match="cannot be read"):
            read_rows(path)


def test_rows_to_measure_need_labels_that_are_trained(tmp_path: Path) -> None:
    rows = read_rows(_file(tmp_path, GOOD))
    measured = read_rows(_file(tmp_path, [{"text": "play jazz", "intent": "music"}]), measure_only=True)
    assert measured == [Row("play jazz", "music", split="val")]
    with pytest.raises(DataError, match=r"'music' of more.jsonl is in no row that trains"):
        check_measured(rows, measured, "more.jsonl")
    check_measured(rows, [Row("stop the timer", "timer", split="val")], "more.jsonl")
