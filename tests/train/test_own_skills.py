from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest

from voicebox.llm.types import OUT_OF_SCOPE, IntentScore
from voicebox.skills.intents import BUILTIN_INTENTS
from voicebox.skills.own.load import load_folder
from voicebox.skills.types import Intent
from voicebox.train.own_skills import (
    Accuracy,
    exam_rows,
    kept_back,
    measure,
    own_rows,
    rehearsal_rows,
)

EXAMPLES = Path(__file__).parents[2] / "examples" / "skills"
OWN = [intent for skill in load_folder(EXAMPLES).skills for intent in skill.intents]
SMALL = Intent("a.b", "do", ("one thing", "two things", "three things", "four", "five", "six of them", "seven"))


def test_one_example_in_six_is_kept_back():
    (most,), (back,) = kept_back([SMALL])
    assert back.examples == ("six of them",)
    assert most.examples == ("one thing", "two things", "three things", "four", "five", "seven")
    few = Intent("a.c", "do", ("x", "y"))
    assert kept_back([few]) == ([few], [])


def test_rows_hold_many_sentences_and_mean_one_thing_each():
    rows = own_rows(OWN, BUILTIN_INTENTS)
    meant: dict[str, set[str]] = {}
    for row in rows:
        meant.setdefault(row.text, set()).add(row.intent)
    assert all(len(intents) == 1 for intents in meant.values())
    for intent in OWN:
        assert len({row.text for row in rows if row.intent == intent.name}) >= 10 * len(intent.examples)
    assert sum(row.intent == OUT_OF_SCOPE for row in rows) >= 200
    assert rows == own_rows(OWN, BUILTIN_INTENTS)


def test_no_row_is_another_skills_sentence():
    taken = Intent("own.time", "tell the time", ("what time is it", "is it late", "say the time", "the hour please"))
    rows = own_rows([taken], BUILTIN_INTENTS)
    assert "what time is it" not in {row.text for row in rows}
    assert "is it late" in {row.text for row in rows}


def test_every_intent_is_rehearsed_and_examined_on_other_sentences():
    rehearsed = rehearsal_rows(BUILTIN_INTENTS)
    assert {row.intent for row in rehearsed} == {intent.name for intent in BUILTIN_INTENTS}
    examined = exam_rows(BUILTIN_INTENTS, each=1)
    known = {row.text for row in rehearsed}
    assert sum(text not in known for text, _ in examined) >= 0.3 * len(examined)


class OneAnswer:
    """Says one label, and accepts texts without an x."""

    labels = ("a.b", OUT_OF_SCOPE)
    threshold = 0.5

    def score(self, text: str, *, session: str) -> Future[IntentScore]:
        future: Future[IntentScore] = Future()
        future.set_result(IntentScore((("a.b", 0.9), (OUT_OF_SCOPE, 0.1)), 0.9, 1.0, "x" not in text, 1.0))
        return future

    def release(self, session: str) -> None: ...

    def close(self) -> None: ...


def test_accuracy_is_by_skill():
    texts = [("one", "a.b"), ("x", "a.b"), ("two", "a.c"), ("x two", OUT_OF_SCOPE), ("three", OUT_OF_SCOPE)]
    assert measure(OneAnswer(), texts) == {"a": Accuracy(1, 3), OUT_OF_SCOPE: Accuracy(1, 2)}
    assert Accuracy(0, 0).share == 1.0


@pytest.mark.timeout(900)
def test_a_trained_model_is_taken_by_the_server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
    require_model: Callable[[str], Path],
) -> None:  # fmt: skip
    pytest.importorskip("torch")
    from voicebox.cli.main import main
    from voicebox.config import load_settings
    from voicebox.llm.examples import ExampleIntentModel
    from voicebox.repertoire import RepertoireLoader
    from voicebox.skills.state import Household

    require_model("voicebox-intent")
    monkeypatch.setenv("VOICEBOX_MODELS_DIR", str(tmp_path / "models"))
    monkeypatch.chdir(tmp_path)
    arguments = ["skills", "train", "--dir", str(EXAMPLES), "--minutes", "0.3", "--threads", "1", "--force", "--json"]
    assert main(arguments) == 0
    rows: list[dict[str, Any]] = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert rows[-1]["taken"]
    assert {row["skill"] for row in rows[:-1]} >= {"pizza", "bank", "restaurant", "timer"}
    loaded = RepertoireLoader(load_settings(flags={"skills.dir": EXAMPLES}), Household()).load()
    try:
        assert loaded.untrained == ()
        assert not isinstance(loaded.model, ExampleIntentModel)
        assert {intent.name for intent in OWN} <= set(loaded.model.labels)
        assert loaded.model.score("i'd like a pepperoni pizza", session="s").result().intent == "pizza.order"
    finally:
        loaded.model.close()
