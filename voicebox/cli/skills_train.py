"""`voicebox skills train`: the intent model learns own skills."""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.table import Table

from voicebox.cli.output import Output
from voicebox.config import Settings
from voicebox.errors import ConfigError
from voicebox.llm.example_file import write_head
from voicebox.llm.example_head import ExampleHead
from voicebox.llm.examples import learn
from voicebox.llm.head_model import HeadIntentModel
from voicebox.llm.intent_text import normalize_text
from voicebox.llm.open_intent import open_intent_model
from voicebox.llm.types import OUT_OF_SCOPE, IntentModel
from voicebox.models.store import models_dir
from voicebox.repertoire import RepertoireLoader, with_examples
from voicebox.skills.intents import BUILTIN_INTENTS
from voicebox.skills.own.load import load_folder
from voicebox.skills.own.problems import SkillFileError
from voicebox.skills.own.record import TrainingRecord, file_sha256, fingerprints, record_path, write_record
from voicebox.skills.own.skill import OwnSkill
from voicebox.skills.state import Household
from voicebox.skills.types import Intent
from voicebox.train.extra import require_training_libraries
from voicebox.train.own_skills import Accuracy, Text, exam_rows, kept_back, learned_texts, measure, tune

__all__ = ["train"]

_MOST_WORSE = 0.005
"""What the accuracy of the skills that were there before may lose."""
_OLD_EACH = 1
_NEW_EACH = 8


def train(args: argparse.Namespace, settings: Settings, out: Output) -> int:
    """Train, measure, and put the result where the server takes it; 1 if it is worse at the other skills.

    Raises:
        ConfigError: there are no own skills, or one has errors.
        ModelError: the intent model cannot be used, or is of a kind that cannot be tuned.
        VoiceboxError: the `train` extra is not installed, and tuning was asked for.
    """
    if args.tune:
        require_training_libraries()
        if not 0.05 <= args.tune <= 1000:
            raise ConfigError(f"--tune {args.tune} is not from 0.05 to 1000 minutes")
    began = time.monotonic()
    loader = RepertoireLoader(settings, Household())
    own = load_folder(loader.folder)
    if own.errors:
        raise SkillFileError(own.errors)
    if not own.skills:
        raise ConfigError(f"There are no skills in {loader.folder}", cure="Begin with: voicebox skills new NAME")
    exam = _Exam(loader.base, [intent for skill in own.skills for intent in skill.intents], args.test)
    out.note("Measuring what is understood already")
    exam.before()
    with tempfile.TemporaryDirectory(prefix="voicebox-skills-") as folder:
        tuned = _tune(exam, Path(folder) / "tuned.gguf", args, out) if args.tune else None
        out.note("Learning")
        head = exam.learn(tuned or exam.base)
        taken = exam.worse <= _MOST_WORSE or args.force
        if taken:
            _install(tuned, head, exam, own.skills)
    _print(exam.rows(), out)
    out.summary(
        {
            "skills": len(own.skills),
            "own_before": exam.own_before,
            "own_after": exam.own_after,
            "builtin_before": exam.builtin_before,
            "builtin_after": exam.builtin_after,
            "taken": taken,
            "minutes": (time.monotonic() - began) / 60,
        }
    )
    if not taken:
        out.note("[red]The other skills are understood worse: nothing was changed.[/] --force takes it all the same.")
    return 0 if taken else 1


def _tune(exam: _Exam, path: Path, args: argparse.Namespace, out: Output) -> Path:
    with out.progress() as bars:
        task = bars.add_task("tuning", total=1.0)

        def show(share: float, loss: float) -> None:
            bars.update(task, completed=share, description=f"tuning, loss {loss:.3f}")

        tune(
            exam.base, exam.most, BUILTIN_INTENTS, path, cpu_s=60 * args.tune, threshold=exam.threshold,
            threads=args.threads, progress=show,
        )  # fmt: skip
    return path


class _Exam:
    """What is measured before, during and after: by skill, as [before, after].

    Own skills are measured on examples that were kept back, and on the rows of `test` if there are any; the others on
    fillings of their sentences that are not rehearsed.
    """

    def __init__(self, base: Path, own: Sequence[Intent], test: Path | None) -> None:
        self.base = base
        self.own = own
        self.most, back = kept_back(own)
        self._texts = {
            "built in": exam_rows(BUILTIN_INTENTS, each=_OLD_EACH),
            "kept back": exam_rows(back, each=_NEW_EACH),
            "test": _read(test, own) if test is not None else [],
        }
        self.threshold = 0.0
        self._figures: dict[tuple[str, str], list[Accuracy]] = {}

    def before(self) -> None:
        """Measure the model as it is: own skills by their examples."""
        model = open_intent_model(self.base)
        self.threshold = model.threshold
        try:
            self._measure("built in", model)
        finally:
            model.close()
        for kind, intents in (("kept back", self.most), ("test", self.own)):
            if kind == "kept back" or self._texts["test"]:
                known = with_examples(
                    open_intent_model(self.base), [*BUILTIN_INTENTS, *intents], {intent.name for intent in intents}
                )
                try:
                    self._measure(kind, known)
                finally:
                    known.close()

    def learn(self, path: Path) -> ExampleHead:
        """Learn own skills on a model, and measure: first without what was kept back, in the end with all."""
        for intents, kinds in ((self.most, ("kept back",)), (self.own, ("built in", "test"))):
            model = open_intent_model(path)
            try:
                head = learn(model, learned_texts(intents, BUILTIN_INTENTS), intents)
                for kind in kinds:
                    self._measure(kind, HeadIntentModel(model, head))
            finally:
                model.close()
        return head

    def _measure(self, kind: str, model: IntentModel) -> None:
        for skill, accuracy in measure(model, self._texts[kind]).items():
            self._figures.setdefault((kind, skill), []).append(accuracy)

    def rows(self) -> list[dict[str, Any]]:
        """By skill: accuracy before and after, on how many sentences of what kind."""
        return [
            {"skill": skill, "measured_on": kind, "before": found[0].share, "after": found[-1].share, "n": found[0].n}
            for (kind, skill), found in self._figures.items()
        ]

    def _share(self, kinds: Iterable[str], index: int) -> float | None:
        found = [
            figures[index]
            for (kind, skill), figures in self._figures.items()
            if kind in kinds and skill != OUT_OF_SCOPE
        ]
        count = sum(accuracy.n for accuracy in found)
        return sum(accuracy.right for accuracy in found) / count if count else None

    @property
    def _own_kind(self) -> str:
        return "test" if self._texts["test"] else "kept back"

    @property
    def own_before(self) -> float | None:
        """Own skills by their examples: on the test rows if there are any."""
        return self._share([self._own_kind], 0)

    @property
    def own_after(self) -> float | None:
        """Own skills after training."""
        return self._share([self._own_kind], -1)

    @property
    def builtin_before(self) -> float:
        """The other skills before."""
        return self._share(["built in"], 0) or 0.0

    @property
    def builtin_after(self) -> float:
        """The other skills after."""
        return self._share(["built in"], -1) or 0.0

    @property
    def worse(self) -> float:
        """By how much the other skills are understood worse."""
        return self.builtin_before - self.builtin_after


def _read(path: Path, own: Sequence[Intent]) -> list[Text]:
    """Rows of text and intent.

    Raises:
        ConfigError: the file has none, or a row is something else.
    """
    try:
        lines = path.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} cannot be read: {error}") from None
    known = {intent.name for intent in (*own, *BUILTIN_INTENTS)} | {OUT_OF_SCOPE}
    rows: list[Text] = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            data = json.loads(line)
            text, intent = normalize_text(str(data["text"])), str(data["intent"])
        except (ValueError, KeyError, TypeError):
            raise ConfigError(f"Line {number} of {path} is no row with text and intent") from None
        if intent not in known:
            raise ConfigError(f"Line {number} of {path} has the intent {intent!r}, which no skill has")
        rows.append((text, intent))
    if not rows:
        raise ConfigError(f"{path} has no rows")
    return rows


def _install(tuned: Path | None, head: ExampleHead, exam: _Exam, skills: Sequence[OwnSkill]) -> None:
    """Put what was learned into the user's data folder, with the record that makes the server take it."""
    target = record_path(models_dir())
    target.parent.mkdir(parents=True, exist_ok=True)
    model = ""
    if tuned is not None:
        model = f"own-{file_sha256(tuned)[:12]}.gguf"
        temporary = target.parent / f"{model}.tmp"
        temporary.write_bytes(tuned.read_bytes())
        temporary.replace(target.parent / model)
    learned = target.parent / "new.npz"
    write_head(learned, head)
    name = f"own-{file_sha256(learned)[:12]}.npz"
    learned.replace(target.parent / name)
    figures: Mapping[str, Any] = {"rows": exam.rows()}
    write_record(target, TrainingRecord(name, model, file_sha256(exam.base), fingerprints(skills), figures))


def _print(rows: Sequence[Mapping[str, Any]], out: Output) -> None:
    table = Table(box=None, pad_edge=False)
    for heading in ("skill", "measured on", "sentences", "before %", "after %"):
        table.add_column(heading, justify="left" if heading in ("skill", "measured on") else "right")
    for row in rows:
        out.row(row)
        before, after = (f"{100 * row[key]:.1f}" for key in ("before", "after"))
        table.add_row(row["skill"], row["measured_on"], str(row["n"]), before, after)
    if not out.as_json:
        out.console.print(table)
