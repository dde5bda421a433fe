"""Pull models while the server already serves."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Literal

from voicebox.errors import VoiceboxError
from voicebox.models.catalog import catalog
from voicebox.models.progress import Progress, PullStoppedError
from voicebox.models.pull import pull

__all__ = ["BackgroundPull", "PullStatus"]

logger = logging.getLogger(__name__)

_LOG_STEP = 0.1


@dataclass(frozen=True, slots=True)
class PullStatus:
    """Where a background pull stands; `fraction` is over all its models, by bytes."""

    state: Literal["idle", "pulling", "done", "failed", "stopped"] = "idle"
    model: str | None = None
    fraction: float = 0.0
    done_bytes: int = 0
    total_bytes: int = 0
    source: str = ""
    error: str | None = None


class BackgroundPull:
    """Pulls models one after the other in a thread of its own.

    `on_ready` is called in that thread with each model's name and what an engine opens, as soon as it is here; what
    it raises ends in the log and in the status, and the next model is pulled all the same. With `retry_s`, models
    that failed are tried again after that many seconds, until they are here or `stop` is called.
    """

    def __init__(
        self,
        names: Sequence[str],
        *,
        on_ready: Callable[[str, Path], None] | None = None,
        retry_s: float | None = None,
    ) -> None:
        self._names = tuple(names)
        self._sizes = {name: catalog().get(name).size for name in names}
        self._on_ready = on_ready
        self._retry_s = retry_s
        self._cancel = threading.Event()
        self._lock = threading.Lock()
        self._status = PullStatus(total_bytes=sum(self._sizes.values()))
        self._next_log = 0.0
        self._thread = threading.Thread(target=self._run, name="model-pull", daemon=True)

    def start(self) -> None:
        """Begin. May be called once."""
        self._thread.start()

    def stop(self, timeout_s: float = 5.0) -> None:
        """Stop and wait for the thread; what is half here is kept for the next start."""
        self._cancel.set()
        if self._thread.ident is not None:
            self._thread.join(timeout_s)

    def join(self, timeout_s: float | None = None) -> None:
        """Wait until all is pulled or given up."""
        self._thread.join(timeout_s)

    @property
    def status(self) -> PullStatus:
        """A snapshot; may be read from any thread."""
        with self._lock:
            return self._status

    def _run(self) -> None:
        waiting = list(self._names)
        ready: set[str] = set()
        while True:
            error = self._round(waiting, ready)
            waiting = [name for name in waiting if name not in ready]
            if self._cancel.is_set():
                self._set(state="stopped", model=None)
                return
            if error is None:
                self._set(state="done", model=None, error=None)
                return
            self._set(state="failed", model=None, error=error)
            if not waiting or self._retry_s is None or self._cancel.wait(self._retry_s):
                return

    def _round(self, names: Sequence[str], ready: set[str]) -> str | None:
        """Try each model once; returns the last error."""
        problem: str | None = None
        for name in names:
            before = sum(self._sizes[done] for done in ready)
            self._next_log = 0.0
            self._set(state="pulling", model=name, error=problem)
            try:
                path = pull(name, progress=partial(self._tell, before), note=logger.info, cancel=self._cancel)
                ready.add(name)
                logger.info("Model %s is ready", name)
                if self._on_ready is not None:
                    self._on_ready(name, path)
            except PullStoppedError:
                return problem
            except VoiceboxError as error:
                problem = str(error)
                logger.warning("%s", error)
            except Exception as error:
                # The thread is the last to hear of it: the status says it, and the server lives on.
                problem = f"{name}: {error}"
                logger.exception("Pulling %s failed", name)
        return problem

    def _tell(self, before: int, now: Progress) -> None:
        total = self._status.total_bytes
        done = min(before + now.done, total)
        self._set(done_bytes=done, fraction=done / total if total else 1.0, source=now.source)
        if now.phase == "downloading" and now.fraction >= self._next_log:
            logger.info("Pulling %s: %.0f %% of %.0f MB", now.model, 100 * now.fraction, now.total / 1e6)
            self._next_log = now.fraction + _LOG_STEP

    def _set(self, **changes: object) -> None:
        with self._lock:
            self._status = replace(self._status, **changes)  # type: ignore[arg-type]
