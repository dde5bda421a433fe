"""A thread that scores the texts of all sessions together: what every intent model of one pass per text shares."""

from __future__ import annotations

import atexit
import logging
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from voicebox.errors import EngineError
from voicebox.llm.intent_contract import Readout
from voicebox.llm.intent_text import normalize_text
from voicebox.llm.types import IntentScore

__all__ = ["TOGETHER", "QueuedIntentModel", "TextJob"]

_log = logging.getLogger(__name__)

TOGETHER = 16
"""Texts of one step at most."""

Prepared = TypeVar("Prepared")


@dataclass(frozen=True, slots=True, eq=False)
class TextJob(Generic[Prepared]):
    """A text that a session waits for, as the model wants to have it."""

    session: str
    prepared: Prepared
    future: Future[IntentScore]
    began: float


class QueuedIntentModel(ABC, Generic[Prepared]):
    """Implements `IntentModel` but for the computing, which a subclass does in this class's thread.

    What several sessions wait for is computed together. A subclass loads its model, then calls `__init__`, which starts
    the thread.

    Args:
        name: the model's name, for messages.
        readout: how its logits become probabilities.
        max_sessions: texts that may wait at the same time.
    """

    def __init__(self, name: str, readout: Readout, *, max_sessions: int) -> None:
        self._name = name
        self._readout = readout
        self._max_waiting = max(1, max_sessions)
        self._wake = threading.Condition()
        self._waiting: dict[str, TextJob[Prepared]] = {}
        self._running: dict[str, TextJob[Prepared]] = {}
        self._closing = False
        self._thread = threading.Thread(target=self._run, name=f"intent-{name}", daemon=True)
        self._thread.start()
        atexit.register(self.close)

    @property
    def labels(self) -> Sequence[str]:
        """All labels, out of scope included, in the model's order."""
        return self._readout.labels

    @property
    def threshold(self) -> float:
        """P(in scope) from which a text is accepted."""
        return self._readout.threshold

    def score(self, text: str, *, session: str) -> Future[IntentScore]:
        """Score a text; a new call of a session cancels its unfinished one. Cancelling the future drops the job.

        Raises:
            EngineError: the model is closed or has too many jobs.
        """
        began = time.perf_counter()
        job = TextJob(session, self._prepare(normalize_text(text)), Future[IntentScore](), began)
        with self._wake:
            if self._closing:
                raise EngineError(f"The intent model {self._name} is closed")
            older = self._waiting.pop(session, None)
            if older is None and len(self._waiting) >= self._max_waiting:
                raise EngineError(f"The intent model {self._name} has {len(self._waiting)} texts waiting")
            self._waiting[session] = job
            running = self._running.get(session)
            self._wake.notify()
        for old in (older, running):
            if old is not None:
                old.future.cancel()
        return job.future

    def release(self, session: str) -> None:
        """Cancel what the session waits for."""
        with self._wake:
            jobs = (self._waiting.pop(session, None), self._running.get(session))
        for job in jobs:
            if job is not None:
                job.future.cancel()

    def close(self) -> None:
        """Free the model; what waits fails. Idempotent."""
        with self._wake:
            self._closing = True
            self._wake.notify()
        if threading.current_thread() is not self._thread:
            self._thread.join()
        atexit.unregister(self.close)

    @abstractmethod
    def _prepare(self, text: str) -> Prepared:
        """A normalized text as `_compute` wants it; called in the caller's thread."""

    @abstractmethod
    def _compute(self, jobs: Sequence[TextJob[Prepared]]) -> None:
        """Compute texts and hand the results to `_answer`."""

    @abstractmethod
    def _free(self) -> None:
        """Free the model; nothing is computed any more."""

    def _fitting(self, jobs: Sequence[TextJob[Prepared]]) -> int:
        """How many of the first texts fit into one step, at least one."""
        return len(jobs)

    def _answer(
        self, jobs: Sequence[TextJob[Prepared]], logits: NDArray[np.float32], vectors: NDArray[np.float32]
    ) -> None:
        """Finish texts from their logits, shape (n, labels + 1), and vectors, shape (n, width), which they keep."""
        complete = 0.5 * (1.0 + np.tanh(0.5 * logits[:, -1] / self._readout.complete_temperature))
        for index, job in enumerate(jobs):
            if not job.future.set_running_or_notify_cancel():
                continue
            ms = (time.perf_counter() - job.began) * 1000
            try:
                score = self._readout.score(logits[index, :-1], float(complete[index]), ms=ms, vector=vectors[index])
            except EngineError as error:  # this text's alone
                job.future.set_exception(error)
            else:
                job.future.set_result(score)

    def _run(self) -> None:
        try:
            while jobs := self._take():
                try:
                    self._compute(jobs)
                except Exception as error:
                    _log.exception("A step of %s failed", self._name)
                    failure = error if isinstance(error, EngineError) else EngineError(f"The intent model: {error!r}")
                    _fail(jobs, failure)
        finally:
            with self._wake:
                self._closing = True
                left, self._waiting, self._running = list(self._waiting.values()), {}, {}
            _fail(left, EngineError(f"The intent model {self._name} was closed"))
            self._free()

    def _take(self) -> list[TextJob[Prepared]]:
        """The oldest texts that fit into one step, at least one; none when closing."""
        while True:
            with self._wake:
                self._running = {}
                while not (self._waiting or self._closing):
                    self._wake.wait()
                if self._closing:
                    return []
                first = list(self._waiting.values())[:TOGETHER]
                jobs = first[: self._fitting(first)]
                for job in jobs:
                    del self._waiting[job.session]
                jobs = [job for job in jobs if not job.future.cancelled()]
                self._running = {job.session: job for job in jobs}
            if jobs:
                return jobs


def _fail(jobs: Sequence[TextJob[Prepared]], error: EngineError) -> None:
    for job in jobs:
        if not job.future.done() and job.future.set_running_or_notify_cancel():
            job.future.set_exception(error)
