from __future__ import annotations

import json
from pathlib import Path

import pytest

from voicebox.cli.main import main
from voicebox.store.calls import CallStore


@pytest.fixture
def stored(tmp_path: Path) -> Path:
    store = CallStore(tmp_path / "calls.db", wall=lambda: 1_000.0)
    for call in ("a", "b"):
        store.began(call)
        record = {"tier": "reflex", "intent": "clock.time", "stages": {"total_ms": 301.5}, "endpoint": "complete"}
        store.turn(call, "turn_1", record)
    store.close()
    return tmp_path / "calls.db"


def test_turns_are_listed(stored: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["calls", "--path", str(stored), "--json"]) == 0
    *rows, summary = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(row["call"], row["total_ms"], row["record"]["endpoint"]) for row in rows] == [
        ("a", 301.5, "complete"),
        ("b", 301.5, "complete"),
    ]
    assert summary == {"turns": 2, "calls": 2}
    assert main(["calls", "--path", str(stored), "--call", "b"]) == 0
    out = capsys.readouterr().out
    assert out.count("clock.time") == 1
    assert "302 ms" in out


def test_no_database_says_what_to_do(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["calls"]) != 0
    assert "Set store.path" in capsys.readouterr().err
    assert main(["calls", "--path", str(tmp_path / "none.db")]) != 0
    assert "There is no database" in capsys.readouterr().err
