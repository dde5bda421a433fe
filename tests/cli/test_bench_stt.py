from __future__ import annotations

import json
from pathlib import Path

import pytest

from voicebox.cli.main import main
from voicebox.stt.random_weights import Shape, write_random_whisper


def test_measures_every_context_and_batch(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "model"
    write_random_whisper(folder, Shape(64, 1, 1, text_tokens=600))
    arguments = ["--models", str(folder), "--contexts", "1,2", "--batches", "1,2", "--tokens", "3", "--rounds", "1"]
    assert main(["bench", "stt", *arguments, "--json"]) == 0
    *rows, summary = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(row["context_s"], row["batch"]) for row in rows] == [(1, 1), (1, 2), (2, 1), (2, 2)]
    assert all(row["latency_ms"] > 0 and row["utterances_per_s"] > 0 for row in rows)
    assert summary["points"] == 4


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--contexts", "40"], "window is 30 s"),
        (["--batches", "x"], "not a list of numbers"),
        (["--batches", "1.5"], "whole numbers"),
        (["--tokens", "0"], "at least 1"),
        (["--batches", "0"], "greater than 0"),
        (["--prompt", "201"], "at most 200"),
        (["--models", "random:none"], "no shape random:none"),
    ],
)
def test_bad_arguments_are_named(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "stt", *arguments]) != 0
    assert message in capsys.readouterr().err
