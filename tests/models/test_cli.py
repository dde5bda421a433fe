from __future__ import annotations

import json
from pathlib import Path

import pytest

from voicebox.cli.main import main

from .conftest import Hub, Index, UseCatalog, content, entry, hub_source

FILES = {"model.gguf": content(1, 10_000)}


@pytest.fixture(autouse=True)
def _models(use_catalog: UseCatalog, hub: Hub, index: Index) -> None:
    use_catalog(
        entry("talking", FILES, hub_source(), main="model.gguf")
        + entry("chatting", FILES, hub_source("org/none")).replace('group = "talk"', 'group = "converse"')
    )
    hub.add("org/repo", "a" * 40, "model.gguf", FILES["model.gguf"])


def rows(capsys: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_pull_verify_list_remove(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "pull", "--default", "--json"]) == 0
    assert rows(capsys) == [
        {"name": "talking", "path": str(home / "talking" / "model.gguf")},
        {"pulled": ["talking"], "failed": []},
    ]
    assert main(["models", "list", "--json"]) == 0
    listed = rows(capsys)
    assert [(row["name"], row["installed"]) for row in listed[:-1]] == [("talking", True), ("chatting", False)]
    assert listed[-1]["installed"] == 1
    assert main(["models", "verify", "--json"]) == 0
    assert rows(capsys)[-1] == {"verified": 1, "wrong": []}
    assert main(["models", "remove", "talking", "--json"]) == 0
    removed = rows(capsys)[-1]
    assert removed["removed"] == ["talking"]
    assert isinstance(removed["freed_bytes"], int)
    assert removed["freed_bytes"] > 10_000, "the record of the pull goes too"


def test_a_model_that_fails_is_one_line_and_the_others_come(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "pull", "chatting", "talking", "--quick"]) == 1
    captured = capsys.readouterr()
    assert captured.err.count("voicebox: ") == 1
    assert "chatting cannot be pulled" in captured.err
    assert str(home / "talking" / "model.gguf") in captured.out
    assert main(["models", "pull", "--all-default", "--json"]) == 1
    assert rows(capsys)[-1] == {"pulled": ["talking"], "failed": ["chatting"]}


def test_damage_is_reported_and_repaired(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "pull", "talking"]) == 0
    (home / "talking" / "model.gguf").write_bytes(bytes(10_000))
    assert main(["models", "verify"]) == 1
    assert "talking: damaged (model.gguf damaged): run `voicebox models pull talking`" in capsys.readouterr().out
    assert main(["models", "pull", "talking"]) == 0
    assert main(["models", "verify", "talking"]) == 0


def test_the_settings_may_name_the_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "voicebox.toml").write_text('[models]\ndir = "elsewhere"\n')
    monkeypatch.chdir(tmp_path)
    assert main(["models", "pull", "talking", "--json"]) == 0
    assert (tmp_path / "elsewhere" / "talking" / "model.gguf").read_bytes() == FILES["model.gguf"]


def test_people_see_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "list"]) == 0
    out = capsys.readouterr().out
    assert "talking" in out
    assert "MIT" in out


@pytest.mark.parametrize(
    "arguments", [["pull"], ["pull", "nobody"], ["verify", "nobody"], ["remove", "nobody"], ["remove", "../talking"]]
)
def test_wrong_names_are_one_line(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", *arguments]) == 1
    captured = capsys.readouterr()
    assert captured.err.count("\n") == 1
    assert captured.err.startswith("voicebox: ")


UNKNOWN = """[[model]]
name = "unknown"
aliases = ["other-name"]
title = "Unknown"
role = "voice"
group = "optional"
licence = "Own Licence"
licence_url = "https://example.com/licence"
languages = ["de-DE"]
main = "voice.onnx"
files = [{ name = "voice.onnx", size = 63201294 }]
[[model.source]]
kind = "hub"
repo = "org/voices"
"""


@pytest.fixture
def unknown(use_catalog: UseCatalog, hub: Hub) -> None:
    use_catalog(entry("talking", FILES, hub_source(), main="model.gguf") + UNKNOWN)
    hub.add("org/voices", hub.main, "voice.onnx", FILES["model.gguf"])


@pytest.mark.usefixtures("unknown")
def test_the_first_pull_of_an_unknown_model_is_said_clearly(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "pull", "other-name"]) == 0
    said = capsys.readouterr().err
    assert "unknown: its licence is Own Licence, https://example.com/licence" in said
    assert "the catalog has no checksum of voice.onnx" in said
    assert "is trusted and recorded: sha256 " in said
    assert main(["models", "verify", "unknown"]) == 0
    assert "unknown: ok (as pulled first, 20" in capsys.readouterr().out
    assert main(["models", "verify", "--json"]) == 0
    row = rows(capsys)[0]
    assert (row["state"], row["first_use"], row["revision"]) == ("ok", True, "0" * 40)
    (home / "unknown" / "pulled.json").unlink()
    assert main(["models", "verify", "unknown"]) == 1
    assert "`voicebox models pull unknown` fetches it anew and records it" in capsys.readouterr().out
    assert main(["models", "pull", "unknown"]) == 0
    assert main(["models", "verify", "unknown"]) == 0


@pytest.mark.usefixtures("unknown")
def test_the_list_filters_and_tells_what_fits(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def names(*arguments: str) -> list[object]:
        assert main(["models", "list", "--json", *arguments]) == 0
        return [row["name"] for row in rows(capsys)[:-1]]

    assert names() == ["talking", "unknown"]
    assert names("--role", "voice") == names("--language", "de") == ["unknown"]
    assert names("--installed") == []
    assert main(["models", "pull", "talking", "--json"]) == 0
    capsys.readouterr()
    assert names("--installed") == ["talking"]
    assert main(["models", "list", "--json"]) == 0
    talking, unknown = rows(capsys)[:-1]
    assert (talking["bytes"], talking["bytes_known"], unknown["bytes_here"]) == (10_000, True, None)
    assert isinstance(talking["bytes_here"], int)
    assert 10_000 < talking["bytes_here"] < 12_000, "the file and the record of the pull"
    monkeypatch.setattr("voicebox.models.store.free_disk", lambda: 1_000_000)
    assert main(["models", "list", "--json", "--role", "voice"]) == 0
    fits = rows(capsys)[0]["fits"]
    assert isinstance(fits, dict)
    assert (fits["ok"], fits["problem"]) == (False, "needs 63 MB of disk, 1 MB free")
    monkeypatch.setenv("COLUMNS", "200")
    assert main(["models", "list"]) == 0
    assert "no: needs 63 MB of disk, 1 MB free" in capsys.readouterr().out


@pytest.mark.parametrize("source", ["index", "/no/such/folder"])
def test_a_source_that_has_nothing_is_one_line(source: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "pull", "talking", "--source", source]) == 1
    assert capsys.readouterr().err.count("voicebox: ") == 1
