import json
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

import numpy as np
import pytest

from voicebox.cli.output import Output, to_json


@dataclass
class Point:
    x: float


class Colour(Enum):
    RED = "red"


def test_values_of_all_kinds_have_a_json_form() -> None:
    row = {
        "f": 1.23456789,
        "nan": float("nan"),
        "np": np.float32(0.5),
        "array": np.arange(3),
        "set": {1},
        "tuple": (1, Colour.RED),
        "path": Path("a/b"),
        "point": Point(1.0),
        "nested": {"x": [Point(2.0)]},
        1: "ä",
    }
    assert json.loads(to_json(row)) == {
        "f": 1.2346,
        "nan": None,
        "np": 0.5,
        "array": [0, 1, 2],
        "set": [1],
        "tuple": [1, "red"],
        "path": "a/b",
        "point": {"x": 1.0},
        "nested": {"x": [{"x": 2.0}]},
        "1": "ä",
    }


def test_what_has_no_json_form_is_an_error() -> None:
    with pytest.raises(TypeError):
        to_json({"x": object()})


def test_for_machines_only_json_reaches_stdout(capsys: pytest.CaptureFixture[str]) -> None:
    output = Output(as_json=True)
    output.note("working")
    output.row({"a": 1}, "for people")
    output.summary({"n": 2})
    captured = capsys.readouterr()
    assert [json.loads(line) for line in captured.out.splitlines()] == [{"a": 1}, {"n": 2}]
    assert captured.err == ""


def test_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    output = Output()
    output.note("working")
    output.row({"a": 1}, "one result")
    output.row({"a": 2})
    output.summary({"wer": 0.12345, "latency": {"p50": 3.0, "p95": None}})
    captured = capsys.readouterr()
    assert captured.err == "working\n"
    assert captured.out == "one result\nwer      0.1235\nlatency  p50 3.0, p95 –\n"
