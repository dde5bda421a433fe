"""What was said and done, as the models may see it: the caller's words, the heard words of replies, real results.

The rule of the window: what belongs together is an *exchange*, a caller's line and all that follows it up to the next
one. When there are more lines or characters than the window takes, whole exchanges go, the oldest first, until half of
it is free; so an answer never stands without its question, and the beginning of the prompt stays the same for many
turns, which a model that keeps what it has read need not read again. The newest exchange stays, however long the
caller's line is; of its other lines the oldest go. What skills did in an exchange that went is not forgotten: the
latest of it stands before the first of the caller's lines.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace
from typing import Literal

__all__ = ["History", "Line"]

_MAX_EARLIER = 6
"""Results of exchanges that went, which are still told."""
_MAX_RESULT = 120
"""Characters of one result."""
_MAX_NOTE, _MAX_NOTES = 1000, 8
"""Characters of a note, and how many there are."""
_MAX_RESULTS = 4
"""Results of one turn."""


@dataclass(frozen=True, slots=True)
class Line:
    """One side's words; `id` is the turn or the reply that they belong to, `results` what skills did in that turn."""

    id: str
    role: Literal["user", "assistant"]
    text: str
    results: tuple[str, ...] = ()

    @property
    def size(self) -> int:
        """Characters."""
        return len(self.text) + sum(len(result) for result in self.results)


class History:
    """A window over the conversation, bounded in lines and characters.

    Args:
        max_lines: the most lines.
        max_chars: the most characters of all lines and results; the newest line may be longer.
    """

    def __init__(self, *, max_lines: int = 24, max_chars: int = 4000) -> None:
        self._lines: deque[Line] = deque()
        self._earlier: deque[str] = deque(maxlen=_MAX_EARLIER)
        self._notes: dict[str, str] = {}
        self._max_lines = max_lines
        self._max_chars = max_chars
        self._chars = 0

    def add(self, id: str, role: Literal["user", "assistant"], text: str) -> None:
        """Append what was said; empty text is left out."""
        text = text.strip()
        if text:
            self._lines.append(Line(id, role, text))
            self._chars += len(text)
            self._trim()

    def insert(self, id: str, role: Literal["user", "assistant"], text: str, *, after: str) -> None:
        """Put a line behind another, or before all if that one is not here; empty text is left out."""
        text = text.strip()
        if not text:
            return
        at = next((index + 1 for index, line in enumerate(self._lines) if line.id == after), 0)
        self._lines.insert(at, Line(id, role, text))
        self._chars += len(text)
        self._trim()

    def note(self, id: str, text: str) -> None:
        """Something that holds for the rest of the conversation; the oldest go if they are too many."""
        if text := text.strip()[:_MAX_NOTE]:
            self._notes[id] = text
        while len(self._notes) > _MAX_NOTES:
            del self._notes[next(iter(self._notes))]

    @property
    def notes(self) -> tuple[str, ...]:
        """What holds for the rest of the conversation, oldest first."""
        return tuple(self._notes.values())

    def result(self, turn: str, text: str) -> None:
        """A skill, or a tool of the client, has done this in a turn; of a long text only the beginning is kept."""
        text = " ".join(text.split())[:_MAX_RESULT].strip()
        for index, line in enumerate(self._lines):
            if text and line.id == turn and line.role == "user":
                changed = replace(line, results=(*line.results, text)[-_MAX_RESULTS:])
                self._chars += changed.size - line.size
                self._lines[index] = changed
                self._trim()
                return
        if text:
            self._earlier.append(text)

    def cut(self, id: str, heard: str) -> bool:
        """Shorten a line to what was heard of it; a line of which nothing was heard goes. False if it is not here."""
        for index, line in enumerate(self._lines):
            if line.id == id:
                heard = heard.strip()
                if heard:
                    self._lines[index] = replace(line, text=heard)
                    self._chars += len(heard) - len(line.text)
                else:
                    del self._lines[index]
                    self._forget(line)
                return True
        return False

    def remove(self, id: str) -> bool:
        """Forget a line, or a note; what was done in it stays. False if it is not here."""
        if self._notes.pop(id, None) is not None:
            return True
        return self.cut(id, "")

    @property
    def lines(self) -> tuple[Line, ...]:
        """Oldest first."""
        return tuple(self._lines)

    @property
    def earlier(self) -> tuple[str, ...]:
        """What was done in exchanges that are not here any more: the latest, oldest first."""
        return tuple(self._earlier)

    def merged(self, *, without: str = "") -> tuple[Line, ...]:
        """As a model is to read it: oldest first, without the line of an id; results are part of the caller's lines.

        What the assistant said in pieces, as nothing came of the voice that broke it off, is one line.
        """
        merged: list[Line] = []
        earlier = self._earlier
        for line in self._lines:
            if line.id == without:
                continue
            if merged and line.role == merged[-1].role == "assistant":
                merged[-1] = Line(line.id, line.role, f"{merged[-1].text} {line.text}")
            elif line.role == "user":
                before = f"(Done earlier: {'; '.join(earlier)})\n" if earlier else ""
                after = f"\n(Done: {'; '.join(line.results)})" if line.results else ""
                merged.append(Line(line.id, line.role, f"{before}{line.text}{after}", line.results))
                earlier = deque()
            else:
                merged.append(line)
        return tuple(merged)

    def _over(self, part: float) -> bool:
        return len(self._lines) > self._max_lines * part or self._chars > self._max_chars * part

    def _trim(self) -> None:
        if not self._over(1.0):
            return
        while self._over(0.5) and (end := self._exchange_end()) < len(self._lines):
            for _ in range(end):
                self._forget(self._lines.popleft())
        while self._over(1.0) and len(self._lines) > 1:
            at = 0 if self._lines[0].role == "assistant" or len(self._lines) == 1 else 1
            line = self._lines[at]
            del self._lines[at]
            self._forget(line)

    def _exchange_end(self) -> int:
        """How many lines the oldest exchange has."""
        for index, line in enumerate(self._lines):
            if index and line.role == "user":
                return index
        return len(self._lines)

    def _forget(self, line: Line) -> None:
        self._chars -= line.size
        self._earlier.extend(line.results)
