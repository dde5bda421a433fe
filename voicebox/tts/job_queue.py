"""The order in which phrases are spoken, and who must give way when too many wait. Not thread-safe: its owner locks."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Hashable
from concurrent.futures import Future
from dataclasses import dataclass, field
from enum import IntEnum

from voicebox.errors import EngineError
from voicebox.tts.types import SpokenPhrase, Stop, Synthesizer
from voicebox.tts.voices import VoiceRef

__all__ = ["Job", "JobQueue", "Priority"]


class Priority(IntEnum):
    """Who comes first."""

    COMMITTED = 0
    SPECULATIVE = 1
    WARM = 2


@dataclass(order=True, slots=True)
class Job:
    """One phrase to speak: `ref` names the voice (None: the server's own), `voice` is that voice once it is loaded,
    `key` is what the audio depends on besides the phrase."""

    priority: Priority
    number: int
    phrase: str = field(compare=False)
    future: Future[SpokenPhrase] = field(compare=False)
    ref: VoiceRef | None = field(compare=False, default=None)
    voice: Synthesizer | None = field(compare=False, default=None)
    speed: float = field(compare=False, default=1.0)
    key: Hashable = field(compare=False, default=None)
    stop: Stop = field(compare=False, default_factory=Stop)

    @property
    def counts(self) -> bool:
        """Whether it takes one of the bounded places; warm-up does not."""
        return self.priority is not Priority.WARM


class JobQueue:
    """Jobs that can be spoken now (committed, speculative, warm-up; first come first served within each), and parked
    ones, whose voice is being loaded.

    Args:
        most: jobs that may wait, warm-up not counted.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._ready: list[Job] = []
        self._parked: list[Job] = []
        self._numbers = itertools.count()

    def __len__(self) -> int:
        """Jobs that can be spoken now, cancelled ones included."""
        return len(self._ready)

    def next_number(self) -> int:
        """For a new job."""
        return next(self._numbers)

    def waiting(self) -> int:
        """Jobs that somebody waits for, warm-up included."""
        return sum(not job.future.cancelled() for job in (*self._ready, *self._parked))

    def push(self, job: Job) -> None:
        """Add a job that can be spoken."""
        heapq.heappush(self._ready, job)

    def park(self, job: Job) -> None:
        """Add a job that cannot be spoken yet."""
        self._parked.append(job)

    def unpark(self, ref: VoiceRef) -> list[Job]:
        """Take out the jobs that waited for this voice's file."""
        out = [job for job in self._parked if job.ref is not None and job.ref.path == ref.path]
        self._parked = [job for job in self._parked if job.ref is None or job.ref.path != ref.path]
        return out

    def pop(self) -> Job:
        """Take out the first job that can be spoken."""
        return heapq.heappop(self._ready)

    def clear(self) -> list[Job]:
        """Take out all."""
        out = [*self._ready, *self._parked]
        self._ready, self._parked = [], []
        return out

    def make_room(self, priority: Priority) -> tuple[Future[SpokenPhrase] | None, int]:
        """Before a push: cancelled jobs are dropped, and if all places are still taken, the newest speculative job
        gives way to a committed one.

        Returns:
            The future of the job that gave way, to be cancelled, or None; and how many cancelled jobs were dropped.

        Raises:
            EngineError: all places are taken.
        """
        if self._taken() < self._most:
            return None, 0
        before = len(self._ready) + len(self._parked)
        self._ready = [job for job in self._ready if not job.future.cancelled()]
        self._parked = [job for job in self._parked if not job.future.cancelled()]
        heapq.heapify(self._ready)
        dropped = before - len(self._ready) - len(self._parked)
        if self._taken() < self._most:
            return None, dropped
        guesses = [job for job in (*self._ready, *self._parked) if job.priority is Priority.SPECULATIVE]
        if priority is not Priority.COMMITTED or not guesses:
            raise EngineError("Too many phrases wait for the voice")
        newest = max(guesses)
        for jobs in (self._ready, self._parked):
            if newest in jobs:
                jobs.remove(newest)
        heapq.heapify(self._ready)
        return newest.future, dropped + 1

    def _taken(self) -> int:
        return sum(job.counts for job in (*self._ready, *self._parked))
