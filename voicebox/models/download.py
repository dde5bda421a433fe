"""A resumable HTTP download of a file whose size is known."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import httpx

from voicebox.models.progress import Reporter, SourceError
from voicebox.models.staging import open_partial

__all__ = ["download", "remote_size"]

_TIMEOUT = httpx.Timeout(20.0, connect=2.5)
_ATTEMPTS = 4


class _DroppedError(Exception):
    """The connection ended early; the next attempt goes on from there."""


def download(
    url: str,
    path: Path,
    size: int,
    reporter: Reporter,
    *,
    headers: Mapping[str, str] | None = None,
    retry_wait_s: float = 1.0,
) -> None:
    """Complete `path` to `size` bytes from `url`, from what it already holds on.

    A dropped connection or an overloaded server (429, 5xx) is tried again, with growing waits, until four attempts in
    a row bring nothing; a server that was never there is given up at once, for the sake of the next source. A server
    that cannot continue (no ranges) sends the whole again.

    Raises:
        SourceError: the server refuses, sends another size, or stays away.
        PullStoppedError: the pull was stopped.
        OSError: the disk is full, or not writable.
    """
    failures = 0
    reached = False
    with httpx.Client(timeout=_TIMEOUT, follow_redirects=True) as client:
        while True:
            held = path.stat().st_size if path.exists() else 0
            if held > size:
                path.unlink()
                held = 0
            if held == size:
                return
            try:
                _attempt(client, url, path, held, size, reporter, headers or {})
            except (_DroppedError, httpx.TransportError) as error:
                reached = reached or not isinstance(error, httpx.ConnectError | httpx.ConnectTimeout)
                now = path.stat().st_size if path.exists() else 0
                failures = 0 if now > held else failures + 1
                if failures >= _ATTEMPTS or not reached:
                    raise SourceError(f"the download of {path.name[:12]}… broke off: {_reason(error)}") from error
                reporter.pause(retry_wait_s * 2 ** max(failures - 1, 0))
            except httpx.HTTPError as error:
                raise SourceError(_reason(error)) from error


def remote_size(url: str) -> int:
    """What a server says of a file's size, in bytes.

    Raises:
        SourceError: it refuses, does not say, or is not there.
    """
    try:
        with httpx.Client(timeout=_TIMEOUT, follow_redirects=True) as client:
            response = client.head(url, headers={"Accept-Encoding": "identity"})
    except httpx.HTTPError as error:
        raise SourceError(_reason(error)) from error
    name = response.url.path.rsplit("/", 1)[-1]
    if response.status_code != 200:
        raise SourceError(f"the server answers {response.status_code} for {name}")
    length = response.headers.get("Content-Length", "")
    if not length.isdigit() or int(length) == 0:
        raise SourceError(f"the server does not say how large {name} is")
    return int(length)


def _attempt(
    client: httpx.Client,
    url: str,
    path: Path,
    held: int,
    size: int,
    reporter: Reporter,
    headers: Mapping[str, str],
) -> None:
    ask = {**headers, "Accept-Encoding": "identity"}
    if held:
        ask["Range"] = f"bytes={held}-"
    with client.stream("GET", url, headers=ask) as response:
        status = response.status_code
        if status == 429 or status >= 500:
            raise _DroppedError(f"the server answers {status}")
        if status == 416:
            path.unlink(missing_ok=True)
            raise _DroppedError("the server cannot continue")
        if status not in (200, 206):
            raise SourceError(f"the server answers {status} for {response.url.path.rsplit('/', 1)[-1]}")
        if response.headers.get("Content-Encoding", "identity") != "identity":
            raise SourceError("the server changes the encoding of the file")
        start = _start(response.headers.get("Content-Range", "")) if status == 206 else 0
        if start not in (0, held):
            raise SourceError("the server continues at another place than asked")
        with open_partial(path, keep=start) as file:
            count = start
            # In the pieces in which it arrives: collecting larger ones would lose what a broken connection brought.
            for chunk in response.iter_raw():
                count += len(chunk)
                if count > size:
                    raise SourceError(f"the server sends more than {size:,} bytes")
                file.write(chunk)
                reporter.at(count)
        if count < size:
            raise _DroppedError("the connection ended early")


def _start(content_range: str) -> int:
    """First byte of a `Content-Range: bytes 5-9/10` header, or -1."""
    unit, _, span = content_range.partition(" ")
    first, dash, _ = span.partition("-")
    return int(first) if unit == "bytes" and dash and first.isdigit() else -1


def _reason(error: Exception) -> str:
    return str(error) or type(error).__name__
