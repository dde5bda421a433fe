from __future__ import annotations

import logging
import os
from pathlib import Path

import pytest

from voicebox.llm.prompt_cache import PromptCache, cache_dir, prompt_key


def only_file(folder: Path) -> Path:
    (file,) = folder.iterdir()
    return file


def test_entries_come_back(tmp_path: Path) -> None:
    cache = PromptCache(tmp_path / "new" / "folder")
    assert cache.get("a") is None
    cache.put("a", b"one")
    cache.put("b", b"")
    assert (cache.get("a"), cache.get("b")) == (b"one", b"")
    cache.put("a", b"two")
    assert PromptCache(cache.folder).get("a") == b"two"
    cache.drop("a")
    cache.drop("a")
    assert cache.get("a") is None


@pytest.mark.parametrize("damage", [lambda data: data[:-1], lambda data: data[:10], lambda _: b"", lambda d: d + b"x"])
def test_damaged_entries_are_reported_and_deleted(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, damage: object
) -> None:
    assert callable(damage)
    cache = PromptCache(tmp_path)
    cache.put("a", b"content" * 100)
    file = only_file(tmp_path)
    file.write_bytes(damage(file.read_bytes()))
    assert cache.get("a") is None
    assert "is damaged" in caplog.text
    assert not file.exists()


def test_a_flipped_bit_is_noticed(tmp_path: Path) -> None:
    cache = PromptCache(tmp_path)
    cache.put("a", bytes(200))
    file = only_file(tmp_path)
    content = file.read_bytes()
    for position in range(0, len(content), 7):
        file.write_bytes(content[:position] + bytes([content[position] ^ 1]) + content[position + 1 :])
        assert cache.get("a") is None
        cache.put("a", bytes(200))


def test_the_oldest_entries_make_room(tmp_path: Path) -> None:
    cache = PromptCache(tmp_path, max_entries=2)
    for age, key in ((30, "old"), (20, "used"), (10, "new")):
        cache.put(key, b"x")
        os.utime(tmp_path / f"{key}.prompt", (1e9 - age, 1e9 - age))
        if key == "used":
            assert cache.get("old")
            os.utime(tmp_path / "old.prompt", (1e9 - 30, 1e9 - 30))
    cache.put("newest", b"x")
    assert cache.get("old") is None
    assert {path.stem for path in tmp_path.iterdir()} == {"new", "newest"}


def test_what_cannot_be_written_is_a_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").write_text("not a folder")
    cache = PromptCache(tmp_path / "file")
    with caplog.at_level(logging.WARNING):
        cache.put("a", b"x")
    assert "cannot be kept" in caplog.text
    assert cache.get("a") is None


def test_an_unreadable_entry_is_a_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "a.prompt").mkdir()
    assert PromptCache(tmp_path).get("a") is None
    assert "cannot be read" in caplog.text


def test_keys_tell_models_tokens_and_kinds_apart(tmp_path: Path) -> None:
    first, second = tmp_path / "a.gguf", tmp_path / "b.gguf"
    for path in (first, second):
        path.write_bytes(b"weights")
        os.utime(path, (1e9, 1e9))
    key = prompt_key("kv", first, [1, 2])
    assert key == prompt_key("kv", first, [1, 2])
    others = [
        prompt_key("kv", second, [1, 2]),
        prompt_key("kv", first, [12]),
        prompt_key("fit", first, [1, 2]),
        prompt_key("kv", first, [1, 2], "more"),
    ]
    os.utime(first, (1e9 + 1, 1e9 + 1))
    others.append(prompt_key("kv", first, [1, 2]))
    assert len({key, *others}) == 6


def test_the_folder_is_the_users_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_dir() == tmp_path / "voicebox" / "prompts"
    for value in ("", "relative"):
        monkeypatch.setenv("XDG_CACHE_HOME", value)
        assert cache_dir() == Path.home() / ".cache" / "voicebox" / "prompts"
