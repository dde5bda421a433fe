"""Models without checksums in the catalog: what the first pull brings is recorded, and is what counts from then on."""

from __future__ import annotations

import json
import re
import shutil
import threading
from pathlib import Path

import pytest

from voicebox.errors import ModelError
from voicebox.models.catalog import KnownFile
from voicebox.models.progress import Progress, PullStoppedError
from voicebox.models.pull import pull
from voicebox.models.record import RECORD_NAME, read_record
from voicebox.models.store import installed, locate, remove
from voicebox.models.verify import verify

from .conftest import Hub, Server, UseCatalog, content, digest

NOW = "1" * 40
LATER = "2" * 40
FILES = {"config.json": b'{"layers": 2}', "model.bin": content(1, 400_000)}
GGUF = b"GGUF" + content(2, 300_000)

MODELS = """
[[model]]
name = "m"
title = "Unknown"
role = "stt"
group = "optional"
licence = "MIT"
languages = ["en"]
parameters_m = 0.2
files = [{ name = "config.json" }, { name = "model.bin", size = 1000 }]
[[model.source]]
kind = "hub"
repo = "org/repo"

[[model]]
name = "g"
title = "Unknown, one file"
role = "small"
group = "optional"
licence = "MIT"
languages = ["en"]
main = "g.gguf"
files = [{ name = "g.gguf" }]
[[model.source]]
kind = "hub"
repo = "org/gguf"
"""


@pytest.fixture(autouse=True)
def _models(use_catalog: UseCatalog, hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    use_catalog(MODELS)
    hub.main = NOW
    hub.small_at_once = True
    put(hub, NOW)
    monkeypatch.setattr("voicebox.models.progress.Reporter.pause", lambda self, _s: self.check())


def put(hub: Hub, commit: str, files: dict[str, bytes] = FILES) -> None:
    for name, data in files.items():
        hub.add("org/repo", commit, name, data)
    hub.add("org/gguf", commit, "g.gguf", GGUF)


def test_the_first_pull_records_what_came_and_says_so(home: Path, hub: Hub) -> None:
    notes: list[str] = []
    assert not installed("m")
    assert pull("m", note=notes.append) == home / "m"
    record = read_record(home / "m")
    assert record is not None
    assert (record.source, record.revision, record.first_use) == ("org/repo on the Hugging Face hub", NOW, True)
    assert set(record.files) == {KnownFile(name, len(data), digest(data)) for name, data in FILES.items()}
    assert re.fullmatch(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00", record.pulled)
    assert notes == [
        f"m: the catalog has no checksum of {name}; what came from org/repo on the Hugging Face hub is trusted and"
        f" recorded: sha256 {digest(data)}"
        for name, data in FILES.items()
    ]
    assert installed("m")
    assert verify("m").ok
    assert {path.name: path.read_bytes() for path in (home / "m").iterdir() if path.name != RECORD_NAME} == FILES


def test_progress_counts_the_real_sizes(hub: Hub) -> None:
    seen: list[Progress] = []
    pull("m", progress=seen.append)
    total = sum(map(len, FILES.values()))
    assert (seen[-1].done, seen[-1].total) == (total, total)


def test_all_files_come_from_one_commit_even_if_the_branch_moves_on(home: Path, hub: Hub) -> None:
    put(hub, LATER, {"config.json": b'{"layers": 9}', "model.bin": content(9, 300_000)})
    answer = hub.answer

    def moves(handler: object, *, body: bool) -> None:
        answer(handler, body=body)  # type: ignore[arg-type]
        hub.main = LATER

    hub.answer = moves  # type: ignore[method-assign]
    pull("m")
    assert (home / "m" / "model.bin").read_bytes() == FILES["model.bin"]
    assert (home / "m" / "config.json").read_bytes() == FILES["config.json"]


def test_a_repair_brings_what_was_recorded_although_the_branch_moved_on(home: Path, hub: Hub) -> None:
    pull("m")
    hub.main = LATER
    put(hub, LATER, {"config.json": b'{"layers": 9}', "model.bin": content(9, 300_000)})
    (home / "m" / "model.bin").write_bytes(bytes(400_000))
    assert dict(verify("m").files) == {"config.json": "ok", "model.bin": "damaged"}
    notes: list[str] = []
    pull("m", check="sha256", note=notes.append)
    assert (home / "m" / "model.bin").read_bytes() == FILES["model.bin"]
    record = read_record(home / "m")
    assert record is not None
    assert (record.revision, record.first_use) == (NOW, True)
    assert notes == ["m: model.bin is damaged and comes again"], "nothing is trusted anew"


def test_another_content_than_the_recorded_one_is_refused_until_it_is_forgotten(home: Path, hub: Hub) -> None:
    pull("m")
    evil = bytes(reversed(FILES["model.bin"]))
    put(hub, NOW, {**FILES, "model.bin": evil})
    (home / "m" / "model.bin").unlink()
    assert not installed("m")
    with pytest.raises(ModelError, match=r"it carries another model\.bin \(by its checksum\)") as caught:
        pull("m")
    assert "`voicebox models remove m` forgets what the first pull recorded." in caught.value.cure
    assert not (home / "m" / "model.bin").exists()
    remove("m")
    pull("m")
    assert (home / "m" / "model.bin").read_bytes() == evil


def test_a_truncated_file_is_not_installed(home: Path, hub: Hub) -> None:
    pull("g")
    path = locate("g")
    path.write_bytes(GGUF[:1000])
    assert not installed("g")
    assert dict(verify("g").files) == {"g.gguf": "truncated"}
    with pytest.raises(ModelError, match="incomplete or damaged"):
        locate("g")


def test_what_the_hub_states_of_a_large_file_is_compared_with_what_comes(home: Path, hub: Hub) -> None:
    hub.etag = "f" * 64
    with pytest.raises(ModelError, match=r"g\.gguf has the wrong checksum"):
        pull("g")
    assert not (home / "g").exists()


def test_a_hub_that_states_no_size(home: Path, hub: Hub) -> None:
    hub.stated_size = False
    with pytest.raises(ModelError, match=r"it does not say how large g\.gguf is"):
        pull("g")


def test_dropped_connections_are_continued(home: Path, hub: Hub) -> None:
    hub.drop_after = [100_000, 50_000]
    pull("g")
    assert locate("g").read_bytes() == GGUF
    requests = zip(hub.requests, hub.asked, strict=True)
    starts = [headers.get("Range") for (method, path), headers in requests if method == "GET" and "/cdn/" in path]
    assert starts == [None, "bytes=100000-", "bytes=150000-"]


def test_files_without_a_record_are_unknown_and_a_pull_records_them(home: Path, hub: Hub) -> None:
    (home / "g").mkdir(parents=True)
    (home / "g" / "g.gguf").write_bytes(GGUF)
    assert installed("g"), "somebody put them there"
    result = verify("g")
    assert (result.state, result.ok, result.files) == ("unknown", False, (("g.gguf", "unknown"),))
    pull("g", check="sha256")
    assert verify("g").ok


@pytest.mark.parametrize("text", ["", "{}", '{"version": 2}', '{"version": 1, "files": [{"name": "g.gguf"}]}', "[1]"])
def test_a_damaged_record_is_no_record(home: Path, hub: Hub, text: str) -> None:
    pull("g")
    (home / "g" / RECORD_NAME).write_text(text)
    assert read_record(home / "g") is None
    assert verify("g").state == "unknown"


def test_the_record_of_another_model_does_not_count(home: Path, hub: Hub) -> None:
    pull("g")
    record = home / "g" / RECORD_NAME
    record.write_text(json.dumps({**json.loads(record.read_text()), "model": "other"}))
    assert verify("g").state == "unknown"


def test_an_own_file_and_an_own_address(home: Path, hub: Hub, server: Server, tmp_path: Path) -> None:
    own = tmp_path / "own.gguf"
    own.write_bytes(GGUF)
    pull("g", source=str(own))
    assert locate("g").read_bytes() == GGUF
    remove("g")
    server.files["/any/name.gguf"] = GGUF
    pull("g", source=f"{server.url}/any/name.gguf")
    record = read_record(home / "g")
    assert record is not None
    assert (record.source, record.revision) == (f"{server.url}/any/name.gguf", None)
    assert record.files == (KnownFile("g.gguf", len(GGUF), digest(GGUF)),)
    assert hub.requests == []


@pytest.mark.parametrize(
    ("served", "says"),
    [(b"<html>log in first</html>", "is not a GGUF file"), (b"GGU", "is not a GGUF file")],
)
def test_what_is_not_what_its_name_says_is_not_trusted(
    home: Path, hub: Hub, server: Server, served: bytes, says: str
) -> None:
    server.files["/g/g.gguf"] = served
    with pytest.raises(ModelError, match=says):
        pull("g", source=server.url)
    assert not (home / "g").exists()


@pytest.mark.parametrize(
    ("name", "served", "says"),
    [
        ("config.json", b"<!DOCTYPE html>", "config.json is not JSON"),
        ("model.bin", b"<!DOCTYPE html> log in", "model.bin is a web page"),
        ("model.bin", b"", "model.bin is empty"),
    ],
)
def test_what_is_not_what_its_name_says_in_an_own_folder(
    home: Path, hub: Hub, tmp_path: Path, name: str, served: bytes, says: str
) -> None:
    for file, data in {**FILES, name: served}.items():
        (tmp_path / file).write_bytes(data)
    with pytest.raises(ModelError, match=re.escape(says)):
        pull("m", source=str(tmp_path))
    assert not (home / "m").exists()
    assert (tmp_path / name).read_bytes() == served


def test_an_address_that_does_not_state_a_size_or_has_nothing(hub: Hub, server: Server) -> None:
    with pytest.raises(ModelError, match=r"answers 404 for g\.gguf"):
        pull("g", source=server.url)
    server.files["/g/g.gguf"] = b""
    with pytest.raises(ModelError, match=r"does not say how large g\.gguf is"):
        pull("g", source=server.url)


def test_two_files_of_the_same_content(home: Path, hub: Hub) -> None:
    put(hub, NOW, {"config.json": b'{"a": 1}', "model.bin": b'{"a": 1}'})
    pull("m")
    assert (home / "m" / "config.json").read_bytes() == (home / "m" / "model.bin").read_bytes() == b'{"a": 1}'
    assert verify("m").ok


def test_an_interrupted_first_pull_is_resumed_by_the_next(home: Path, hub: Hub) -> None:
    stop = threading.Event()

    def after_some(now: Progress) -> None:
        if now.done > 100_000:
            stop.set()

    with pytest.raises(PullStoppedError):
        pull("g", progress=after_some, cancel=stop)
    assert not (home / "g").exists()
    held = (home / ".pull" / "g" / f"{digest(GGUF)}.http").stat().st_size
    hub.asked.clear()
    pull("g")
    assert locate("g").read_bytes() == GGUF
    assert f"bytes={held}-" in [headers.get("Range") for headers in hub.asked]


def test_a_disk_too_small_for_what_the_hub_states(home: Path, hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    free = (32 << 20) + 100_000
    monkeypatch.setattr(
        "voicebox.models.pull.shutil.disk_usage", lambda _p: shutil._ntuple_diskusage(10**9, 10**9 - free, free)
    )
    with pytest.raises(ModelError, match="The disk is full: g needs more room") as caught:
        pull("g")
    assert "VOICEBOX_MODELS_DIR" in caught.value.cure
    assert not any(method == "GET" for method, _ in hub.requests)


def test_the_second_source_is_for_other_file_names(home: Path, hub: Hub, use_catalog: UseCatalog) -> None:
    use_catalog(
        MODELS.partition('[[model]]\nname = "g"')[0].replace('"config.json"', '"vocabulary.json"')
        + '[[model.source]]\nkind = "hub"\nrepo = "org/repo"\n'
        + 'files = [{ name = "vocabulary.txt" }, { name = "model.bin" }]\n'
    )
    hub.add("org/repo", NOW, "vocabulary.txt", b"a\nb\n")
    notes: list[str] = []
    pull("m", note=notes.append)
    assert notes[0] == (
        "m: Hugging Face hub: it answers 404 for vocabulary.json; trying the Hugging Face hub, other files"
    )
    assert {path.name for path in (home / "m").iterdir()} == {"vocabulary.txt", "model.bin", RECORD_NAME}
    assert verify("m").ok
