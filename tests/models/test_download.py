from __future__ import annotations

import errno
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import IO

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

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


class _Trouble(Server):
    """Each answer fails in its own way, until the list is empty."""

    def __init__(self) -> None:
        super().__init__()
        self.plan: list[tuple[str, int]] = []

    def answer(self, handler: BaseHTTPRequestHandler, *, body: bool) -> None:
        kind, number = self.plan.pop(0) if self.plan else ("whole", 0)
        self.ranges = kind != "no ranges"
        self.statuses = [number] if kind == "status" else []
        self.drop_after = [number] if kind in ("drop", "no ranges") else []
        super().answer(handler, body=body)


TROUBLE = st.one_of(
    st.tuples(st.just("drop"), st.integers(0, 50_000)),
    st.tuples(st.just("no ranges"), st.integers(0, 50_000)),
    st.tuples(st.just("status"), st.sampled_from([416, 429, 500, 503])),
)


@pytest.fixture
def trouble() -> Iterator[_Trouble]:
    server = _Trouble()
    yield server
    server.close()


@given(plan=st.lists(TROUBLE, max_size=8), held=st.integers(0, 60_000))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_goes_wrong_the_file_is_whole_or_there_is_an_error(
    trouble: _Trouble, tmp_path: Path, plan: list[tuple[str, int]], held: int
) -> None:
    data = DATA[:50_000]
    path = tmp_path / "f"
    path.write_bytes((data + b"too much" * 2_000)[:held])
    trouble.files["/f"] = data
    trouble.plan = list(plan)
    try:
        download(f"{trouble.url}/f", path, len(data), Reporter("m", len(data)), retry_wait_s=0.0)
    except SourceError:
        assert len(plan) >= 4, "four attempts in a row brought nothing"
        held_now = path.read_bytes() if path.exists() else b""
        assert data.startswith(held_now) or held_now == (data + b"too much" * 2_000)[:held]
    else:
        assert path.read_bytes() == data
