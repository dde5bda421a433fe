"""What a model writes, as it is, up to a text that ends it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

__all__ = ["Cleaner", "PlainText"]


class Cleaner(Protocol):
    """Takes a reply piece by piece and gives what may be handed on."""

    @property
    def done(self) -> bool:
        """Whether it wants no more."""

    def feed(self, text: str) -> str:
        """Take the next text and return what can be handed on now."""

    def finish(self) -> str:
        """What is left when the model is done."""


class PlainText:
    """Hands a text on unchanged. What may be the beginning of a stop text is held back until that is known.

    Args:
        stop: texts that end the reply; they are not part of it.
    """

    def __init__(self, stop: Sequence[str] = ()) -> None:
        self._stop = [text for text in stop if text]
        self._held = ""
        self.done = False

    def feed(self, text: str) -> str:
        """Take the next text and return what can be handed on now."""
        if self.done:
            return ""
        self._held += text
        found = [at for stop in self._stop if (at := self._held.find(stop)) >= 0]
        if found:
            self.done = True
            said, self._held = self._held[: min(found)], ""
            return said
        keep = max((_overlap(self._held, stop) for stop in self._stop), default=0)
        at = len(self._held) - keep
        said, self._held = self._held[:at], self._held[at:]
        return said

    def finish(self) -> str:
        """What is left when the model is done."""
        said, self._held = self._held, ""
        return said


def _overlap(text: str, stop: str) -> int:
    """How many characters at the end of the text begin the stop text."""
    return next((n for n in range(min(len(text), len(stop) - 1), 0, -1) if text.endswith(stop[:n])), 0)
