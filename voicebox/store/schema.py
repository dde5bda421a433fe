"""The database's tables, and how older ones become the newest."""

from __future__ import annotations

import sqlite3

from voicebox.errors import ConfigError

__all__ = ["migrate"]

_STEPS = (
    """
    CREATE TABLE calls (id TEXT PRIMARY KEY, began REAL NOT NULL, ended REAL);
    CREATE TABLE turns (
        call TEXT NOT NULL REFERENCES calls (id) ON DELETE CASCADE,
        turn TEXT NOT NULL,
        at REAL NOT NULL,
        tier TEXT NOT NULL,
        intent TEXT NOT NULL,
        total_ms REAL NOT NULL,
        cost REAL,
        record TEXT NOT NULL,
        PRIMARY KEY (call, turn)
    );
    CREATE INDEX calls_began ON calls (began);
    """,
    """
    CREATE TABLE asked (
        call TEXT NOT NULL REFERENCES calls (id) ON DELETE CASCADE,
        turn TEXT NOT NULL,
        at REAL NOT NULL,
        tier TEXT NOT NULL,
        model TEXT NOT NULL,
        outcome TEXT NOT NULL,
        first_ms REAL,
        total_ms REAL NOT NULL,
        prompt_tokens INTEGER NOT NULL,
        cached_tokens INTEGER NOT NULL,
        completion_tokens INTEGER NOT NULL,
        cost_usd REAL,
        estimated INTEGER NOT NULL,
        wasted INTEGER NOT NULL
    );
    CREATE INDEX asked_call ON asked (call, turn);
    """,
)
"""The n-th makes version n of what was version n - 1. Never change one that was released: add another."""


def migrate(database: sqlite3.Connection) -> None:
    """Bring a database to the newest version, or make its tables.

    Raises:
        ConfigError: it was written by a newer voicebox.
        sqlite3.Error: it cannot be read or written.
    """
    (version,) = database.execute("PRAGMA user_version").fetchone()
    if version > len(_STEPS):
        raise ConfigError(
            f"The database has version {version}, this voicebox knows {len(_STEPS)}",
            cure="Upgrade voicebox, or choose another store.path",
        )
    for number, step in enumerate(_STEPS[version:], start=version + 1):
        database.executescript(f"BEGIN; {step} PRAGMA user_version = {number}; COMMIT;")
