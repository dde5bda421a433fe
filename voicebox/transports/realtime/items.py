"""The conversation's items as clients see them: user messages and the assistant's."""

from __future__ import annotations

import copy
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

from voicebox.transports.realtime.protocol import ProtocolError

__all__ = ["Entry", "Items", "user_text"]

_MAX_ITEMS = 1_000


@dataclass
class Entry:
    """An item and what it stands for: a turn of the caller or a reply."""

    item: dict[str, Any]
    turn: str | None = None
    reply: str | None = None
    sent_ms: float = 0.0


class Items:
    """Items in order, the oldest forgotten first where they become too many."""

    def __init__(self) -> None:
        self._entries: OrderedDict[str, Entry] = OrderedDict()

    @property
    def last_id(self) -> str | None:
        """The newest item's id."""
        return next(reversed(self._entries), None)

    def add(self, entry: Entry) -> str | None:
        """Append an item; returns the id of the one before it.

        Raises:
            ProtocolError: the id exists.
        """
        item_id = entry.item["id"]
        if item_id in self._entries:
            raise ProtocolError("item_already_exists", f"Item {item_id!r} exists already.", param="item.id")
        previous = self.last_id
        self._entries[item_id] = entry
        while len(self._entries) > _MAX_ITEMS:
            self._entries.popitem(last=False)
        return previous

    def get(self, item_id: str) -> Entry:
        """An item.

        Raises:
            ProtocolError: there is none of that id.
        """
        entry = self._entries.get(item_id)
        if entry is None:
            raise ProtocolError("item_not_found", f"There is no item {item_id[:100]!r}.", param="item_id")
        return entry

    def delete(self, item_id: str) -> Entry:
        """Remove an item and return it; raises as `get` does."""
        entry = self.get(item_id)
        del self._entries[item_id]
        return entry

    def copy(self, item_id: str) -> dict[str, Any]:
        """A snapshot of an item for an event; raises as `get` does."""
        return copy.deepcopy(self.get(item_id).item)


def user_text(item: dict[str, Any]) -> str:
    """The words of a user message that a client wants to add.

    Raises:
        ProtocolError: anything but a user message of `input_text` parts.
    """
    if item.get("type") != "message":
        raise ProtocolError(
            "invalid_value", f"Items of type {item.get('type')!r} are not supported.", param="item.type"
        )
    if item.get("role") != "user":
        raise ProtocolError(
            "invalid_value", f"Only messages of the user can be added, not of {item.get('role')!r}.", param="item.role"
        )
    content = item.get("content")
    if not isinstance(content, list) or not content:
        raise ProtocolError("invalid_value", "The content must be a list of parts.", param="item.content")
    words = []
    for at, part in enumerate(content):
        if not isinstance(part, dict) or part.get("type") != "input_text":
            raise ProtocolError(
                "invalid_value", "Only 'input_text' parts are supported.", param=f"item.content[{at}].type"
            )
        if not isinstance(part.get("text"), str):
            raise ProtocolError("invalid_type", "The text must be a string.", param=f"item.content[{at}].text")
        words.append(part["text"])
    text = " ".join(words).strip()
    if not text:
        raise ProtocolError("invalid_value", "The text is empty.", param="item.content")
    return text
