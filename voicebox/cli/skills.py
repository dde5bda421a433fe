"""`voicebox skills`: your own skills."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from rich.markup import escape
from rich.table import Table

from voicebox.cli.output import Output, add_json_flag
from voicebox.config import Settings, load_settings
from voicebox.errors import ConfigError
from voicebox.repertoire import RepertoireLoader
from voicebox.routing.collisions import alike_values, same_sentences, taken_sentences
from voicebox.skills.intents import BUILTIN_INTENTS
from voicebox.skills.own.check import check_name
from voicebox.skills.own.load import OwnSkills, load_file, load_folder, skills_folder
from voicebox.skills.own.problems import Problem, SkillFileError, Text
from voicebox.skills.own.skill import OwnSkill
from voicebox.skills.state import Household

__all__ = ["add_parser", "run"]

_TEMPLATES = {".toml": "template.toml", ".py": "template.py.txt"}


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `skills` and its actions."""
    parser = subparsers.add_parser(
        "skills",
        help="your own skills: list, new, check, train",
        description="A skill is one file, TOML or Python, in the folder that `skills.dir` names, or in voicebox/skills "
        "in the user's data directory. See docs/own-skills.md.",
    )
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    listing = actions.add_parser("list", help="show all skills, and how own ones are understood")
    new = actions.add_parser("new", help="write a file to begin with")
    new.add_argument("name", metavar="NAME", help="the skill's name: lower-case letters, digits and _")
    new.add_argument("--python", action="store_true", help="a Python file, for skills that compute or call something")
    check = actions.add_parser("check", help="find errors, and sentences that are taken for another skill's")
    check.add_argument("files", nargs="*", type=Path, metavar="FILE", help="files (default: all in the folder)")
    check.add_argument("--no-model", action="store_true", help="do not ask the intent model (quicker)")
    train = actions.add_parser("train", help="learn your skills thoroughly, and measure how well")
    train.add_argument(
        "--tune", type=float, default=0.0, metavar="MINUTES",
        help="also fine-tune the model itself for so long (needs voicebox[train], and a model that was trained by it)",
    )  # fmt: skip
    train.add_argument("--threads", type=int, default=2, help="threads of --tune (default: 2)")
    train.add_argument("--test", type=Path, metavar="FILE", help="JSON lines of text and intent to measure with, too")
    train.add_argument("--force", action="store_true", help="take the model even if it is worse at the other skills")
    for action in (listing, new, check, train):
        action.add_argument("--dir", type=Path, metavar="FOLDER", help="another folder of skills")
        add_json_flag(action)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Do the action; 1 where a check found errors, or training made other skills worse.

    Raises:
        ConfigError: settings or a skill file cannot be used.
        ModelError: the intent model cannot be used.
    """
    settings = load_settings(flags={"skills.dir": args.dir} if args.dir is not None else None)
    if settings.models.dir is not None:
        os.environ["VOICEBOX_MODELS_DIR"] = str(settings.models.dir)
    actions: dict[str, Callable[[argparse.Namespace, Settings, Output], int]] = {
        "list": _list,
        "new": _new,
        "check": _check,
        "train": _train,
    }
    return actions[args.action](args, settings, Output(args.json))


def _list(args: argparse.Namespace, settings: Settings, out: Output) -> int:
    loader = RepertoireLoader(settings, Household())
    own = load_folder(loader.folder)
    trained = loader.trained(own.skills)
    table = Table(box=None, pad_edge=False)
    for heading in ("skill", "intents", "file", "understood"):
        table.add_column(heading, no_wrap=heading == "skill")
    rows = [
        (name, [i.name for i in BUILTIN_INTENTS if i.name.partition(".")[0] == name], None, "built in")
        for name in dict.fromkeys(intent.name.partition(".")[0] for intent in BUILTIN_INTENTS)
    ] + [
        (skill.name, [i.name for i in skill.intents], skill.path,
         "trained" if skill.name in trained else "by its examples")
        for skill in own.skills
    ]  # fmt: skip
    for name, intents, path, state in rows:
        out.row({"skill": name, "intents": intents, "file": path, "state": state})
        verbs = ", ".join(intent.partition(".")[2] for intent in intents)
        table.add_row(name, verbs, str(path.name) if path else "–", state)
    if not out.as_json:
        out.console.print(table)
    for problem in own.errors:
        out.note(f"[red]error[/] {escape(str(problem))}")
    out.summary(
        {"skills": len(rows), "own": len(own.skills), "trained": len(trained), "errors": len(own.errors),
         "directory": loader.folder}
    )  # fmt: skip
    return 0


def _new(args: argparse.Namespace, settings: Settings, out: Output) -> int:
    folder = skills_folder(settings.skills.dir)
    suffix = ".py" if args.python else ".toml"
    path = folder / f"{args.name}{suffix}"
    for problem in check_name(args.name, Text(path, "")):
        raise ConfigError(problem.message, cure=problem.cure)
    taken = [folder / f"{args.name}{other}" for other in _TEMPLATES if (folder / f"{args.name}{other}").exists()]
    taken += [skill.path for skill in load_folder(folder).skills if skill.name == args.name]
    if taken:
        raise ConfigError(f"{taken[0]} is there already", cure="Choose another name, or change that file")
    template = Path(__file__).parents[1] / "skills" / "own" / _TEMPLATES[suffix]
    content = template.read_text("utf-8").replace("@NAME@", args.name)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        temporary = path.with_suffix(".tmp")
        temporary.write_text(content, "utf-8")
        temporary.replace(path)
    except OSError as error:
        raise ConfigError(f"{path} cannot be written: {error.strerror}") from error
    out.summary({"file": path}, f"{path}\nSay, for example: where did I put my keys")
    return 0


def _check(args: argparse.Namespace, settings: Settings, out: Output) -> int:
    folder = skills_folder(settings.skills.dir)
    own = load_folder(folder)
    checked = list(own.skills)
    problems = list(own.problems)
    if args.files:
        checked, problems = _read(args.files)
        names = {skill.name for skill in checked}
        own = OwnSkills((*checked, *(skill for skill in own.skills if skill.name not in names)))
    wrong = any(problem.level == "error" for problem in problems)
    problems += _collisions(checked, own, None if args.no_model or wrong else settings)
    for problem in sorted(problems, key=lambda problem: (str(problem.file), problem.line, problem.level)):
        row = {
            "file": problem.file,
            "line": problem.line,
            "level": problem.level,
            "message": problem.message,
            "cure": problem.cure,
        }
        color = "red" if problem.level == "error" else "yellow"
        out.row(row, f"[{color}]{problem.level}[/] {escape(str(problem))}")
    errors = sum(problem.level == "error" for problem in problems)
    out.summary({"skills": len(checked), "errors": errors, "warnings": len(problems) - errors})
    return 1 if errors else 0


def _read(files: Sequence[Path]) -> tuple[list[OwnSkill], list[Problem]]:
    """The skills of some files, and what is wrong with them."""
    skills: list[OwnSkill] = []
    problems: list[Problem] = []
    for path in files:
        try:
            skill, warnings = load_file(path)
        except SkillFileError as error:
            problems += error.problems
        else:
            skills.append(skill)
            problems += warnings
    return skills, problems


def _collisions(checked: Sequence[OwnSkill], own: OwnSkills, settings: Settings | None) -> Iterator[Problem]:
    """Values that sound alike, and sentences of the checked skills that meet others'; by the model with settings."""
    texts = {skill.name: Text(skill.path, skill.path.read_text("utf-8")) for skill in checked}
    intents = [intent for skill in checked for intent in skill.intents]
    others = [*BUILTIN_INTENTS, *(i for skill in own.skills if skill not in checked for i in skill.intents)]
    for intent in intents:
        for alike in alike_values(intent):
            yield _text_of(intent.name, texts).warning(
                f"{alike.form!r} ({alike.value}) and {alike.other_form!r} ({alike.other_value}) sound alike",
                f'"{alike.form}"', alike.form, cure="Give one of them another name",
            )  # fmt: skip
    for found in same_sentences(intents, others):
        yield _text_of(found.intent, texts).error(
            f"{found.sentence!r} is a sentence of {found.other_intent} too ({found.other_sentence!r})",
            found.example, cure="Change or remove it",
        )  # fmt: skip
    if settings is None or not intents:
        return
    with_examples = RepertoireLoader(settings, Household()).examples(own.skills)
    try:
        for taken in taken_sentences(with_examples, intents, others):
            meant = taken.intent if taken.intent.partition(".")[0] in texts else taken.other_intent
            yield _text_of(meant, texts).warning(
                f"{taken.sentence!r} of {taken.intent} is taken for {taken.other_intent} ({taken.probability:.2f}), "
                f"which has {taken.other_sentence!r}",
                taken.example, cure="Word it in another way, or train: `voicebox skills train`",
            )  # fmt: skip
    finally:
        with_examples.close()


def _text_of(intent: str, texts: dict[str, Text]) -> Text:
    return texts[intent.partition(".")[0]]


def _train(args: argparse.Namespace, settings: Settings, out: Output) -> int:
    from voicebox.cli.skills_train import train

    return train(args, settings, out)
