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


ASKED = {
    "turn": "turn_1",
    "tier": "big",
    "model": "m",
    "outcome": "answered",
    "first_ms": 300.0,
    "total_ms": 900.0,
    "prompt_tokens": 100,
    "cached_tokens": 0,
    "completion_tokens": 20,
    "cost_usd": 0.0004,
    "estimated": False,
    "wasted": False,
}


@pytest.fixture
def paid(tmp_path: Path) -> Path:
    times = iter(range(1000, 2000))
    store = CallStore(tmp_path / "calls.db", wall=lambda: float(next(times)))
    for call in ("a", "b"):
        store.began(call)
        record = {"tier": "big", "intent": "oos", "stages": {"total_ms": 700.0}, "transcript": "a secret of mine"}
        store.turn(call, "turn_1", record)
        store.asked(call, ASKED)
        store.asked(call, ASKED | {"tier": "other", "cost_usd": None, "wasted": True})
        store.ended(call)
    store.close()
    return tmp_path / "calls.db"


def rows(capsys: pytest.CaptureFixture[str], path: Path, *words: str) -> list[dict[str, object]]:
    assert main(["calls", *words, "--path", str(path), "--json"]) == 0
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_calls_with_their_cost(paid: Path, capsys: pytest.CaptureFixture[str]) -> None:
    *calls, summary = rows(capsys, paid, "list")
    assert [(call["call"], call["turns"], call["asked"], call["unknown"]) for call in calls] == [
        ("a", 1, 2, 1),
        ("b", 1, 2, 1),
    ]
    assert summary == {"calls": 2, "known_usd": 0.0008, "of_unknown_price": 2}
    assert main(["calls", "show", "a", "--path", str(paid)]) == 0
    out = " ".join(capsys.readouterr().out.split())
    assert "big (m) answered in 900 ms, $0.000400" in out
    assert "other (m) answered in 900 ms, unknown price wasted" in out


def test_a_call_is_exported_and_forgotten_for_good(
    paid: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows(capsys, paid, "export", "a", "--out", str(tmp_path / "a.jsonl"))
    exported = [json.loads(line) for line in (tmp_path / "a.jsonl").read_text().splitlines()]
    assert [row["kind"] for row in exported] == ["call", "turn", "asked", "asked"]
    assert exported[1]["record"]["transcript"] == "a secret of mine"
    assert rows(capsys, paid, "forget", "a") == [{"forgotten": 1}]
    assert [call["call"] for call in rows(capsys, paid, "list")[:-1]] == ["b"]
    assert rows(capsys, paid, "forget", "--all") == [{"forgotten": 1}]
    assert not any(b"a secret" in file.read_bytes() for file in tmp_path.glob("calls.db*"))


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("show",), "needs the call's id"),
        (("show", "x"), "There is no call x"),
        (("forget",), "or --all"),
        (("forget", "x"), "There is no call x"),
        (("list", "--limit", "0"), "leaves nothing"),
    ],
)
def test_what_cannot_be_asked_of_calls(
    paid: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], says: str
) -> None:
    assert main(["calls", *words, "--path", str(paid)]) != 0
    assert says in capsys.readouterr().err
