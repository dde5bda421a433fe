from __future__ import annotations

from pathlib import Path

import pytest

from voicebox.errors import ModelError
from voicebox.models import fit, layout
from voicebox.models.hardware import Hardware
from voicebox.models.layout import EngineRole, check_role, locate_for

from .conftest import UseCatalog, entry, hub_source

GGUF = b"GGUF and the rest"


def put(folder: Path, *names: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / name).write_bytes(GGUF if name.endswith(".gguf") else b"x")
    return folder


@pytest.fixture(autouse=True)
def _models(use_catalog: UseCatalog, home: Path) -> None:
    use_catalog(entry("chat", {"chat.gguf": GGUF}, hub_source(), main="chat.gguf"))
    put(home / "chat", "chat.gguf")


def test_a_name_is_looked_up_and_its_role_is_checked(home: Path) -> None:
    assert locate_for("small", "chat") == home / "chat" / "chat.gguf"
    assert locate_for("intent", "chat") == home / "chat" / "chat.gguf", "an instruct model can judge intents too"
    with pytest.raises(ModelError, match="chat is an instruct model, not a recogniser") as caught:
        locate_for("stt", "chat")
    assert "models list --role stt" in caught.value.cure
    (home / "chat" / "chat.gguf").unlink()
    check_role("small", "chat")
    with pytest.raises(ModelError, match="not a recogniser"):
        check_role("stt", "chat")


def test_a_path_that_is_a_name_is_a_name_unless_something_is_there(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert locate_for("intent", Path("chat")) == home / "chat" / "chat.gguf"
    put(tmp_path / "chat", "mine.gguf")
    assert locate_for("small", Path("chat")) == Path("chat/mine.gguf")
    assert locate_for("small", "chat") == home / "chat" / "chat.gguf"


def test_own_files_and_folders(tmp_path: Path) -> None:
    whisper = put(tmp_path / "whisper", "model.bin", "config.json", "tokenizer.json", "vocabulary.txt")
    assert locate_for("stt", str(whisper)) == whisper
    assert locate_for("stt", whisper / "model.bin") == whisper
    gguf = put(tmp_path / "gguf", "m.gguf", "README.md")
    assert locate_for("small", gguf) == gguf / "m.gguf"
    split = put(tmp_path / "split", "m-00001-of-00002.gguf", "m-00002-of-00002.gguf")
    assert locate_for("small", split) == split / "m-00001-of-00002.gguf"
    assert locate_for("intent", gguf) == gguf, "an intent model may be a folder of several files"


@pytest.mark.parametrize(
    ("role", "files", "says"),
    [
        ("stt", ["readme.txt"], "it has no model.bin"),
        ("stt", ["model.safetensors", "config.json"], "it has model.safetensors instead of model.bin"),
        ("stt", ["model.bin"], "has no config.json"),
        ("stt", ["model.bin", "config.json"], "has no tokenizer.json"),
        ("stt", ["model.bin", "config.json", "tokenizer.json"], "has no vocabulary.json or vocabulary.txt"),
        ("small", ["readme.txt"], "holds no GGUF file"),
        ("small", ["model.safetensors"], "convert_hf_to_gguf.py"),
        ("small", ["a.gguf", "b.gguf"], r"several models \(a.gguf, b.gguf\)"),
    ],
)
def test_a_folder_that_is_not_such_a_model(tmp_path: Path, role: EngineRole, files: list[str], says: str) -> None:
    with pytest.raises(ModelError, match=says):
        locate_for(role, put(tmp_path / "mine", *files))


@pytest.mark.parametrize(
    ("role", "name", "says"),
    [
        ("stt", "whisper.pt", "a recogniser is a folder"),
        ("small", "model.bin", "is not a GGUF file"),
        ("intent", "model.bin", "is not a GGUF file"),
    ],
)
def test_a_file_that_is_not_such_a_model(tmp_path: Path, role: EngineRole, name: str, says: str) -> None:
    with pytest.raises(ModelError, match=says):
        locate_for(role, put(tmp_path / "mine", name) / name)


def test_a_path_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no model file or folder"):
        locate_for("small", str(tmp_path / "none.gguf"))


def test_an_instruct_model_larger_than_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = put(tmp_path / "mine", "m.gguf") / "m.gguf"
    with path.open("r+b") as file:
        file.truncate(200 * 2**20)
    small = Hardware("", 1, 1, (), 100, 100, 0.0, 0)
    monkeypatch.setattr(layout, "check_memory", lambda path: fit.check_memory(path, lambda: small))
    with pytest.raises(ModelError, match="more than the 100 MB of memory"):
        locate_for("small", path)
