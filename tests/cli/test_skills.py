from __future__ import annotations

import importlib.util
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from voicebox.cli.main import main

EXAMPLES = Path(__file__).parents[2] / "examples" / "skills"

Run = Callable[..., tuple[int, list[dict[str, Any]]]]


@pytest.fixture
def run(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """A `voicebox skills` command on an empty data folder: exit code and printed rows."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    monkeypatch.setenv("VOICEBOX_MODELS_DIR", str(tmp_path / "models"))
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> tuple[int, list[dict[str, Any]]]:
        code = main(["skills", *arguments, "--json"])
        return code, [json.loads(line) for line in capsys.readouterr().out.splitlines()]

    return run


def test_list_has_all_skills(run: Run) -> None:
    code, rows = run("list", "--dir", str(EXAMPLES))
    assert code == 0
    states = {row["skill"]: row["state"] for row in rows[:-1]}
    assert states["timer"] == "built in"
    assert states["pizza"] == "by its examples"
    bank = next(row for row in rows[:-1] if row["skill"] == "bank")
    assert bank["intents"] == ["bank.balance", "bank.recent", "bank.transfer"]
    assert bank["file"].endswith("bank.py")
    assert rows[-1]["own"] == 3
    assert rows[-1]["trained"] == rows[-1]["errors"] == 0


def test_list_without_own_skills_names_the_folder(run: Run, tmp_path: Path) -> None:
    code, rows = run("list")
    assert (code, rows[-1]["own"]) == (0, 0)
    assert rows[-1]["directory"] == str(tmp_path / "voicebox" / "skills")


@pytest.mark.parametrize(("flags", "suffix"), [((), ".toml"), (("--python",), ".py")])
def test_what_new_writes_passes_the_check(run: Run, tmp_path: Path, flags: tuple[str, ...], suffix: str) -> None:
    code, (row,) = run("new", "finder", *flags)
    path = Path(row["file"])
    assert code == 0
    assert path == tmp_path / "voicebox" / "skills" / f"finder{suffix}"
    code, rows = run("check", "--no-model")
    assert (code, rows) == (0, [{"skills": 1, "errors": 0, "warnings": 0}])


@pytest.mark.parametrize("name", ["timer", "Finder", "two words", "../up"])
def test_new_refuses_names(run: Run, name: str, tmp_path: Path) -> None:
    assert run("new", name) == (2, [])
    assert not (tmp_path / "voicebox" / "skills").exists()


def test_new_does_not_overwrite(run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run("new", "finder")
    path = tmp_path / "voicebox" / "skills" / "finder.toml"
    path.write_text("mine", "utf-8")
    assert main(["skills", "new", "finder", "--python"]) == 2
    assert "finder.toml is there already" in capsys.readouterr().err
    assert path.read_text("utf-8") == "mine"


def test_check_names_file_line_and_cure(run: Run, tmp_path: Path) -> None:
    text = (EXAMPLES / "pizza.toml").read_text("utf-8")
    path = tmp_path / "pizza.toml"
    path.write_text(text.replace('ask = "Which pizza', 'aks = "Which pizza'), "utf-8")
    code, rows = run("check", str(path), "--no-model")
    assert code == 1
    assert rows[0] == {
        "file": str(path),
        "line": 8,
        "level": "error",
        "message": "unknown key 'aks' in the slot 'kind'",
        "cure": "Did you mean 'ask'?",
    }
    assert rows[-1] == {"skills": 0, "errors": 1, "warnings": 0}


def test_check_shows_sentences_that_others_have(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "kitchen.toml"
    path.write_text(
        'name = "kitchen"\ndescription = "time the oven"\n[slots.span]\ntype = "duration"\n[intents.oven]\n'
        'examples = ["heat the oven for {span}", "oven on", "bake it", "start the oven",\n  "set a timer for {span}"]\n'
        'replies = ["Okay."]\n',
        "utf-8",
    )
    code, rows = run("check", str(path), "--no-model")
    assert code == 1
    (problem, _) = rows
    assert problem["line"] == 7
    assert problem["message"] == (
        "'set a timer for {span}' is a sentence of timer.set too ('set a timer for {duration}')"
    )


def test_check_of_a_file_that_is_not_there(run: Run, tmp_path: Path) -> None:
    code, rows = run("check", str(tmp_path / "none.toml"), "--no-model")
    assert code == 1
    assert "cannot be read" in rows[0]["message"]


@pytest.mark.models
def test_check_asks_the_model(run: Run, require_model: Callable[[str], Path], tmp_path: Path) -> None:
    require_model("voicebox-intent")
    path = tmp_path / "egg.toml"
    sentences = ["a new timer of {span}", "i want a timer of {span} now", "please set my egg timer for {span} now",
                 "start my timer for {span} please", "timer {span} now please"]  # fmt: skip
    path.write_text(
        'name = "egg"\ndescription = "boil eggs"\n[slots.span]\ntype = "duration"\n[intents.boil]\n'
        f'examples = {json.dumps(sentences)}\nreplies = ["Okay."]\n',
        "utf-8",
    )
    code, rows = run("check", str(path))
    assert code == 0
    assert any("of timer.set is taken for egg.boil" in row["message"] for row in rows[:-1])
    assert all(row["level"] == "warning" for row in rows[:-1])
    code, (summary,) = run("check", str(path), "--no-model")
    assert (code, summary["warnings"]) == (0, 0)


def test_train_needs_skills(
    run: Run, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert main(["skills", "train"]) == 2
    assert "There are no skills in" in capsys.readouterr().err
    (tmp_path / "bad.toml").write_text("name =", "utf-8")
    assert main(["skills", "train", "--dir", str(tmp_path)]) == 2
    assert "bad.toml:1: it is not valid TOML" in capsys.readouterr().err
    monkeypatch.setattr("voicebox.cli.skills_train.require_training_libraries", lambda: None)
    assert main(["skills", "train", "--tune", "-1"]) == 2
    assert "--tune -1.0 is not from" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ("", "has no rows"),
        ('{"text": "pizza"}\n', "Line 1 of"),
        ('\n{"text": "pizza", "intent": "pizza.eat"}\n', "Line 2 of"),
    ],
)
def test_train_refuses_rows_to_measure_with(
    run: Run, capsys: pytest.CaptureFixture[str], tmp_path: Path, rows: str, said: str
) -> None:
    file = tmp_path / "rows.jsonl"
    file.write_text(rows, "utf-8")
    assert main(["skills", "train", "--dir", str(EXAMPLES), "--test", str(file)]) == 2
    assert said in capsys.readouterr().err


def test_tuning_needs_its_libraries(
    run: Run, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    real = importlib.util.find_spec
    monkeypatch.setattr("importlib.util.find_spec", lambda name, *more: None if name == "torch" else real(name, *more))
    assert main(["skills", "train", "--tune", "1"]) == 1
    assert "pip install 'voicebox[train]'" in capsys.readouterr().err


@pytest.mark.models
def test_what_is_trained_is_taken(run: Run, require_model: Callable[[str], Path], tmp_path: Path) -> None:
    require_model("voicebox-intent")
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "pizza.toml").write_text((EXAMPLES / "pizza.toml").read_text("utf-8"), "utf-8")
    test = tmp_path / "rows.jsonl"
    test.write_text(
        '{"text": "could i get a pepperoni pizza", "intent": "pizza.order"}\n'
        '{"text": "how many people live in china", "intent": "oos"}\n',
        "utf-8",
    )
    code, rows = run("train", "--dir", str(folder), "--test", str(test))
    assert code == 0
    summary = rows[-1]
    assert summary["taken"]
    assert summary["own_after"] == 1.0
    assert summary["builtin_after"] >= summary["builtin_before"] - 0.005
    by_skill = {(row["skill"], row["measured_on"]): row for row in rows[:-1]}
    assert by_skill["timer", "built in"]["n"] > 50
    assert by_skill["pizza", "kept back"]["after"] > 0.5
    _, listed = run("list", "--dir", str(folder))
    assert next(row["state"] for row in listed if row.get("skill") == "pizza") == "trained"
    changed = (folder / "pizza.toml").read_text("utf-8").replace("track my pizza", "follow my pizza")
    (folder / "pizza.toml").write_text(changed, "utf-8")
    _, listed = run("list", "--dir", str(folder))
    assert next(row["state"] for row in listed if row.get("skill") == "pizza") == "by its examples"
