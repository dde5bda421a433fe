"""Recordings of sessions on disk: one file each, written by a thread, so that no session waits for the disk."""

from __future__ import annotations

import logging
import os
import queue
import re
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from voicebox.errors import ConfigError

__all__ = ["Journal", "Recording"]

_log = logging.getLogger(__name__)

_MAX_WAITING = 20_000
"""Lines that may wait for the disk; a recording that finds no room ends there, for one with holes is worth nothing."""


class Recording:
    """One session's file; lines are written soon after they are given. Safe from any thread."""

    def __init__(self, journal: Journal, path: Path) -> None:
        self.path = path
        self._journal = journal
        self._stopped = False

    def write(self, line: str) -> None:
        """Take a line, without its end."""
        if not self._stopped and not self._journal._put(self, line):
            self._stop("the disk is too slow")

    def close(self) -> None:
        """Nothing more comes."""
        self._journal._put(self, None)
        self._stopped = True

    def _stop(self, reason: str) -> None:
        _log.warning("The recording %s ends early: %s", self.path, reason)
        if not self._stopped:
            self._stopped = True
            self._journal._put(self, None)


class Journal:
    """The recordings of one process, in a folder that only its owner may read.

    Args:
        folder: made if it is missing.

    Raises:
        ConfigError: the folder cannot be made or written to.
    """

    def __init__(self, folder: Path) -> None:
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as error:
            raise ConfigError(
                f"The folder for recordings, {folder}, cannot be made: {error.strerror}",
                cure="Choose another conversation.record_dir",
            ) from None
        if not os.access(folder, os.W_OK | os.X_OK):
            raise ConfigError(
                f"The folder for recordings, {folder}, cannot be written to",
                cure="Choose another conversation.record_dir",
            )
        self._folder = folder
        self._queue: queue.SimpleQueue[tuple[Recording, str | None] | None] = queue.SimpleQueue()
        self._files: dict[Recording, BinaryIO] = {}
        self._failed: set[Recording] = set()
        """Those whose lines are thrown away until their end comes."""
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="journal", daemon=True)
        self._thread.start()

    def open(self, session: str) -> Recording:
        """A new recording; its name is when it began and the session's name."""
        began = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
        return Recording(self, self._folder / f"{began}-{re.sub(r'[^A-Za-z0-9_-]', '_', session)}.jsonl")

    def close(self) -> None:
        """Write what waits, and end. Idempotent."""
        if not self._closed:
            self._closed = True
            self._queue.put(None)
            self._thread.join()

    def _put(self, recording: Recording, line: str | None) -> bool:
        """Queue a line (None: the end); False where too many wait."""
        if line is not None and self._queue.qsize() >= _MAX_WAITING:
            return False
        self._queue.put((recording, line))
        return True

    def _run(self) -> None:
        while (item := self._queue.get()) is not None:
            recording, line = item
            try:
                self._write(recording, line)
            except OSError as error:
                self._files.pop(recording, None)
                self._failed.add(recording)
                recording._stop(str(error))
        for file in self._files.values():
            file.close()

    def _write(self, recording: Recording, line: str | None) -> None:
        if line is None:
            self._failed.discard(recording)
            if (file := self._files.pop(recording, None)) is not None:
                file.close()
            return
        if recording in self._failed:
            return
        if recording not in self._files:
            descriptor = os.open(recording.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            self._files[recording] = os.fdopen(descriptor, "wb")
        file = self._files[recording]
        file.write(line.encode("utf-8", "replace") + b"\n")
        if self._queue.empty():
            file.flush()
