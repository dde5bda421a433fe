from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import pytest

from voicebox.cli.main import main

ROWS = [
    {"text": "set a timer", "intent": "timer"},
    {"text": "turn the lights on", "intent": "light"},
]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    return path


def _fails(arguments: list[str], capsys: pytest.CaptureFixture[str], code: int = 2) -> str:
    assert main(["train", "intent", *arguments]) == code
    return capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--out", "model.bin"], "--out model.bin is no .gguf file"),
        (["--out", "m.gguf", "--minutes", "0"], "--minutes 0.0 is not from"),
        (["--out", "m.gguf", "--layers", "0"], "--layers 0 is not from 1 to 48"),
        (["--out", "m.gguf", "--base", "minilm", "--teacher", "minilm"], "--base and --teacher"),
    ],
)
def test_options_that_make_no_sense(
    data: Path, options: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert message in _fails(["--data", str(data), *options], capsys)


def test_bad_rows_are_named_before_anything_is_trained(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with data.open("a") as file:
        file.write('{"text": "x"}\n')
    out = data.parent / "model.gguf"
    assert f"Line 3 of {data} has no 'intent'" in _fails(["--data", str(data), "--out", str(out)], capsys)
    assert not out.exists()


def test_an_unknown_label_in_the_rows_to_measure(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    more = data.parent / "more.jsonl"
    more.write_text('{"text": "play jazz", "intent": "music"}\n')
    arguments = ["--data", str(data), "--out", str(data.parent / "m.gguf"), "--eval", str(more)]
    assert "'music'" in _fails(arguments, capsys)


@pytest.mark.skipif(importlib.util.find_spec("torch") is not None, reason="torch is installed")
def test_without_torch_the_extra_is_named(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    message = _fails(["--data", str(data), "--out", str(data.parent / "m.gguf")], capsys, code=1)
    assert "Training needs torch, which is not installed" in message
    assert "pip install 'voicebox[train]'" in message


@pytest.mark.skipif(importlib.util.find_spec("torch") is None, reason="needs the train extra")
def test_rows_to_a_model_with_card_and_plot(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with data.open("a") as file:
        for number in range(30):
            for row in (
                {"text": f"set a timer for {number} minutes", "intent": "timer", "origin": "own"},
                {"text": f"turn the lights in room {number} on", "intent": "light"},
                {"text": f"who wrote book {number}", "intent": "oos"},
            ):
                file.write(json.dumps({**row, "split": "val" if number % 5 == 0 else "train"}) + "\n")
    out = data.parent / "models" / "own.gguf"
    arguments = ["--data", str(data), "--out", str(out), "--minutes", "0.05", "--layers", "1", "--vocabulary", "400"]
    assert main(["train", "intent", *arguments, "--cpu", "--json"]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line.get("set") for line in lines[:-1]] == ["held out, calibrated on", "validation rows"]
    assert lines[1]["n"] == 18
    assert lines[-1]["bytes"] == out.stat().st_size
    assert sorted(path.name for path in out.parent.iterdir()) == ["own.gguf", "own.md", "own.svg"]
    assert "--minutes 0.05 --layers 1 --vocabulary 400" in out.with_suffix(".md").read_text()
