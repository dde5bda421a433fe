"""The conversation's items as clients see them: user messages and the assistant's."""

from __future__ import annotations

import copy
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

from voicebox.transports.realtime.protocol import ProtocolError

__all__ = ["ROOT", "Entry", "Items"]

ROOT = "root"
"""In place of an item's id: before all items."""

_MAX_ITEMS = 1_000


@dataclass
class Entry:
    """An item and what it stands for: a turn of the caller, a reply, a line that the client added, or a tool's call."""

    item: dict[str, Any]
    turn: str | None = None
    reply: str | None = None
    call: str | None = None
    sent_ms: float = 0.0

    @property
    def line(self) -> str | None:
        """The id of its line in the history."""
        return self.turn or self.reply


class Items:
    """Items in order, the oldest forgotten first where they become too many."""

    def __init__(self) -> None:
        self._entries: OrderedDict[str, Entry] = OrderedDict()

    @property
    def last_id(self) -> str | None:
        """The newest item's id."""
        return next(reversed(self._entries), None)

    def add(self, entry: Entry, *, after: str | None = None) -> str | None:
        """Put an item behind another one, at the front (`ROOT`), or at the end; returns the id of the one before it.

        Raises:
            ProtocolError: the id exists, or there is no item of the id `after`.
        """
        item_id = entry.item["id"]
        if item_id in self._entries:
            raise ProtocolError("item_already_exists", f"Item {item_id!r} exists already.", param="item.id")
        if after in (None, self.last_id):
            previous = self.last_id
            self._entries[item_id] = entry
        else:
            previous = None if after == ROOT else self._known(after)
            ids = list(self._entries)
            behind = ids[ids.index(previous) + 1 :] if previous is not None else ids
            self._entries[item_id] = entry
            for id in behind:
                self._entries.move_to_end(id)
        while len(self._entries) > _MAX_ITEMS:
            self._entries.popitem(last=False)
        return previous

    def _known(self, item_id: str | None) -> str:
        if item_id is None or item_id not in self._entries:
            raise ProtocolError("item_not_found", f"There is no item {str(item_id)[:100]!r}.", param="previous_item_id")
        return item_id

    def line_before(self, item_id: str) -> str:
        """The id of the line in the history that the item's would follow; empty if it would be the first."""
        line = ""
        for id, entry in self._entries.items():
            if id == item_id:
                break
            line = entry.line or line
        return line

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
