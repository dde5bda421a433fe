"""The working folder of one pull: nothing is seen under the model's name before all of it is right."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from voicebox.models.catalog import ModelFile
from voicebox.models.progress import Reporter, SourceError
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
    """Files of a model on their way: `<sha256>` is complete and checked, `<sha256>.<kind>` is partial.

    Finished files are named by content, so that a source goes on where another one failed.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        root.mkdir(parents=True, exist_ok=True)

    def finished(self, file: ModelFile) -> bool:
        """Whether the checked content is here."""
        return self._done(file).is_file()

    def partial(self, file: ModelFile, kind: str) -> Path:
        """Where a source of that kind collects the file."""
        return self.root / f"{file.sha256}.{kind}"

    def temporary(self, name: str) -> Path:
        """An empty folder for a source's own use."""
        path = self.root / name
        shutil.rmtree(path, ignore_errors=True)
        path.mkdir(parents=True)
        return path

    def held(self, files: Sequence[ModelFile]) -> int:
        """Bytes of these files that are finished."""
        return sum(file.size for file in files if self.finished(file))

    def on_disk(self) -> int:
        """Bytes that the folder takes."""
        return sum(path.stat().st_size for path in self.root.rglob("*") if path.is_file())

    def accept(self, path: Path, file: ModelFile, reporter: Reporter, *, keep: bool = False) -> None:
        """Check a collected file and make it a finished one. A wrong one is deleted, unless `keep`: then it is
        somebody else's, and is linked or copied.

        Raises:
            SourceError: size or checksum is wrong.
        """
        actual = path.stat().st_size
        problem = ""
        if actual != file.size:
            problem = f"{file.name} has {actual:,} bytes instead of {file.size:,}"
        else:
            reporter.begin("verifying")
            seen = 0

            def step(count: int) -> None:
                nonlocal seen
                seen += count
                reporter.at(seen)

            if sha256_of(path, progress=step) != file.sha256:
                problem = f"{file.name} has the wrong checksum"
        if problem:
            if not keep:
                path.unlink()
            raise SourceError(problem)
        if keep:
            path = self._copy(path, file)
        os.replace(path, self._done(file))

    def install(self, files: Sequence[ModelFile], target: Path) -> None:
        """Put the finished files in place under their names: the folder appears, or changes, at once."""
        fresh = self.temporary("new")
        for file in files:
            os.replace(self._done(file), fresh / file.name)
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

    def _done(self, file: ModelFile) -> Path:
        return self.root / file.sha256

    def _copy(self, path: Path, file: ModelFile) -> Path:
        copy = self.partial(file, "copy")
        copy.unlink(missing_ok=True)
        with path.open("rb") as source, open_partial(copy, keep=0) as sink:
            shutil.copyfileobj(source, sink, 1 << 20)
        return copy


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
