"""Calls and their turns in a SQLite database, written by a thread: no call waits for the disk or fails with it."""

from __future__ import annotations

import json
import logging
import queue
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from voicebox.errors import ConfigError
from voicebox.store.schema import migrate

__all__ = ["CallStore", "StoredTurn", "open_database", "read_turns"]

_log = logging.getLogger(__name__)

_MAX_WAITING = 10_000
_PRUNE_S = 3600.0
_WARN_S = 60.0
_BUSY_S = 5.0

_ASKED = (
    "tier",
    "model",
    "outcome",
    "first_ms",
    "total_ms",
    "prompt_tokens",
    "cached_tokens",
    "completion_tokens",
    "cost_usd",
    "estimated",
    "wasted",
)

_Job = tuple[str, tuple[Any, ...]]


@dataclass(frozen=True, slots=True)
class StoredTurn:
    """One row of the table of turns; `at` is in seconds since 1970, `record` is the turn's waterfall."""

    call: str
    turn: str
    at: float
    tier: str
    intent: str
    total_ms: float
    cost: float | None
    record: dict[str, Any]


class CallStore:
    """The calls of one process. All methods return at once and may be called from any thread.

    What cannot be written is lost, with a warning once a minute: a full disk must not end a call.

    Args:
        path: the database; made if it is missing, with its folder.
        keep_days: calls older than this are deleted, once an hour.
        wall: seconds since 1970.

    Raises:
        ConfigError: the file cannot be opened, is no database, or was written by a newer voicebox.
    """

    def __init__(self, path: Path, *, keep_days: float = 30.0, wall: Callable[[], float] = time.time) -> None:
        self._path = path
        self._keep_s = keep_days * 86_400
        self._wall = wall
        self._queue: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._lost = 0
        self._warned = -_WARN_S
        self._closed = False
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            with closing(open_database(path)) as database:
                migrate(database)
            path.chmod(0o600)
        except ConfigError as error:
            raise ConfigError(f"{path}: {error.message}", cure=error.cure) from None
        except (OSError, sqlite3.Error) as error:
            raise ConfigError(
                f"{path} cannot be used as a database of calls: {error}", cure="Choose another store.path"
            ) from None
        self._thread = threading.Thread(target=self._run, name="store", daemon=True)
        self._thread.start()

    def began(self, call: str) -> None:
        """A call begins."""
        self._put("INSERT OR IGNORE INTO calls (id, began) VALUES (?, ?)", call, self._wall())

    def turn(self, call: str, turn: str, record: dict[str, Any]) -> None:
        """A turn was answered; `record` is its waterfall, as JSON can hold it."""
        total_ms = record.get("stages", {}).get("total_ms", 0.0)
        self._put(
            "INSERT OR REPLACE INTO turns VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            call,
            turn,
            self._wall(),
            record.get("tier", ""),
            record.get("intent", ""),
            total_ms,
            record.get("cost"),
            json.dumps(record, ensure_ascii=False),
        )

    def asked(self, call: str, row: Mapping[str, Any]) -> None:
        """A model was asked for an answer to a turn; `row` has the columns after `at`, and `turn`."""
        values = [row[name] for name in _ASKED]
        marks = ", ".join("?" * (3 + len(values)))
        self._put(f"INSERT INTO asked VALUES ({marks})", call, row["turn"], self._wall(), *values)

    def ended(self, call: str) -> None:
        """A call is over."""
        self._put("UPDATE calls SET ended = ? WHERE id = ?", self._wall(), call)

    def close(self) -> None:
        """Write what waits, and end. Idempotent."""
        if not self._closed:
            self._closed = True
            self._queue.put(None)
            self._thread.join()

    def _put(self, statement: str, *values: Any) -> None:
        if self._queue.qsize() >= _MAX_WAITING:
            self._lose(1, "the disk is too slow")
        elif not self._closed:
            self._queue.put((statement, values))

    def _run(self) -> None:
        database: sqlite3.Connection | None = None
        pruned = 0.0
        ended = False
        while not ended:
            jobs, ended = self._take()
            try:
                if database is None:
                    database = open_database(self._path)
                with database:
                    for statement, values in jobs:
                        database.execute(statement, values)
                    if self._wall() - pruned >= _PRUNE_S:
                        pruned = self._wall()
                        database.execute("DELETE FROM calls WHERE began < ?", (pruned - self._keep_s,))
            except sqlite3.Error as error:
                self._lose(len(jobs), str(error))
                if database is not None:
                    database.close()
                database = None
        if database is not None:
            database.close()

    def _take(self) -> tuple[list[_Job], bool]:
        """All that waits, at least one; and whether it is the last."""
        jobs: list[_Job] = []
        item = self._queue.get()
        while item is not None:
            jobs.append(item)
            if self._queue.empty():
                return jobs, False
            item = self._queue.get()
        return jobs, True

    def _lose(self, count: int, reason: str) -> None:
        self._lost += count
        now = time.monotonic()
        if now - self._warned >= _WARN_S:
            self._warned = now
            _log.warning("%d rows of calls were not written to %s: %s", self._lost, self._path, reason)
            self._lost = 0


def read_turns(path: Path, *, call: str | None = None, limit: int = 50) -> Iterator[StoredTurn]:
    """The newest turns, oldest first; of one call, if it is named.

    Raises:
        ConfigError: there is no such database, or it cannot be read.
    """
    if not path.is_file():
        raise ConfigError(f"There is no database of calls at {path}", cure="Set store.path for the server")
    which = "WHERE call = ?" if call is not None else ""
    values = (call, limit) if call is not None else (limit,)
    try:
        with closing(open_database(path)) as database:
            rows = database.execute(
                "SELECT call, turn, at, tier, intent, total_ms, cost, record FROM turns "
                f"{which} ORDER BY at DESC, rowid DESC LIMIT ?",
                values,
            ).fetchall()
    except sqlite3.Error as error:
        raise ConfigError(f"{path} cannot be read: {error}") from None
    for call_, turn, at, tier, intent, total_ms, cost, record in reversed(rows):
        yield StoredTurn(call_, turn, at, tier, intent, total_ms, cost, json.loads(record))


def open_database(path: Path) -> sqlite3.Connection:
    """A connection that does not lock readers out, and keeps what belongs together."""
    database = sqlite3.connect(path, timeout=_BUSY_S)
    try:
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA synchronous = NORMAL")
        database.execute("PRAGMA foreign_keys = ON")
    except sqlite3.Error:
        database.close()
        raise
    return database
