"""What was said, as the models may see it: only what the caller said and heard."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Literal

__all__ = ["History", "Line"]


@dataclass(frozen=True, slots=True)
class Line:
    """One side's words; `id` is the turn or the reply that they belong to."""

    id: str
    role: Literal["user", "assistant"]
    text: str


class History:
    """A window over the conversation, bounded in lines and characters: the oldest lines go first."""

    def __init__(self, *, max_lines: int = 24, max_chars: int = 4000) -> None:
        self._lines: deque[Line] = deque()
        self._max_lines = max_lines
        self._max_chars = max_chars
        self._chars = 0

    def add(self, id: str, role: Literal["user", "assistant"], text: str) -> None:
        """Append what was said; empty text is left out."""
        text = text.strip()
        if not text:
            return
        self._lines.append(Line(id, role, text))
        self._chars += len(text)
        while len(self._lines) > self._max_lines or (self._chars > self._max_chars and len(self._lines) > 1):
            self._chars -= len(self._lines.popleft().text)

    def cut(self, id: str, heard: str) -> bool:
        """Shorten a line to what was heard of it; a line of which nothing was heard goes. False if it is not here."""
        for index, line in enumerate(self._lines):
            if line.id == id:
                heard = heard.strip()
                self._chars += len(heard) - len(line.text)
                if heard:
                    self._lines[index] = Line(id, line.role, heard)
                else:
                    del self._lines[index]
                return True
        return False

    def remove(self, id: str) -> bool:
        """Forget a line. False if it is not here."""
        return self.cut(id, "")

    @property
    def lines(self) -> tuple[Line, ...]:
        """Oldest first."""
        return tuple(self._lines)

    def merged(self, *, without: str = "") -> tuple[Line, ...]:
        """Oldest first, without the line of an id; what the assistant said in pieces, as nothing came of the voice
        that broke it off, is one line."""
        merged: list[Line] = []
        for line in self._lines:
            if line.id == without:
                continue
            if merged and line.role == merged[-1].role == "assistant":
                merged[-1] = Line(line.id, line.role, f"{merged[-1].text} {line.text}")
            else:
                merged.append(line)
        return tuple(merged)
