"""The skills of a folder."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from voicebox.skills.own.problems import Problem, SkillFileError, Text
from voicebox.skills.own.python_file import read_python
from voicebox.skills.own.skill import OwnSkill
from voicebox.skills.own.toml_file import read_toml

__all__ = ["OwnSkills", "Stamp", "load_file", "load_folder", "skill_files", "skills_folder", "stamp"]

Stamp = tuple[tuple[str, int, int], ...]
"""Name, change time in ns and size of each file: another one where something has changed."""


@dataclass(frozen=True, slots=True)
class OwnSkills:
    """The skills that could be loaded, and what is wrong; a file with an error has no skill."""

    skills: tuple[OwnSkill, ...] = ()
    problems: tuple[Problem, ...] = ()
    kept: frozenset[Path] = field(default_factory=frozenset)
    """Files with errors, of which the skill as it was before is among `skills`."""

    @property
    def errors(self) -> tuple[Problem, ...]:
        """The problems that keep a skill from working."""
        return tuple(problem for problem in self.problems if problem.level == "error")


def skills_folder(own: Path | None) -> Path:
    """The folder of users' skills: the one that is set, else `voicebox/skills` in the user's data directory (XDG)."""
    if own is not None:
        return own.expanduser()
    data = os.environ.get("XDG_DATA_HOME")
    base = Path(data) if data and Path(data).is_absolute() else Path.home() / ".local" / "share"
    return base / "voicebox" / "skills"


def skill_files(folder: Path) -> list[Path]:
    """The files of a folder that are skills, by name; hidden ones and those that begin with `_` are not."""
    if not folder.is_dir():
        return []
    return sorted(
        path for path in folder.iterdir()
        if path.suffix in (".toml", ".py") and not path.name.startswith((".", "_")) and path.is_file()
    )  # fmt: skip


def stamp(folder: Path) -> Stamp:
    """What tells whether the skills of a folder have changed."""
    found = []
    for path in skill_files(folder):
        try:
            status = path.stat()
        except OSError:  # gone since
            continue
        found.append((path.name, status.st_mtime_ns, status.st_size))
    return tuple(found)


def load_file(path: Path) -> tuple[OwnSkill, tuple[Problem, ...]]:
    """The skill of one file, and warnings.

    Raises:
        SkillFileError: the file cannot be read or used.
    """
    try:
        text = Text(path, path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise SkillFileError([Problem(path, 0, "error", f"it cannot be read: {reason}")]) from None
    if path.suffix == ".toml":
        return read_toml(text)
    if path.suffix == ".py":
        return read_python(text)
    raise SkillFileError([Problem(path, 0, "error", "it is neither a .toml nor a .py file")])


def load_folder(folder: Path, *, before: Mapping[Path, OwnSkill] | None = None) -> OwnSkills:
    """All skills of a folder; a folder that is not there has none.

    Args:
        folder: where they are.
        before: the skills that work now, by file: they go on where their file has an error now.
    """
    skills: dict[str, OwnSkill] = {}
    problems: list[Problem] = []
    kept: set[Path] = set()
    for path in skill_files(folder):
        try:
            skill, warnings = load_file(path)
            problems += warnings
        except SkillFileError as error:
            problems += error.problems
            if before is None or path not in before:
                continue
            skill = before[path]
            kept.add(path)
        if skill.name in skills:
            other = skills[skill.name].path.name
            problems.append(
                Problem(path, 0, "error", f"the skill {skill.name!r} is in {other} too", "Give one another name")
            )
            continue
        skills[skill.name] = skill
    return OwnSkills(tuple(skills.values()), tuple(problems), frozenset(kept))
