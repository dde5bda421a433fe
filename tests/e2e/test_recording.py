"""A call to the server is recorded, and the turn machine does the same again."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from voicebox.cli.main import main
from voicebox.client.result import TalkResult
from voicebox.config import Settings
from voicebox.engines import Engines

pytestmark = [pytest.mark.models, pytest.mark.timeout(180)]


async def test_a_recorded_call_replays_the_same(
    talk: Callable[..., TalkResult], engines: Engines, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = settings.conversation.record_dir
    assert folder is not None
    before = set(folder.glob("*.jsonl"))
    result = await talk("Turn on the fan.", "What day is it?", pause_s=3.0)  # type: ignore[misc]
    assert len(result.turns) == 2
    await engines.end_sessions()
    (path,) = await _written(folder, before)
    capsys.readouterr()
    assert main(["replay", str(path), "--json", "--quiet"]) == 0
    summary = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert summary["same"] is True
    assert summary["ended"] is True
    facts = [json.loads(line) for line in path.read_text("utf-8").splitlines()[1:]]
    commits = [effect["Commit"] for row in facts for effect in row.get("effects", ()) if "Commit" in effect]
    assert [commit["text"] for commit in commits] == [turn.transcript for turn in result.turns]
    assert all(commit["reason"] for commit in commits)


async def _written(folder: Path, before: set[Path]) -> set[Path]:
    """The recordings that were made since, once they are written to their end."""
    for _ in range(400):
        if new := _ended(folder, before):
            return new
        await asyncio.sleep(0.05)
    raise AssertionError("the recording was never written to its end")


def _ended(folder: Path, before: set[Path]) -> set[Path]:
    new = set(folder.glob("*.jsonl")) - before
    return new if all('"end":true' in path.read_text("utf-8") for path in new) else set()
