from __future__ import annotations

from pathlib import Path

import pytest

from tests.conversation.call import Call
from voicebox.config import load_settings
from voicebox.conversation import events as e
from voicebox.observers import Observers
from voicebox.store.calls import read_turns


async def _talk(tmp_path: Path, **flags: object) -> Path:
    """A turn, watched by the observers of a server with these settings."""
    path = tmp_path / "calls.db"
    observers = Observers(load_settings(flags={"store.path": str(path), **flags}))
    call = Call()
    await call.speak("turn on the light")
    await call.wait(1.0)
    seen: list[e.SessionEvent] = []
    watched = observers.watching("sess_1", seen.append)
    for event in call.events:
        watched(event)
    observers.ended("sess_1")
    observers.close()
    assert seen == call.events
    await call.session.close()
    return path


async def test_turns_are_stored_without_what_was_said(tmp_path: Path) -> None:
    path = await _talk(tmp_path)
    (turn,) = read_turns(path)
    assert (turn.call, turn.turn, turn.tier, turn.intent) == ("sess_1", "turn_1", "reflex", "test.echo")
    assert turn.record["endpoint"] == "complete"
    assert turn.total_ms == turn.record["stages"]["total_ms"] > 0
    assert b"light" not in path.read_bytes()


async def test_what_was_said_is_stored_where_that_is_wanted(tmp_path: Path) -> None:
    (turn,) = read_turns(await _talk(tmp_path, **{"store.texts": "true"}))
    assert turn.record["transcript"] == "turn on the light"


async def test_what_was_said_can_be_kept_redacted(tmp_path: Path) -> None:
    path = await _talk(tmp_path, **{"store.texts": "redacted"})
    (turn,) = read_turns(path)
    assert turn.record["transcript"] == "turn on the light"
    assert not any(char.isdigit() for char in turn.record["reply_text"])


def test_nobody_watches_by_default() -> None:
    seen: list[e.SessionEvent] = []
    emit = seen.append
    assert Observers(load_settings()).watching("sess_1", emit) == emit
    with pytest.raises(Exception, match="store"):
        load_settings(flags={"store.keep_days": "0"})
