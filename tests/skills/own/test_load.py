from __future__ import annotations

import os
from pathlib import Path

import pytest

from voicebox.errors import ModelError
from voicebox.skills.own.load import load_folder, skills_folder, stamp
from voicebox.skills.own.record import TrainingRecord, fingerprints, read_record, write_record
from voicebox.skills.own.skill import fingerprint

EXAMPLES = Path(__file__).parents[3] / "examples" / "skills"
TEMPLATES = Path(__file__).parents[3] / "voicebox" / "skills" / "own"


def test_the_examples_are_sound():
    own = load_folder(EXAMPLES)
    assert not own.problems
    assert [skill.name for skill in own.skills] == ["bank", "pizza", "restaurant"]


@pytest.mark.parametrize(("template", "name"), [("template.toml", "x.toml"), ("template.py.txt", "x.py")])
def test_the_templates_are_sound(tmp_path, template, name):
    (tmp_path / name).write_text((TEMPLATES / template).read_text("utf-8").replace("@NAME@", "finder"), "utf-8")
    own = load_folder(tmp_path)
    assert not own.problems
    assert [skill.name for skill in own.skills] == ["finder"]


def test_a_folder_that_is_not_there_has_no_skills(tmp_path):
    assert load_folder(tmp_path / "none").skills == ()
    assert stamp(tmp_path / "none") == ()


def test_hidden_files_and_others_are_no_skills(write):
    write(name="snack.toml")
    write("x = ", name="_draft.toml")
    write("x = ", name=".snack.toml")
    folder = write("hello", name="notes.txt").parent
    own = load_folder(folder)
    assert [skill.name for skill in own.skills] == ["snack"]
    assert not own.problems


def test_a_file_with_an_error_costs_its_skill_only(write):
    write(name="snack.toml")
    folder = write("name = ", name="broken.toml").parent
    own = load_folder(folder)
    assert [skill.name for skill in own.skills] == ["snack"]
    assert [problem.file.name for problem in own.errors] == ["broken.toml"]


def test_a_file_that_breaks_keeps_the_skill_as_it_was(write):
    before = load_folder(write().parent)
    (skill,) = before.skills
    path = write("name = ")
    after = load_folder(path.parent, before={skill.path: skill})
    assert after.skills == (skill,)
    assert after.kept == {path}
    assert after.errors


def test_two_files_with_one_name(write):
    write(name="a.toml")
    own = load_folder(write(name="b.toml").parent)
    assert [skill.path.name for skill in own.skills] == ["a.toml"]
    assert "the skill 'snack' is in a.toml too" in str(own.errors[0])


def test_a_change_is_seen(write):
    path = write()
    first = stamp(path.parent)
    os.utime(path, ns=(1, 1))
    assert stamp(path.parent) != first
    second = stamp(path.parent)
    write(name="more.toml")
    assert stamp(path.parent) != second


def test_the_folder_is_where_data_lives(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert skills_folder(None) == tmp_path / "voicebox" / "skills"
    assert skills_folder(Path("mine")) == Path("mine")


def test_training_depends_on_sentences_and_not_on_replies(write):
    def print_of(*changes):
        return fingerprint(load_folder(write(None, *changes).parent).skills[0].intents)

    assert print_of() == print_of(("coming up", "at once"))
    assert print_of() != print_of(("{kind} please", "{kind} now"))
    assert print_of() != print_of(("soup = []", 'soup = ["broth"]'))
    assert print_of() != print_of(("max = 6", "max = 7"))


def test_a_record_says_what_a_model_knows(write, tmp_path):
    skills = load_folder(write().parent).skills
    path = tmp_path / "own" / "record.json"
    assert read_record(path) is None
    path.parent.mkdir()
    for name in ("new.gguf", "old.gguf", "new.npz", "old.npz"):
        (path.parent / name).write_bytes(b"x")
    write_record(path, TrainingRecord("new.npz", "new.gguf", "2", fingerprints(skills), {"rows": []}))
    record = read_record(path)
    assert record.knows(skills[0])
    assert sorted(file.name for file in path.parent.iterdir()) == ["new.gguf", "new.npz", "record.json"]
    changed = load_folder(write(None, ("{kind} please", "{kind} now")).parent).skills
    assert not record.knows(changed[0])


@pytest.mark.parametrize(
    "content", ["", "[]", "{}", '{"model": "../x", "sha256": "", "base": "", "skills": {}, "figures": {}}']
)
def test_a_broken_record_says_how_to_mend_it(tmp_path, content):
    path = tmp_path / "record.json"
    path.write_text(content)
    with pytest.raises(ModelError, match="train"):
        read_record(path)
