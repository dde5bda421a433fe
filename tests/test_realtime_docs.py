"""docs/realtime.md names every event, and for each a test that exists."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from tests.transports.test_frames import NEEDED
from voicebox.transports.realtime.protocol import _MODELS

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "realtime.md").read_text(encoding="utf-8")
EVENT = re.compile(
    r"`((?:session|conversation|input_audio_buffer|output_audio_buffer|response|rate_limits|voicebox|error)"
    r"(?:\.[a-z_.]+)?)`"
)
ROWS = [row for row in PAGE.splitlines() if row.startswith("| `") and "::" in row]
NAMED = {event for row in ROWS for event in EVENT.findall(row.rpartition("|")[0].rpartition("|")[0])}


def test_each_row_has_a_test_that_exists() -> None:
    assert len(ROWS) > 25
    for row in ROWS:
        path, _, name = re.findall(r"`([a-z0-9_/.]+::\w+)`", row)[-1].partition("::")
        tree = ast.parse((ROOT / "tests" / path).read_text(encoding="utf-8"))
        functions = {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}
        assert name in functions, row


def test_no_client_event_is_missing() -> None:
    assert set(_MODELS) <= NAMED


def test_no_server_event_is_missing() -> None:
    assert set(NEEDED) <= NAMED
    source = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "voicebox" / "transports").rglob("*.py"))
    own = set(re.findall(r'"(voicebox\.[a-z_.]+)"', source))
    assert own
    assert own <= NAMED
