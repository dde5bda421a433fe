from __future__ import annotations

import logging
import sqlite3
from pathlib import Path

import pytest

from voicebox.errors import ConfigError
from voicebox.store.calls import CallStore, read_turns


def _record(total_ms: float = 300.0) -> dict[str, object]:
    return {"tier": "reflex", "intent": "clock.time", "stages": {"total_ms": total_ms}, "cost": 0.0}


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    path, wall = tmp_path / "deep" / "calls.db", iter(range(100, 200))
    store = CallStore(path, wall=lambda: float(next(wall)))
    for call in ("a", "b"):
        store.began(call)
        for number in (1, 2):
            store.turn(call, f"turn_{number}", _record(100.0 * number))
        store.ended(call)
    store.close()
    store.close()
    turns = list(read_turns(path))
    assert [(turn.call, turn.turn, turn.total_ms) for turn in turns] == [
        ("a", "turn_1", 100.0), ("a", "turn_2", 200.0), ("b", "turn_1", 100.0), ("b", "turn_2", 200.0),
    ]  # fmt: skip
    assert turns[0].record == _record(100.0)
    assert [turn.turn for turn in read_turns(path, call="b")] == ["turn_1", "turn_2"]
    assert [(turn.call, turn.turn) for turn in read_turns(path, limit=1)] == [("b", "turn_2")]
    assert path.stat().st_mode & 0o077 == 0


def test_it_goes_on_where_it_ended(tmp_path: Path) -> None:
    for call in ("a", "b"):
        store = CallStore(tmp_path / "calls.db")
        store.began(call)
        store.turn(call, "turn_1", _record())
        store.close()
    assert [turn.call for turn in read_turns(tmp_path / "calls.db")] == ["a", "b"]


def test_old_calls_go_with_their_turns(tmp_path: Path) -> None:
    path, day = tmp_path / "calls.db", 86_400.0
    for now, call in ((0.0, "old"), (20 * day, "new"), (31 * day, "newest")):
        store = CallStore(path, keep_days=30, wall=lambda now=now: now)  # type: ignore[misc]
        store.began(call)
        store.turn(call, "turn_1", _record())
        store.close()
    assert [turn.call for turn in read_turns(path)] == ["new", "newest"]


def test_what_is_no_database_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "calls.db"
    path.write_text("this is a letter, not a database, and it is long enough to be one" * 20)
    with pytest.raises(ConfigError, match=r"calls\.db cannot be used as a database of calls"):
        CallStore(path)
    with pytest.raises(ConfigError, match="cannot be read"):
        list(read_turns(path))
    with pytest.raises(ConfigError, match="There is no database"):
        list(read_turns(tmp_path / "none.db"))


def test_a_newer_database_is_not_touched(tmp_path: Path) -> None:
    path = tmp_path / "calls.db"
    with sqlite3.connect(path) as database:
        database.execute("PRAGMA user_version = 99")
    with pytest.raises(ConfigError, match=r"version 99.*Upgrade voicebox"):
        CallStore(path)


def test_what_cannot_be_written_is_lost_with_a_warning_and_the_next_is_not(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "calls.db"
    store = CallStore(path)
    with caplog.at_level(logging.WARNING):
        store.turn("nobody", "turn_1", _record())  # There is no such call.
        while not caplog.records:
            pass
        store.began("a")
        store.turn("a", "turn_1", _record())
        store.close()
    assert "1 rows of calls were not written" in caplog.text
    assert [turn.call for turn in read_turns(path)] == ["a"]
