from __future__ import annotations

from pathlib import Path

import pytest

from voicebox.errors import ModelError
from voicebox.models import store

from .conftest import UseCatalog, entry, hub_source

FILES = {"m.gguf": b"weights", "card.json": b"{}"}
SHIPPED = """[[model]]
name = "own"
title = "Own"
role = "intent"
group = "talk"
licence = "MIT"
languages = ["en"]
shipped = "own.gguf"
"""


@pytest.fixture(autouse=True)
def _catalog(use_catalog: UseCatalog) -> None:
    use_catalog(entry("with-main", FILES, hub_source(), main="m.gguf") + entry("folder", FILES, hub_source()) + SHIPPED)


def put(folder: Path, files: dict[str, bytes]) -> None:
    folder.mkdir(parents=True)
    for name, data in files.items():
        (folder / name).write_bytes(data)


def test_the_directory_is_the_setting_or_the_users_data_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert store.models_dir() == tmp_path / "store"
    monkeypatch.delenv("VOICEBOX_MODELS_DIR")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    assert store.models_dir() == tmp_path / "data" / "voicebox" / "models"
    monkeypatch.setenv("XDG_DATA_HOME", "relative/is/ignored")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert store.models_dir() == tmp_path / ".local" / "share" / "voicebox" / "models"


def test_a_name_becomes_the_main_file_or_the_folder(home: Path) -> None:
    put(home / "with-main", FILES)
    put(home / "folder", FILES)
    assert store.locate("with-main") == home / "with-main" / "m.gguf"
    assert store.locate("folder") == home / "folder"
    assert store.installed("folder")


@pytest.mark.parametrize("broken", [{"m.gguf": b"weight"}, {"m.gguf": b"weights and more", "card.json": b"{}"}])
def test_what_is_incomplete_is_not_installed(home: Path, broken: dict[str, bytes]) -> None:
    put(home / "folder", broken)
    assert not store.installed("folder")
    with pytest.raises(ModelError, match="incomplete or damaged") as caught:
        store.locate("folder")
    assert "models pull folder" in caught.value.cure


def test_what_is_not_here_names_the_command(home: Path) -> None:
    with pytest.raises(ModelError, match="not here yet") as caught:
        store.locate("folder")
    assert "models pull folder" in caught.value.cure


def test_a_shipped_model_is_found_beside_the_catalog(tmp_path: Path) -> None:
    assert not store.installed("own")
    with pytest.raises(ModelError, match="ships with voicebox"):
        store.locate("own")
    (tmp_path / "shipped" / "own.gguf").write_bytes(b"GGUF")
    assert store.locate("own") == tmp_path / "shipped" / "own.gguf"
    with pytest.raises(ModelError, match="cannot be removed"):
        store.remove("own")


def test_a_path_does_wherever_a_name_does(tmp_path: Path) -> None:
    own = tmp_path / "mine.gguf"
    own.write_bytes(b"GGUF")
    assert store.locate(str(own)) == own
    assert store.locate(own) == own
    assert store.locate(tmp_path) == tmp_path


def test_an_own_folder_in_the_models_directory_has_a_name(home: Path) -> None:
    put(home / "mine", {"x.gguf": b"GGUF"})
    put(home / "two", {"x.gguf": b"GGUF", "y.gguf": b"GGUF"})
    assert store.locate("mine") == home / "mine" / "x.gguf"
    assert store.locate("two") == home / "two"


@pytest.mark.parametrize(
    ("name", "says"),
    [("foldr", "Did you mean folder"), ("no/such/file.gguf", "Check the path"), ("", "list"), (".pull", "list")],
)
def test_what_does_not_exist_says_what_to_do(home: Path, name: str, says: str) -> None:
    (home / ".pull").mkdir(parents=True)
    with pytest.raises(ModelError) as caught:
        store.locate(name)
    assert says in caught.value.cure


def test_remove_deletes_the_model_and_an_interrupted_pull(home: Path) -> None:
    put(home / "folder", FILES)
    put(home / ".pull" / "folder", {"half": b"123"})
    assert store.remove("folder") == sum(map(len, FILES.values())) + 3
    assert not (home / "folder").exists()
    assert not (home / ".pull" / "folder").exists()
    assert store.remove("folder") == 0
