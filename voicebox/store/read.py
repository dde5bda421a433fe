"""Reading the database of calls, and forgetting one."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from voicebox.errors import ConfigError, VoiceboxError
from voicebox.store.calls import open_database
from voicebox.store.schema import migrate

__all__ = ["StoredCall", "forget_calls", "read_asked", "read_calls"]


@dataclass(frozen=True, slots=True)
class StoredCall:
    """One call: seconds since 1970, how many turns, tries of models, and what is known of their cost.

    `unknown` counts the tries whose price nobody knows: with any, `known_usd` is a lower bound.
    """

    call: str
    began: float
    ended: float | None
    turns: int
    asked: int
    known_usd: float
    unknown: int


_CALLS = """
SELECT calls.id, calls.began, calls.ended,
    (SELECT count(*) FROM turns WHERE turns.call = calls.id),
    (SELECT count(*) FROM asked WHERE asked.call = calls.id),
    (SELECT total(cost_usd) FROM asked WHERE asked.call = calls.id),
    (SELECT count(*) FROM asked WHERE asked.call = calls.id AND cost_usd IS NULL)
FROM calls
"""


def read_calls(path: Path, *, call: str | None = None, limit: int = 50) -> list[StoredCall]:
    """The newest calls, oldest first; only one, if it is named.

    Raises:
        ConfigError: there is no such database, or it cannot be read.
    """
    where, values = ("WHERE calls.id = ?", (call, limit)) if call is not None else ("", (limit,))
    with _opened(path) as database:
        rows = database.execute(f"{_CALLS} {where} ORDER BY began DESC, calls.rowid DESC LIMIT ?", values).fetchall()
    return [StoredCall(*row) for row in reversed(rows)]


def read_asked(path: Path, call: str) -> list[dict[str, Any]]:
    """The tries of models in a call, in order, as columns by name.

    Raises:
        ConfigError: there is no such database, or it cannot be read.
    """
    with _opened(path) as database:
        cursor = database.execute("SELECT * FROM asked WHERE call = ? ORDER BY rowid", (call,))
        names = [column[0] for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor]


def forget_calls(path: Path, *, call: str | None = None) -> int:
    """Delete a call, or all of them, with their turns and costs; returns how many.

    The deleted rows are overwritten in the file, and what waited in the log beside it is moved into it.

    Raises:
        ConfigError: there is no such database, or it cannot be written.
        VoiceboxError: there is no such call.
    """
    with _opened(path) as database:
        database.execute("PRAGMA secure_delete = ON")
        with database:
            where, values = ("WHERE id = ?", (call,)) if call is not None else ("", ())
            count = database.execute(f"DELETE FROM calls {where}", values).rowcount
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    if call is not None and not count:
        raise VoiceboxError(f"There is no call {call}", cure="See voicebox calls list.")
    return count


@contextmanager
def _opened(path: Path) -> Iterator[sqlite3.Connection]:
    if not path.is_file():
        raise ConfigError(f"There is no database of calls at {path}", cure="Set store.path for the server")
    try:
        with closing(open_database(path)) as database:
            migrate(database)
            yield database
    except sqlite3.Error as error:
        raise ConfigError(f"{path} cannot be used: {error}") from error
