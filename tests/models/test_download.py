from __future__ import annotations

import errno
import threading
from pathlib import Path
from typing import IO

import pytest

from voicebox.models import download as download_module
from voicebox.models.download import download
from voicebox.models.progress import Progress, PullStoppedError, Reporter, SourceError

from .conftest import Server, content

DATA = content(1, 1_000_000)


@pytest.fixture
def reporter() -> Reporter:
    return Reporter("m", len(DATA))


def get(server: Server, path: Path, reporter: Reporter) -> None:
    server.files.setdefault("/f", DATA)
    download(f"{server.url}/f", path, len(DATA), reporter, retry_wait_s=0.0)


def test_a_whole_file(server: Server, tmp_path: Path) -> None:
    seen: list[Progress] = []
    reporter = Reporter("m", len(DATA), progress=seen.append)
    get(server, tmp_path / "f", reporter)
    assert (tmp_path / "f").read_bytes() == DATA
    assert seen[-1].fraction == 1.0
    assert [step.done for step in seen] == sorted(step.done for step in seen)


def test_it_goes_on_from_what_is_here(server: Server, tmp_path: Path, reporter: Reporter) -> None:
    (tmp_path / "f").write_bytes(DATA[:400_000])
    get(server, tmp_path / "f", reporter)
    assert (tmp_path / "f").read_bytes() == DATA
    get(server, tmp_path / "f", reporter)
    assert server.count("GET", "/f") == 1


def test_dropped_connections_are_continued(server: Server, tmp_path: Path, reporter: Reporter) -> None:
    server.drop_after = [300_000, 1, 200_000]
    get(server, tmp_path / "f", reporter)
    assert (tmp_path / "f").read_bytes() == DATA
    assert server.count("GET", "/f") == 4


def test_a_server_without_ranges_sends_it_again(server: Server, tmp_path: Path, reporter: Reporter) -> None:
    server.ranges = False
    server.drop_after = [300_000]
    get(server, tmp_path / "f", reporter)
    assert (tmp_path / "f").read_bytes() == DATA


def test_an_overloaded_server_is_asked_again(server: Server, tmp_path: Path, reporter: Reporter) -> None:
    server.statuses = [503, 429]
    get(server, tmp_path / "f", reporter)
    assert (tmp_path / "f").read_bytes() == DATA


def test_a_refused_range_starts_anew(server: Server, tmp_path: Path, reporter: Reporter) -> None:
    (tmp_path / "f").write_bytes(DATA[:10])
    server.statuses = [416]
    get(server, tmp_path / "f", reporter)
    assert (tmp_path / "f").read_bytes() == DATA


def test_it_gives_up_when_nothing_comes(server: Server, tmp_path: Path, reporter: Reporter) -> None:
    server.statuses = [503] * 20
    with pytest.raises(SourceError, match="503"):
        get(server, tmp_path / "f", reporter)
    assert server.count("GET", "/f") == 4


def test_a_refusal_is_final(server: Server, tmp_path: Path, reporter: Reporter) -> None:
    server.statuses = [404]
    with pytest.raises(SourceError, match="404"):
        get(server, tmp_path / "f", reporter)
    assert server.count("GET", "/f") == 1


def test_more_than_the_catalog_says_is_refused(server: Server, tmp_path: Path, reporter: Reporter) -> None:
    server.files["/f"] = DATA + DATA
    with pytest.raises(SourceError, match="more than"):
        get(server, tmp_path / "f", reporter)
    assert not (tmp_path / "f").exists() or (tmp_path / "f").stat().st_size <= len(DATA)


def test_another_encoding_is_refused(server: Server, tmp_path: Path, reporter: Reporter) -> None:
    server.headers = {"Content-Encoding": "gzip"}
    with pytest.raises(SourceError, match="encoding"):
        get(server, tmp_path / "f", reporter)


def test_a_wrong_place_to_continue_is_refused(server: Server, tmp_path: Path, reporter: Reporter) -> None:
    (tmp_path / "f").write_bytes(DATA[:10])
    server.headers = {"Content-Range": "bytes 7-9/10"}
    with pytest.raises(SourceError, match="another place"):
        get(server, tmp_path / "f", reporter)
    assert (tmp_path / "f").read_bytes() == DATA[:10]


def test_nobody_there(tmp_path: Path, reporter: Reporter) -> None:
    gone = Server()
    gone.close()
    with pytest.raises(SourceError, match="broke off"):
        get(gone, tmp_path / "f", reporter)


def test_a_stop_keeps_what_came(server: Server, tmp_path: Path) -> None:
    stop = threading.Event()

    def after_some(now: Progress) -> None:
        if now.done >= 300_000:
            stop.set()

    with pytest.raises(PullStoppedError):
        get(server, tmp_path / "f", Reporter("m", len(DATA), progress=after_some, cancel=stop))
    held = (tmp_path / "f").read_bytes()
    assert 300_000 <= len(held) < len(DATA)
    assert DATA.startswith(held)


def test_a_full_disk_is_not_tried_again(
    server: Server, tmp_path: Path, reporter: Reporter, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, *, keep: int) -> IO[bytes]:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(download_module, "open_partial", full)
    with pytest.raises(OSError, match="No space"):
        get(server, tmp_path / "f", reporter)
    assert server.count("GET", "/f") == 1
