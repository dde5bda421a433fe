"""The working folder of one pull: nothing is seen under the model's name before all of it is right."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from voicebox.models.catalog import KnownFile, ModelFile
from voicebox.models.progress import Reporter, SourceError
from voicebox.models.record import Record, write_record
from voicebox.models.verify import sha256_of

__all__ = ["Staging", "open_partial", "pull_lock"]

_LOCK_POLL_S = 0.2


def open_partial(path: Path, *, keep: int) -> IO[bytes]:
    """Open a partial file for appending after its first `keep` bytes; what follows them is cut."""
    file = path.open("r+b" if path.exists() else "w+b")
    file.truncate(keep)
    file.seek(keep)
    return file


class Staging:
    """Files of a model on their way: `<sha256>` is complete and checked, `<key>.<kind>` is partial.

    Finished files are named by content, so that a source goes on where another one failed. The key of a partial file
    is the checksum that it is to have, or of the name of its origin where nobody has said that.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        root.mkdir(parents=True, exist_ok=True)

    def finished(self, file: ModelFile | KnownFile) -> KnownFile | None:
        """The file with its facts, if its checked content is here."""
        known = file.known if isinstance(file, ModelFile) else file
        return known if known is not None and self._done(known.sha256).is_file() else None

    def partial(self, file: ModelFile, kind: str, origin: str = "") -> Path:
        """Where a source of that kind collects the file; `origin` tells files without a checksum apart."""
        key = file.sha256 or hashlib.sha256(f"{origin}/{file.name}".encode()).hexdigest()
        return self.root / f"{key}.{kind}"

    def temporary(self, name: str) -> Path:
        """An empty folder for a source's own use."""
        path = self.root / name
        shutil.rmtree(path, ignore_errors=True)
        path.mkdir(parents=True)
        return path

    def held(self, files: Sequence[ModelFile]) -> int:
        """Bytes of these files that are finished."""
        return sum(done.size for file in files if (done := self.finished(file)) is not None)

    def on_disk(self) -> int:
        """Bytes that the folder takes."""
        return sum(path.stat().st_size for path in self.root.rglob("*") if path.is_file())

    def accept(self, path: Path, file: ModelFile, reporter: Reporter, *, keep: bool = False) -> KnownFile:
        """Check a collected file and make it a finished one; returns what it is.

        A file without a checksum is taken if it is what its name says. A wrong one is deleted, unless `keep`: then it
        is somebody else's, and is copied.

        Raises:
            SourceError: size, checksum or content is wrong.
        """
        actual = path.stat().st_size
        problem = ""
        sha256 = ""
        if file.known is not None and actual != file.size:
            problem = f"{file.name} has {actual:,} bytes instead of {file.size:,}"
        elif file.sha256 is None and (wrong := _content_problem(path, file.name)):
            problem = wrong
        else:
            reporter.begin("verifying")
            seen = 0

            def step(count: int) -> None:
                nonlocal seen
                seen += count
                reporter.at(seen)

            sha256 = sha256_of(path, progress=step)
            if file.sha256 not in (None, sha256):
                problem = f"{file.name} has the wrong checksum"
        if problem:
            if not keep:
                path.unlink()
            raise SourceError(problem)
        if keep:
            path = self._copy(path, sha256)
        os.replace(path, self._done(sha256))
        return KnownFile(file.name, actual, sha256)

    def install(self, record: Record, target: Path) -> None:
        """Put the recorded, finished files in place under their names: the folder appears, or changes, at once."""
        fresh = self.temporary("new")
        write_record(fresh, record)
        taken: set[str] = set()
        for file in record.files:
            if file.sha256 in taken:
                # Two files of the same content.
                shutil.copyfile(
                    next(fresh / f.name for f in record.files if f.sha256 == file.sha256), fresh / file.name
                )
            else:
                os.replace(self._done(file.sha256), fresh / file.name)
                taken.add(file.sha256)
        for path in fresh.iterdir():
            _sync(path)
        if target.exists():
            old = self.root / "old"
            shutil.rmtree(old, ignore_errors=True)
            os.rename(target, old)
            try:
                os.rename(fresh, target)
            except OSError:
                os.rename(old, target)
                raise
        else:
            os.rename(fresh, target)
        _sync(target.parent)
        self.clear()

    def clear(self) -> None:
        """Delete all that is here."""
        shutil.rmtree(self.root, ignore_errors=True)

    def _done(self, sha256: str) -> Path:
        return self.root / sha256

    def _copy(self, path: Path, sha256: str) -> Path:
        copy = self.root / f"{sha256}.copy"
        copy.unlink(missing_ok=True)
        with path.open("rb") as source, open_partial(copy, keep=0) as sink:
            shutil.copyfileobj(source, sink, 1 << 20)
        return copy


def _content_problem(path: Path, name: str) -> str:
    """Why a file cannot be what its name says, such as the error page of a proxy; empty if it may be."""
    if path.stat().st_size == 0:
        return f"{name} is empty"
    with path.open("rb") as file:
        begin = file.read(4)
    if name.endswith(".gguf") and begin != b"GGUF":
        return f"{name} is not a GGUF file"
    if name.endswith(".json"):
        try:
            json.loads(path.read_bytes())
        except ValueError:
            return f"{name} is not JSON"
    if begin.lower() in (b"<!do", b"<htm"):
        return f"{name} is a web page instead of a model's file"
    return ""


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def pull_lock(path: Path, reporter: Reporter) -> Iterator[None]:
    """Hold the pull of one model, against other processes and threads; the lock dies with its holder.

    Raises:
        PullStoppedError: the pull was stopped while it waited.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        waiting = False
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if not waiting:
                    reporter.note(f"Another process pulls {reporter.model}; waiting for it")
                    waiting = True
                reporter.pause(_LOCK_POLL_S)
        yield
