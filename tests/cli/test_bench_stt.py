from __future__ import annotations

import json
from pathlib import Path

import pytest

from voicebox.cli.main import main
from voicebox.stt.random_weights import Shape, write_random_whisper


def test_every_context_and_batch_is_measured(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_random_whisper(tmp_path / "small", Shape(64, 1, 1, text_tokens=300, languages=4))
    arguments = ["--models", str(tmp_path / "small"), "--contexts", "1,2", "--batches", "1,3", "--rounds", "1"]
    assert main(["bench", "stt", *arguments, "--tokens", "4", "--json"]) == 0
    *rows, summary = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(row["context_s"], row["batch"]) for row in rows] == [(1, 1), (1, 3), (2, 1), (2, 3)]
    for row in rows:
        assert row["latency_ms"] == pytest.approx(row["encode_ms"] + row["decode_ms"], abs=0.01)
        assert row["cpu_ms_per_utterance"] > 0
    assert summary["points"] == 4


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--contexts", "31"], "window"),
        (["--batches", "1.5"], "whole numbers"),
        (["--batches", "0"], "greater than 0"),
        (["--batches", "x"], "not a list of numbers"),
        (["--models", "random:enormous"], "no shape"),
        (["--prompt", "201"], "at most 200"),
    ],
)
def test_numbers_that_cannot_be_used_are_told(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["bench", "stt", *arguments]) != 0
    assert message in capsys.readouterr().err
