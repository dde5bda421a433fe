"""Recordings in memory."""

from __future__ import annotations


class Lines:
    """A sink that keeps its lines."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.closed = False

    def write(self, line: str) -> None:
        assert not self.closed
        assert "\n" not in line
        self.lines.append(line)

    def close(self) -> None:
        self.closed = True
