"""Every server event that any test sees, one of each shape, for the stock clients' strict parsers."""

from __future__ import annotations

import json
from typing import Any

from voicebox.transports.realtime import outbox

__all__ = ["seen", "watch"]

seen: dict[str, str] = {}
"""Frames as JSON by their shape: the names of their fields and the types of their values."""


def watch() -> None:
    """Look at all that goes into any outbox from now on."""
    dump = outbox._dump

    def watched(event: dict[str, Any]) -> str:
        text = dump(event)
        made = str(event.get("event_id", "")).startswith("event_")  # else a test's own
        if made and not event["type"].startswith("voicebox."):  # extensions are nobody's to know
            seen.setdefault(json.dumps(_shape(event)), text if len(text) < 20_000 else dump(_short(event)))
        return text

    outbox._dump = watched


def _shape(value: Any, key: str = "") -> Any:
    if isinstance(value, dict):
        return {name: _shape(item, name) for name, item in sorted(value.items())}
    if isinstance(value, list):
        return [_shape(item) for item in value]
    # What kind of event, item, role or state it is belongs to its shape.
    return value if key in ("type", "status", "role", "reason", "object", "format") else type(value).__name__


def _short(event: dict[str, Any]) -> dict[str, Any]:
    return {name: "" if name == "delta" else value for name, value in event.items()}
