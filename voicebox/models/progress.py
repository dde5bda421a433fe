"""What a pull tells while it runs, and how it is told to stop."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from voicebox.errors import ModelError

__all__ = ["Phase", "Progress", "PullStoppedError", "Reporter", "SourceError"]

Phase = Literal["waiting", "downloading", "verifying", "done"]


class PullStoppedError(ModelError):
    """The pull was told to stop; what it has is kept for the next one."""


class SourceError(ModelError):
    """This source cannot give the model; the next one is tried. A `quiet` one was already told in this process."""

    def __init__(self, message: str, *, cure: str = "", quiet: bool = False) -> None:
        super().__init__(message, cure=cure)
        self.quiet = quiet


@dataclass(frozen=True, slots=True)
class Progress:
    """A moment of a pull, in bytes of the model's files."""

    model: str
    done: int
    total: int
    phase: Phase
    source: str = ""

    @property
    def fraction(self) -> float:
        """Share that is here, 0 to 1."""
        return min(self.done / self.total, 1.0) if self.total else 0.0


class Reporter:
    """Counts bytes for the callback and raises `PullStoppedError` at the first report after the cancel event is set."""

    def __init__(
        self,
        model: str,
        total: int,
        *,
        progress: Callable[[Progress], None] | None = None,
        note: Callable[[str], None] | None = None,
        cancel: threading.Event | None = None,
    ) -> None:
        self.model = model
        self.total = total
        self.source = ""
        self._base = 0
        self._current = 0
        self._told = 0
        self._phase: Phase = "waiting"
        self._progress = progress
        self._note = note
        self._cancel = cancel if cancel is not None else threading.Event()

    def begin(self, phase: Phase, *, done: int | None = None, source: str | None = None) -> None:
        """Enter a phase, with `done` bytes of finished files before it."""
        self._phase = phase
        self._current = 0
        if done is not None:
            self._base = done
        if source is not None:
            self.source = source
            self._told = 0
        self._tell()

    def at(self, current: int) -> None:
        """The file in hand has `current` bytes."""
        self._current = current
        self._tell()

    def note(self, line: str) -> None:
        """One line for people."""
        if self._note is not None:
            self._note(line)

    def pause(self, seconds: float) -> None:
        """Wait, unless cancelled.

        Raises:
            PullStoppedError: the pull is to stop.
        """
        self._cancel.wait(seconds)
        self.check()

    def check(self) -> None:
        """Raise if the pull is to stop.

        Raises:
            PullStoppedError: the pull is to stop.
        """
        if self._cancel.is_set():
            raise PullStoppedError(
                f"The pull of {self.model} was stopped", cure="What is here is kept for the next one."
            )

    def _tell(self) -> None:
        self.check()
        if self._progress is not None:
            # A wheel comes before its members are counted, and verifying counts again: never go back within a source.
            self._told = max(self._told, min(self._base + self._current, self.total))
            done = self._told
            self._progress(Progress(self.model, done, self.total, self._phase, self.source))
