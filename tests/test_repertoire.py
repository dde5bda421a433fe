from __future__ import annotations

import json
import logging
import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from voicebox.config import Settings, load_settings
from voicebox.errors import ConfigError, ModelError
from voicebox.llm.example_file import write_head
from voicebox.llm.example_head import ELSE
from voicebox.llm.examples import ExampleIntentModel, example_texts, learn
from voicebox.llm.open_intent import open_intent_model
from voicebox.models.store import models_dir
from voicebox.repertoire import Repertoire, RepertoireLoader, Watch
from voicebox.skills.own.load import OwnSkills
from voicebox.skills.own.record import TrainingRecord, file_sha256, fingerprints, record_path, write_record
from voicebox.skills.registry import default_registry
from voicebox.skills.state import Household
from voicebox.stt.lexicon import Lexicon

SNACK = """\
name = "snack"
description = "order snacks"
[slots.kind]
type = "choice"
required = true
ask = "Which snack?"
values = ["toast", "soup"]
[intents.order]
examples = ["order {kind}", "bring me some {kind}", "i'd like {kind}", "make me a {kind}", "i want {kind} for lunch"]
replies = ["Okay, {kind}."]
"""
RADIO = """\
name = "radio"
description = "name the station"
[intents.name]
read_only = true
examples = ["which station is this", "what station are we on", "name the station", "what am i listening to", "what's on air"]
replies = ["Radio one."]
"""  # noqa: E501


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "skills"
    folder.mkdir()
    (folder / "snack.toml").write_text(SNACK, "utf-8")
    return folder


@pytest.fixture
def shipped(require_model: Callable[[str], Path]) -> Path:
    return require_model("voicebox-intent")


@pytest.fixture
def settings(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("VOICEBOX_MODELS_DIR", str(tmp_path / "models"))
    return load_settings(flags={"skills.dir": folder})


def taken(loader: RepertoireLoader, before: OwnSkills | None = None) -> Repertoire:
    repertoire = loader.load(before)
    repertoire.model.close()
    return repertoire


def record_training(folder: Path, shipped: Path, base: str | None = None) -> Path:
    """As after `voicebox skills train`: what is learned of the skills as they are now, on the shipped model."""
    own = taken_own(RepertoireLoader(load_settings(flags={"skills.dir": folder}), Household()).load)
    intents = [intent for skill in own.skills for intent in skill.intents]
    model = open_intent_model(shipped)
    head = learn(
        model, [(text, i.name) for i in intents for text in example_texts(i)] + [("what time is it", ELSE)], intents
    )
    model.close()
    target = record_path(models_dir())
    target.parent.mkdir(parents=True, exist_ok=True)
    write_head(target.parent / "own.npz", head)
    write_record(target, TrainingRecord("own.npz", "", base or file_sha256(shipped), fingerprints(own.skills)))
    return target.parent / "own.npz"


def taken_own(load: Callable[[], Repertoire]) -> OwnSkills:
    repertoire = load()
    repertoire.model.close()
    return repertoire.own


@pytest.mark.models
def test_own_skills_stand_beside_the_others(settings, shipped):
    repertoire = RepertoireLoader(settings, Household()).load()
    try:
        assert "snack" in repertoire.registry.names
        assert repertoire.untrained == ("snack",)
        assert isinstance(repertoire.model, ExampleIntentModel)
        assert "snack.order" in repertoire.model.labels
        assert repertoire.lexicon.match("some soop please", "snack.order")["kind"].value == "soup"
        assert repertoire.model.score("bring me a toast", session="s").result().intent == "snack.order"
    finally:
        repertoire.model.close()


@pytest.mark.models
def test_trained_skills_need_no_examples(settings, folder, shipped):
    record_training(folder, shipped)
    repertoire = RepertoireLoader(settings, Household()).load()
    assert repertoire.untrained == ()
    assert not isinstance(repertoire.model, ExampleIntentModel)
    assert repertoire.model.score("bring me some toast", session="s").result().intent == "snack.order"
    repertoire.model.close()
    (folder / "radio.toml").write_text(RADIO, "utf-8")
    assert taken(RepertoireLoader(settings, Household())).untrained == ("radio",)
    (folder / "snack.toml").write_text(SNACK.replace("order {kind}", "order a {kind}"), "utf-8")
    assert set(taken(RepertoireLoader(settings, Household())).untrained) == {"radio", "snack"}


@pytest.mark.models
def test_what_was_trained_on_another_base_is_left(settings, folder, shipped, caplog):
    record_training(folder, shipped, base="another")
    assert taken(RepertoireLoader(settings, Household())).untrained == ("snack",)
    assert "train again" in caplog.text


@pytest.mark.models
def test_a_broken_record_is_named_and_left(settings, folder, shipped, caplog):
    path = record_path(models_dir())
    path.parent.mkdir(parents=True)
    path.write_text("{", "utf-8")
    assert taken(RepertoireLoader(settings, Household())).untrained == ("snack",)
    assert "record.json" in caplog.text


@pytest.mark.models
def test_what_was_learned_and_is_damaged_is_named_and_left(settings, folder, shipped, caplog):
    record_training(folder, shipped).write_bytes(b"PK")
    assert taken(RepertoireLoader(settings, Household())).untrained == ("snack",)
    assert "own.npz" in caplog.text


@pytest.mark.models
def test_a_broken_file_costs_its_skill_and_is_named(settings, folder, shipped, caplog):
    (folder / "radio.py").write_text("raise ValueError('no antenna')\n", "utf-8")
    repertoire = taken(RepertoireLoader(settings, Household()))
    assert [skill.name for skill in repertoire.own.skills] == ["snack"]
    assert "radio.py:1: it cannot be run: ValueError: no antenna" in caplog.text
    (folder / "snack.toml").write_text("name =", "utf-8")
    after = taken(RepertoireLoader(settings, Household()), repertoire.own)
    assert [skill.name for skill in after.own.skills] == ["snack"]


@pytest.mark.models
def test_only_enabled_skills_are_there(folder, shipped):
    settings = load_settings(flags={"skills.dir": folder, "skills.enabled": "timer"})
    repertoire = taken(RepertoireLoader(settings, Household()))
    assert repertoire.registry.names == ("timer", "dialog")
    assert repertoire.untrained == ()
    with pytest.raises(ConfigError, match="snak"):
        RepertoireLoader(load_settings(flags={"skills.dir": folder, "skills.enabled": "snak"}), Household()).load()


def test_a_missing_model_is_an_error(settings):
    with pytest.raises(ModelError):
        RepertoireLoader(settings, Household(), base="/nowhere/model.gguf").load()


def test_the_stamp_follows_files_and_training(settings, folder, tmp_path):
    loader = RepertoireLoader(settings, Household())
    first = loader.stamp()
    (folder / "radio.toml").write_text(RADIO, "utf-8")
    second = loader.stamp()
    record = record_path(models_dir())
    record.parent.mkdir(parents=True)
    record.write_text(json.dumps({}), "utf-8")
    assert len({first, second, loader.stamp()}) == 3


class FakeLoader:
    """Loads what the test lays out."""

    def __init__(self) -> None:
        self.value: object = 0
        self.error: Exception | None = None
        self.before: list[OwnSkills | None] = []
        self.failed = threading.Event()

    def stamp(self) -> object:
        return self.value

    def load(self, before: OwnSkills | None = None) -> Repertoire:
        self.before.append(before)
        if self.error is not None:
            self.failed.set()
            raise self.error
        registry = default_registry(Household())
        return Repertoire(registry, Lexicon({}), None, OwnSkills(), ())  # type: ignore[arg-type]


@pytest.fixture
def watched():
    loader, got, arrived = FakeLoader(), [], threading.Event()

    def take(repertoire: Repertoire) -> None:
        got.append(repertoire)
        arrived.set()

    watch = Watch(loader, OwnSkills(), take, poll_s=0.01)  # type: ignore[arg-type]
    yield watch, loader, got, arrived
    watch.stop()


def test_a_change_is_loaded_once_it_stands_still(watched):
    _, loader, got, arrived = watched
    loader.value = 1
    assert arrived.wait(10)
    assert len(got) == 1


def test_it_loads_when_it_is_asked(watched):
    watch, _, got, arrived = watched
    watch.now()
    assert arrived.wait(10)
    assert len(got) == 1


@pytest.mark.parametrize("error", [ConfigError("bad name"), RuntimeError("odd")])
def test_a_load_that_fails_changes_nothing_and_is_named(watched, caplog, error):
    watch, loader, got, arrived = watched
    loader.error = error
    with caplog.at_level(logging.ERROR):
        watch.now()
        assert loader.failed.wait(10)
        loader.error = None
        watch.now()
        assert arrived.wait(10)
    assert len(got) == 1
    assert "stay as they were" in caplog.text


def test_it_ends(watched):
    watch, loader, _, _ = watched
    watch.stop()
    watch.stop()
    loads = len(loader.before)
    watch.now()
    assert len(loader.before) == loads


def test_the_settings_name_the_folder(folder):
    assert RepertoireLoader(load_settings(flags={"skills.dir": folder}), Household()).folder == folder
    assert os.fspath(RepertoireLoader(load_settings(), Household()).folder).endswith("voicebox/skills")
