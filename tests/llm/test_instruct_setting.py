"""The setting `intent.model` names an instruct model as it names any other."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pytest

from tests.llm import tiny_arch
from voicebox.config import load_settings
from voicebox.llm.instruct_intent import InstructIntentModel
from voicebox.llm.types import OUT_OF_SCOPE
from voicebox.repertoire import RepertoireLoader
from voicebox.routing.reflex import Reflex
from voicebox.skills.state import Household
from voicebox.skills.types import Dialog

DOOR = """\
name = "door"
description = "the front door"
[intents.lock]
examples = ["lock the door", "lock up", "close the door for the night", "is the door locked", "shut the door please"]
replies = ["Locked."]
"""


async def test_the_server_understands_by_an_instruct_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VOICEBOX_MODELS_DIR", str(tmp_path / "models"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "skills").mkdir()
    (tmp_path / "skills" / "door.toml").write_text(DOOR, "utf-8")
    path = tiny_arch.build(tmp_path / "qwen3.gguf", "qwen3", context=2048)
    flags = {"intent.model": path, "skills.dir": tmp_path / "skills", "skills.enabled": ["clock", "door"]}
    repertoire = RepertoireLoader(load_settings(flags=flags), Household()).load()
    model = repertoire.model
    try:
        assert isinstance(model, InstructIntentModel)
        names = {intent.name for intent in repertoire.registry.intents()}
        assert "door.lock" in names
        assert set(model.labels) == names | {OUT_OF_SCOPE}
        # It reads the declarations: no own skill waits for training.
        assert repertoire.untrained == ()
        reflex = Reflex(repertoire.registry, model, repertoire.lexicon)
        found = await reflex.understand("lock the door", dialog=Dialog(), session="a", now=datetime(2026, 3, 4, 10, 30))
        assert found.intent in model.labels
        assert 0 < found.confidence <= 1
    finally:
        model.close()
