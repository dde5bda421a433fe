"""The built-in skills and the user's, with the intent model that knows them: loaded, and loaded again when they change.

An own skill is known by training (`voicebox skills train`) or, until then, by its example sentences.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path

from voicebox.config import Settings
from voicebox.errors import VoiceboxError
from voicebox.llm.auto_intent import choose_intent, intent_models
from voicebox.llm.example_file import read_head
from voicebox.llm.example_head import ExampleHead
from voicebox.llm.examples import ExampleIntentModel
from voicebox.llm.head_model import HeadIntentModel
from voicebox.llm.instruct_intent import InstructIntentModel
from voicebox.llm.open_intent import open_intent_model
from voicebox.llm.prompt_cache import PromptCache
from voicebox.llm.types import IntentModel
from voicebox.models.layout import locate_for
from voicebox.models.store import models_dir
from voicebox.skills.own.load import OwnSkills, Stamp, load_folder, skills_folder, stamp
from voicebox.skills.own.record import TrainingRecord, file_sha256, read_record, record_path
from voicebox.skills.own.skill import OwnSkill
from voicebox.skills.registry import Registry, default_registry
from voicebox.skills.state import Household
from voicebox.skills.types import Intent
from voicebox.stt.lexicon import Lexicon

__all__ = ["INTENT_MODEL", "Repertoire", "RepertoireLoader", "Watch", "with_examples"]

_log = logging.getLogger(__name__)

INTENT_MODEL = "voicebox-intent"
"""The catalog's name of the intent model that ships."""
AUTO = "auto"
"""Of the models in the folder `intent` of the models folder and the shipped one, the best that this machine carries."""
_POLL_S = 2.0


@dataclass(frozen=True, slots=True)
class Repertoire:
    """All skills of a time, and what understands them. Whoever takes it closes `model`.

    `untrained` names the own skills that the model knows by their examples only.
    """

    registry: Registry
    lexicon: Lexicon
    model: IntentModel
    own: OwnSkills
    untrained: tuple[str, ...]


class RepertoireLoader:
    """Loads what the settings name.

    Args:
        settings: `skills`, `intent` and the models folder count.
        household: what the built-in skills act on.
        base: another intent model than the settings name, by name or path.
    """

    def __init__(self, settings: Settings, household: Household, *, base: str | Path | None = None) -> None:
        self._settings = settings
        self._household = household
        self._base = base or settings.intent.model or INTENT_MODEL
        self._chosen: Path | None = None
        self.folder = skills_folder(settings.skills.dir)

    @property
    def base(self) -> Path:
        """The intent model that own skills come on top of; `auto` is chosen once.

        Raises:
            ModelError: it is not there.
        """
        if str(self._base) != AUTO:
            return locate_for("intent", self._base)
        if self._chosen is None:
            intents = [intent.name for intent in default_registry(self._household).intents()]
            found = intent_models(models_dir() / "intent")
            shipped = locate_for("intent", INTENT_MODEL)
            self._chosen = choose_intent(found, shipped, intents, threads=self._settings.intent.threads)
        return self._chosen

    def load(self, before: OwnSkills | None = None) -> Repertoire:
        """Load skills and model. Skill files with errors cost their skill only, and are named in the log.

        Args:
            before: the own skills that work now; they go on where their file has an error.

        Raises:
            ModelError: there is no intent model, or it cannot be used.
            ConfigError: `skills.enabled` names a skill that is not there.
        """
        known = {skill.path: skill for skill in before.skills} if before is not None else None
        own = load_folder(self.folder, before=known)
        for problem in own.problems:
            _log.log(logging.ERROR if problem.level == "error" else logging.WARNING, "Skill file %s", problem)
        registry = default_registry(self._household, own.skills)
        if self._settings.skills.enabled:
            registry = registry.enabled(self._settings.skills.enabled)
        model, untrained = self._model(registry, [skill for skill in own.skills if skill.name in registry.names])
        return Repertoire(registry, Lexicon.of(registry.intents()), model, own, untrained)

    def stamp(self) -> tuple[Stamp, int]:
        """Another value where skill files or the trained model have changed."""
        path = record_path(models_dir())
        try:
            trained = path.stat().st_mtime_ns
        except OSError:
            trained = 0
        return stamp(self.folder), trained

    def trained(self, own: Sequence[OwnSkill]) -> frozenset[str]:
        """The names of those own skills that the intent model was trained on as they are now."""
        trained = self._trained(self.base) if own else None
        return frozenset(skill.name for skill in own if trained is not None and trained[0].knows(skill))

    def examples(self, own: Sequence[OwnSkill]) -> IntentModel:
        """The untrained model with own skills known by their examples.

        Raises:
            ModelError: there is no intent model, or it cannot be used.
        """
        intents = default_registry(self._household, own).intents()
        model = open_intent_model(self.base, intents=intents, cache=PromptCache())
        names = {intent.name for skill in own for intent in skill.intents} - set(model.labels)
        return with_examples(model, intents, names) if names else model

    def _model(self, registry: Registry, own: list[OwnSkill]) -> tuple[IntentModel, tuple[str, ...]]:
        base = self.base
        intents = registry.intents()
        trained = self._trained(base) if own else None
        new = [skill for skill in own if trained is None or not trained[0].knows(skill)]
        setting = self._settings.intent
        path = record_path(models_dir()).parent / trained[0].model if trained and trained[0].model else base
        model = open_intent_model(
            path,
            max_sessions=setting.max_sessions,
            threads=setting.threads,
            intents=intents,
            cache=PromptCache(),
        )
        if trained is not None:
            model = HeadIntentModel(model, trained[1])
        if not new or isinstance(model, InstructIntentModel):  # which reads the declarations
            return model, ()
        names = {intent.name for skill in new for intent in skill.intents}
        wrapped = with_examples(model, intents, names)
        untrained = tuple(skill.name for skill in new)
        _log.info("Not trained yet, known by their examples: %s (%.1f s)", ", ".join(untrained), wrapped.fit_s)
        return wrapped, untrained

    def _trained(self, base: Path) -> tuple[TrainingRecord, ExampleHead] | None:
        """What was learned on the base model that is in use, if anything was and can be used."""
        path = record_path(models_dir())
        try:
            record = read_record(path)
            if record is None:
                return None
            if record.base != file_sha256(base):
                _log.warning("What `voicebox skills train` made belongs to another intent model: train again")
                return None
            return record, read_head(path.parent / record.head)
        except VoiceboxError as error:
            _log.error("%s", error)
            return None


def with_examples(model: IntentModel, intents: Sequence[Intent], new: Collection[str]) -> ExampleIntentModel:
    """The model with some of the intents known by their examples; closes it where that fails."""
    try:
        return ExampleIntentModel(
            model,
            [intent for intent in intents if intent.name in new],
            [intent for intent in intents if intent.name not in new],
        )
    except BaseException:
        model.close()
        raise


class Watch:
    """Loads again when files change or `now` is called; in a thread of its own.

    Args:
        loader: loads.
        current: the own skills that work now.
        take: gets what was loaded; called in the thread.
        poll_s: seconds between looks at the files.
    """

    def __init__(
        self,
        loader: RepertoireLoader,
        current: OwnSkills,
        take: Callable[[Repertoire], None],
        *,
        poll_s: float = _POLL_S,
    ) -> None:
        self._poll_s = poll_s
        self._loader = loader
        self._own = current
        self._take = take
        self._asked = threading.Event()
        self._askers: list[Future[None]] = []
        self._stopped = False
        self._seen = loader.stamp()
        self._thread = threading.Thread(target=self._run, name="skills-watch", daemon=True)
        self._thread.start()

    def now(self) -> Future[None]:
        """Load again soon, whether files have changed or not; the future is done when that was tried."""
        asker: Future[None] = Future()
        self._askers.append(asker)
        self._asked.set()
        if self._stopped:
            self._answer()
        return asker

    def stop(self) -> None:
        """End; waits for a load that runs. Idempotent."""
        self._stopped = True
        self._asked.set()
        self._thread.join()

    def _run(self) -> None:
        changed = self._seen
        while True:
            asked = self._asked.wait(self._poll_s)
            self._asked.clear()
            if self._stopped:
                self._answer()
                return
            before, changed = changed, self._loader.stamp()
            # A file that still changes is not all written.
            if asked or (changed == before and changed != self._seen):
                self._seen = changed
                waiting = len(self._askers)
                self._load()
                self._answer(waiting)

    def _answer(self, count: int | None = None) -> None:
        """Tell the first of those who asked that it was tried."""
        for asker in self._askers[:count]:
            self._askers.remove(asker)
            asker.set_result(None)

    def _load(self) -> None:
        try:
            repertoire = self._loader.load(self._own)
            if self._stopped:
                repertoire.model.close()
                return
            self._own = repertoire.own
            self._take(repertoire)
        except VoiceboxError as error:
            _log.error("The skills stay as they were: %s", error)
        except Exception:
            _log.exception("The skills stay as they were")
