"""What is wrong with a skill file, and where."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from voicebox.errors import ConfigError

__all__ = ["Problem", "SkillFileError", "Text"]


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong with a skill file; `line` counts from 1, 0 stands for the file as a whole.

    An error keeps the skill from working; a warning says that it will work less well than it could.
    """

    file: Path
    line: int
    level: Literal["error", "warning"]
    message: str
    cure: str = ""

    @property
    def where(self) -> str:
        """File and line as editors understand them."""
        return f"{self.file}:{self.line}" if self.line else str(self.file)

    def __str__(self) -> str:
        return f"{self.where}: {self.message}" + (f". {self.cure}" if self.cure else "")


class SkillFileError(ConfigError):
    """A skill file that cannot be used; `problems` has all that was found."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        first = self.problems[0]
        super().__init__(f"{first.where}: {first.message}", cure=first.cure)


class Text:
    """The text of a skill file, to find the line of what is complained about."""

    def __init__(self, path: Path, source: str) -> None:
        self.path = path
        self.source = source
        self._lines = source.splitlines()

    def line(self, *words: str) -> int:
        """The first line that has one of these words, the first of them that is anywhere; 0 if none is."""
        for word in words:
            for number, line in enumerate(self._lines, 1):
                if word and word in line and not line.lstrip().startswith("#"):
                    return number
        return 0

    def error(self, message: str, *words: str, cure: str = "") -> Problem:
        """An error at the first line that has one of these words."""
        return Problem(self.path, self.line(*words), "error", message, cure)

    def warning(self, message: str, *words: str, cure: str = "") -> Problem:
        """A warning, likewise."""
        return Problem(self.path, self.line(*words), "warning", message, cure)
