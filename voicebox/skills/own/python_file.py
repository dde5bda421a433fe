"""A skill as a Python file, which is run: it makes one `Skill` (see `define.py`)."""

from __future__ import annotations

import linecache
import traceback
from types import ModuleType

from voicebox.skills.own.check import check_drafts, check_name
from voicebox.skills.own.define import Skill
from voicebox.skills.own.problems import Problem, SkillFileError, Text
from voicebox.skills.own.skill import OwnSkill
from voicebox.skills.own.toml_file import build
from voicebox.skills.types import Slot

__all__ = ["read_python"]


def read_python(text: Text) -> tuple[OwnSkill, tuple[Problem, ...]]:
    """The skill of a Python file, and what could be better about it. The file is run.

    Raises:
        SkillFileError: it cannot be run, makes no skill or several, or something in it is wrong.
    """
    skill = _run(text)
    slots: dict[str, Slot] = {}
    for draft in skill.drafts:
        for slot in draft.slots:
            slots.setdefault(slot.name, slot)
    problems = [*check_name(skill.name, text), *check_drafts(skill.drafts, list(slots.values()), text, shared=False)]
    return build(skill.name, skill.drafts, problems, text, timeout_s=skill.timeout_s)


def _run(text: Text) -> Skill:
    """Run the file as a module of its own, under no name that others could import."""
    module = ModuleType(f"voicebox_skill_{text.path.stem}")
    module.__file__ = str(text.path)
    linecache.checkcache(str(text.path))
    try:
        exec(compile(text.source, str(text.path), "exec"), module.__dict__)
    except SyntaxError as error:
        raise _failure(text, error.lineno or 0, f"it is not valid Python: {error.msg}") from None
    except (Exception, SystemExit) as error:
        frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(text.path)]
        line = frames[-1].lineno if frames and frames[-1].lineno else 0
        raise _failure(text, line, f"it cannot be run: {type(error).__name__}: {error}") from error
    found = {id(value): value for value in vars(module).values() if isinstance(value, Skill)}
    if len(found) != 1:
        count = "no skill" if not found else f"{len(found)} skills"
        raise _failure(text, 0, f"it makes {count}", 'Let it make one: skill = Skill("name", "description")')
    (skill,) = found.values()
    return skill


def _failure(text: Text, line: int, message: str, cure: str = "") -> SkillFileError:
    return SkillFileError([Problem(text.path, line, "error", message, cure)])
