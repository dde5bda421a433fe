"""Jobs of many sessions onto one recogniser: one thread, the urgent first, like with like."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from math import inf

from voicebox.errors import EngineError
from voicebox.stt.languages import SpokenLanguages
from voicebox.stt.types import SAMPLE_RATE, Clip, Hypothesis, Priority, Recognizer

__all__ = ["BatcherStats", "SttBatcher"]

_RECENT = 512
_LOAD_WINDOW_S = 2.0
_BUCKET_S = 1.0
_ALL, _EXPRESS = "all", "express"


@dataclass(frozen=True, slots=True)
class BatcherStats:
    """What a batcher did: totals since its start, and its last jobs and passes for percentiles.

    `replaced` counts partials that gave way to newer jobs, `cancelled` those that their sessions gave up, `wait_ms` is
    per job, `decode_ms` and `batch_sizes` are per pass.
    """

    waiting: int
    submitted: int
    completed: int
    failed: int
    replaced: int
    cancelled: int
    wait_ms: tuple[float, ...]
    decode_ms: tuple[float, ...]
    batch_sizes: tuple[int, ...]


@dataclass(eq=False, slots=True)
class _Job:
    clip: Clip
    session: str
    priority: Priority
    deadline_s: float
    number: int
    submitted_s: float
    future: Future[Hypothesis] = field(default_factory=Future)

    @property
    def urgency(self) -> tuple[int, float, int]:
        return self.priority, self.deadline_s, self.number

    def goes_with(self, other: _Job) -> bool:
        """Whether the two can share a pass at no one's cost: a final does not carry partials along."""
        return (
            self.priority == other.priority
            and self.clip.beam == other.clip.beam
            and self.clip.prompt == other.clip.prompt
            and abs(len(self.clip.audio) - len(other.clip.audio)) <= _BUCKET_S * SAMPLE_RATE
        )


class SttBatcher:
    """One recogniser for all sessions (a `Transcriber`). Its methods may be called from any thread.

    Finals go before pause decodes before partials before recordings, and within these the earliest deadline first.
    Jobs of equal priority, prompt and like length share a pass. A pass is never interrupted, so passes of partials are
    kept short, and those of recordings have one job; with `express` a second thread takes finals and pause decodes
    alone, so that they wait for no partial.

    Args:
        recognizer: called from the batcher's own thread; with `express` from two at a time.
        max_waiting: jobs that may wait; beyond, partials give way, and then submitting fails.
        max_batch: finals or pause decodes in one pass.
        max_partials: partials in one pass.
        express: whether to have the second thread; it needs a core of its own to be of use.
        patience_s: since its submission a final or pause decode that is doubtful may be decoded once more for so long,
            unless others wait.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        recognizer: Recognizer,
        *,
        max_waiting: int = 256,
        max_batch: int = 8,
        max_partials: int = 4,
        express: bool = False,
        patience_s: float = 0.45,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._recognizer = recognizer
        self._max_waiting = max_waiting
        self._max_batch = max_batch
        self._sizes = {Priority.PARTIAL: max_partials, Priority.BACKGROUND: 1}
        self._patience_s = patience_s
        self._languages = SpokenLanguages()
        self._clock = clock
        self._changed = threading.Condition()
        self._waiting: list[_Job] = []
        self._closed = False
        self._number = 0
        self._completed = self._failed = self._replaced = self._cancelled = 0
        self._waits: deque[float] = deque(maxlen=_RECENT)
        self._passes: deque[tuple[float, int]] = deque(maxlen=_RECENT)
        self._busy: deque[tuple[float, float]] = deque()
        self._began: dict[str, float] = {}
        names = [_ALL, _EXPRESS] if express else [_ALL]
        self._threads = [
            threading.Thread(target=self._serve, args=(name,), name=f"stt-{recognizer.name}-{name}", daemon=True)
            for name in names
        ]
        for thread in self._threads:
            thread.start()

    @property
    def name(self) -> str:
        """The recogniser's name in the catalog."""
        return self._recognizer.name

    @property
    def load(self) -> float:
        """Share of the last two seconds (0 to 1) in which the recogniser was busy, the mean of its threads."""
        with self._changed:
            now = self._clock()
            begin = now - _LOAD_WINDOW_S
            spans = [*self._busy, *((began, now) for began in self._began.values())]
            busy_s = sum(max(0.0, end - max(start, begin)) for start, end in spans)
            return min(1.0, busy_s / _LOAD_WINDOW_S / len(self._threads))

    @property
    def busy(self) -> bool:
        """Whether a decode runs or waits now."""
        with self._changed:
            return bool(self._began or self._waiting)

    @property
    def waiting_s(self) -> float:
        """For how long the oldest pause or final has been waiting; partials give way, and recordings to them."""
        with self._changed:
            began = [job.submitted_s for job in self._waiting if job.priority < Priority.PARTIAL]
            return self._clock() - min(began) if began else 0.0

    @property
    def stats(self) -> BatcherStats:
        """A snapshot for metrics."""
        with self._changed:
            return BatcherStats(
                waiting=len(self._waiting),
                submitted=self._number,
                completed=self._completed,
                failed=self._failed,
                replaced=self._replaced,
                cancelled=self._cancelled,
                wait_ms=tuple(self._waits),
                decode_ms=tuple(ms for ms, _ in self._passes),
                batch_sizes=tuple(size for _, size in self._passes),
            )

    def submit(
        self, clip: Clip, *, session: str, priority: Priority, deadline_s: float | None = None
    ) -> Future[Hypothesis]:
        """Queue a clip; `deadline_s` is on the monotonic clock and orders jobs of equal priority.

        Any newer job of a session cancels the partial of it that still waits. Cancelling a waiting future removes the
        job. What the recogniser raises for a clip reaches its future alone.

        Raises:
            EngineError: the batcher is closed, or full of jobs that are more urgent.
        """
        with self._changed:
            if self._closed:
                raise EngineError(f"The recogniser {self.name} is closed")
            given_up = [j for j in self._waiting if j.session == session and j.priority == Priority.PARTIAL]
            if len(self._waiting) - len(given_up) >= self._max_waiting:
                given_up += self._evict(priority, given_up)
            job = _Job(clip, session, priority, inf if deadline_s is None else deadline_s, self._number, self._clock())
            self._number += 1
            self._replaced += len(given_up)
            self._waiting = [j for j in self._waiting if j not in given_up]
            self._waiting.append(job)
            self._changed.notify_all()
        # Outside the lock: callbacks of a future are foreign code.
        for old in given_up:
            old.future.cancel()
        job.future.add_done_callback(lambda future: self._forget(job) if future.cancelled() else None)
        return job.future

    def close(self, *, drain: bool = True, timeout_s: float | None = None) -> None:
        """Take no more jobs and end the threads once all that wait are done; without `drain` they are cancelled."""
        with self._changed:
            self._closed = True
            dropped, self._waiting = ([], self._waiting) if drain else (self._waiting, [])
            self._cancelled += len(dropped)
            self._changed.notify_all()
        for job in dropped:
            job.future.cancel()
        for thread in self._threads:
            if thread is not threading.current_thread():
                thread.join(timeout_s)

    def _evict(self, priority: Priority, given_up: Sequence[_Job]) -> list[_Job]:
        """The partial that makes room for a more urgent job: the oldest of those due last."""
        partials = [j for j in self._waiting if j.priority == Priority.PARTIAL and j not in given_up]
        if priority >= Priority.PARTIAL or not partials:
            raise EngineError(
                f"The recogniser {self.name} has {len(self._waiting)} jobs waiting", cure="Open fewer sessions."
            )
        return [min(partials, key=lambda j: (-j.deadline_s, j.number))]

    def _forget(self, job: _Job) -> None:
        with self._changed:
            if job in self._waiting:
                self._waiting.remove(job)
                self._cancelled += 1

    def _serve(self, thread: str) -> None:
        while batch := self._next(thread):
            self._decode(batch, thread)

    def _next(self, thread: str) -> list[_Job]:
        """The next pass of a thread; empty when the batcher is closed and drained."""
        with self._changed:
            while True:
                open_to = [job for job in self._waiting if thread == _ALL or job.priority < Priority.PARTIAL]
                if not open_to:
                    if self._closed:
                        return []
                    self._changed.wait()
                    continue
                head = min(open_to, key=lambda job: job.urgency)
                size = self._sizes.get(head.priority, self._max_batch)
                batch = [job for job in sorted(open_to, key=lambda job: job.urgency) if job.goes_with(head)][:size]
                self._waiting = [job for job in self._waiting if job not in batch]
                running = [job for job in batch if job.future.set_running_or_notify_cancel()]
                self._cancelled += len(batch) - len(running)
                if running:
                    began = self._began[thread] = self._clock()
                    self._waits.extend((began - job.submitted_s) * 1000 for job in running)
                    return running

    def _decode(self, batch: Sequence[_Job], thread: str) -> None:
        outcomes = self._outcomes(batch)
        with self._changed:
            now, began = self._clock(), self._began.pop(thread)
            self._busy.append((began, now))
            self._passes.append(((now - began) * 1000, len(batch)))
            while self._busy and self._busy[0][1] < now - _LOAD_WINDOW_S:
                self._busy.popleft()
            failures = sum(isinstance(outcome, Exception) for outcome in outcomes)
            self._failed += failures
            self._completed += len(batch) - failures
        for job, outcome in zip(batch, outcomes, strict=True):
            if not isinstance(outcome, Exception) and job.priority < Priority.PARTIAL:
                self._languages.heard(job.session, outcome)
            if isinstance(outcome, Exception):
                job.future.set_exception(outcome)
            else:
                job.future.set_result(outcome)

    def _clip(self, job: _Job) -> Clip:
        """The clip with what the batcher knows: the session's language, and until when a final may take."""
        with self._changed:
            alone = not any(other.priority < Priority.PARTIAL for other in self._waiting)
        retry = alone and job.priority < Priority.PARTIAL and job.clip.retry_until_s is None
        return replace(
            job.clip,
            language=job.clip.language or self._languages.of(job.session),
            retry_until_s=job.submitted_s + self._patience_s if retry else job.clip.retry_until_s,
        )

    def _outcomes(self, batch: Sequence[_Job]) -> Sequence[Hypothesis | Exception]:
        try:
            hypotheses = self._recognizer.decode([self._clip(job) for job in batch])
            if len(hypotheses) != len(batch):
                raise EngineError(f"{self.name} gave {len(hypotheses)} hypotheses for {len(batch)} clips")
        except Exception as error:
            if len(batch) == 1:
                return [error]
            # One bad clip must not fail its neighbours.
            return [outcome for job in batch for outcome in self._outcomes([job])]
        return hypotheses
