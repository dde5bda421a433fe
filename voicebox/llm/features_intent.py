"""An intent model on the features of public models: vectors by llama.cpp, one matrix for the rest."""

from __future__ import annotations

import atexit
import logging
import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from voicebox.errors import EngineError, ModelError
from voicebox.llm.features import FeatureModel
from voicebox.llm.features_file import FeatureFile, joined
from voicebox.llm.intent_contract import CURE
from voicebox.llm.intent_text import normalize_text
from voicebox.llm.types import IntentScore

__all__ = ["FeatureIntentModel"]

_log = logging.getLogger(__name__)
_TOGETHER = 16
"""Texts of one step at most."""


@dataclass(frozen=True, slots=True)
class _Job:
    session: str
    text: str
    future: Future[IntentScore]
    began: float


class FeatureIntentModel:
    """A model that `voicebox train intent --base` wrote (see `features_file.py`), implementing `IntentModel`.

    What several sessions wait for is computed together; a text that nobody waits for any more is dropped before the
    next base. A text longer than 96 tokens is judged by its last words.

    Args:
        path: the GGUF file or the folder.
        max_sessions: texts that may wait at the same time.
        threads: threads of a decode; keep 1 unless nothing else runs on the machine.

    Raises:
        ModelError: it is missing, damaged, not such a model, or its head does not fit its bases.
    """

    def __init__(self, path: Path, *, max_sessions: int = 64, threads: int = 1) -> None:
        self._path = path
        self._file = FeatureFile.read(path)
        self._bases: list[FeatureModel] = []
        try:
            for base, file in zip(self._file.bases, self._file.files(path), strict=True):
                self._bases.append(FeatureModel(file, threads=threads))
                if self._bases[-1].width != base.width:
                    raise ModelError(
                        f"{file} gives vectors of {self._bases[-1].width} numbers, "
                        f"the head of {path} wants {base.width}",
                        cure=CURE,
                    )
        except BaseException:
            self._free()
            raise
        self._max_waiting = max(1, max_sessions)
        self._wake = threading.Condition()
        self._waiting: dict[str, _Job] = {}
        self._running: dict[str, _Job] = {}
        self._closing = False
        self._thread = threading.Thread(target=self._run, name=f"intent-{path.stem}", daemon=True)
        self._thread.start()
        atexit.register(self.close)

    @property
    def labels(self) -> Sequence[str]:
        """All labels, out of scope included, in the model's order."""
        return self._file.readout.labels

    @property
    def threshold(self) -> float:
        """P(in scope) from which a text is accepted."""
        return self._file.readout.threshold

    def score(self, text: str, *, session: str) -> Future[IntentScore]:
        """Score a text; a new call of a session cancels its unfinished one. Cancelling the future drops the job.

        Raises:
            EngineError: the model is closed or has too many jobs.
        """
        job = _Job(session, normalize_text(text), Future(), time.perf_counter())
        with self._wake:
            if self._closing:
                raise EngineError(f"The intent model {self._path.name} is closed")
            older = self._waiting.pop(session, None)
            if older is None and len(self._waiting) >= self._max_waiting:
                raise EngineError(f"The intent model {self._path.name} has {len(self._waiting)} texts waiting")
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

    def _run(self) -> None:
        try:
            while jobs := self._take():
                try:
                    self._score(jobs)
                except Exception as error:
                    _log.exception("A step of %s failed", self._path.name)
                    failure = error if isinstance(error, EngineError) else EngineError(f"The intent model: {error!r}")
                    self._fail(jobs, failure)
        finally:
            with self._wake:
                self._closing = True
                left, self._waiting, self._running = list(self._waiting.values()), {}, {}
            self._fail(left, EngineError(f"The intent model {self._path.name} was closed"))
            self._free()

    def _take(self) -> list[_Job]:
        """The oldest texts, at least one; none when closing."""
        while True:
            with self._wake:
                self._running = {}
                while not (self._waiting or self._closing):
                    self._wake.wait()
                if self._closing:
                    return []
                first = list(self._waiting)[:_TOGETHER]
                jobs = [self._waiting.pop(session) for session in first]
                jobs = [job for job in jobs if not job.future.cancelled()]
                self._running = {job.session: job for job in jobs}
            if jobs:
                return jobs

    def _score(self, jobs: Sequence[_Job]) -> None:
        live = list(jobs)
        parts: list[NDArray[np.float32]] = []
        for base in self._bases:
            kept = [index for index, job in enumerate(live) if not job.future.cancelled()]
            live = [live[index] for index in kept]
            if not live:
                return
            parts = [part[kept] for part in parts]
            parts.append(base.encode([job.text for job in live]))
        vectors = joined(parts)
        logits = self._file.logits(vectors)
        heat = self._file.readout.complete_temperature
        complete = 0.5 * (1.0 + np.tanh(0.5 * logits[:, -1] / heat))
        for index, job in enumerate(live):
            ms = (time.perf_counter() - job.began) * 1000
            if job.future.set_running_or_notify_cancel():
                try:
                    score = self._file.readout.score(logits[index, :-1], float(complete[index]), ms=ms)
                except EngineError as error:
                    job.future.set_exception(error)
                else:
                    job.future.set_result(replace(score, vector=vectors[index].copy()))

    @staticmethod
    def _fail(jobs: Sequence[_Job], error: EngineError) -> None:
        for job in jobs:
            if not job.future.done() and job.future.set_running_or_notify_cancel():
                job.future.set_exception(error)

    def _free(self) -> None:
        for base in self._bases:
            base.close()
