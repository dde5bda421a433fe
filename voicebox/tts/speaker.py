"""A voice in its own thread, shared by all sessions: a priority queue, and a cache of phrases."""

from __future__ import annotations

import heapq
import itertools
import threading
import time
from collections.abc import Iterable
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from enum import IntEnum

from voicebox.errors import EngineError
from voicebox.tts.cache import PhraseCache
from voicebox.tts.types import SpokenPhrase, Synthesizer

__all__ = ["PiperSpeaker", "SpeakerStats"]


class _Priority(IntEnum):
    COMMITTED = 0
    SPECULATIVE = 1
    WARM = 2


@dataclass(frozen=True, slots=True)
class SpeakerStats:
    """Counters since start; `waiting` and `cache_bytes` are as of now."""

    requests: int = 0
    cache_hits: int = 0
    synthesized: int = 0
    cancelled: int = 0
    failed: int = 0
    refused: int = 0
    audio_s: float = 0.0
    busy_s: float = 0.0
    waiting: int = 0
    cache_bytes: int = 0


@dataclass(order=True, slots=True)
class _Job:
    priority: _Priority
    number: int
    phrase: str = field(compare=False)
    future: Future[SpokenPhrase] = field(compare=False)


class PiperSpeaker:
    """Speaks phrases in the order committed, speculative, warm-up; first come first served within each.

    Args:
        synthesizer: the voice; used from this speaker's thread only.
        cache_mb: size of the phrase cache; 0 keeps nothing.
        max_waiting: jobs that may wait (warm-up not counted). When it is full a committed phrase takes the place of
            the newest speculative one, whose future is cancelled; otherwise `submit` raises.
    """

    def __init__(self, synthesizer: Synthesizer, cache_mb: float = 64, *, max_waiting: int = 256) -> None:
        self._synthesizer = synthesizer
        self._cache = PhraseCache(int(cache_mb * 1e6))
        self._max_waiting = max_waiting
        self._jobs: list[_Job] = []
        self._numbers = itertools.count()
        self._stats = SpeakerStats()
        self._closed = False
        self._wake = threading.Condition()
        self._speaking = False
        self._thread = threading.Thread(target=self._run, name="voicebox-tts", daemon=True)
        self._thread.start()

    @property
    def rate(self) -> int:
        """Hz of the audio."""
        return self._synthesizer.rate

    @property
    def voice(self) -> str:
        """Name of the voice."""
        return self._synthesizer.name

    @property
    def busy(self) -> bool:
        """Whether a phrase is made or waits now."""
        with self._wake:
            return self._speaking or bool(self._jobs)

    @property
    def stats(self) -> SpeakerStats:
        """What was done so far."""
        with self._wake:
            waiting = sum(not job.future.cancelled() for job in self._jobs)
            return replace(self._stats, waiting=waiting, cache_bytes=self._cache.bytes)

    def submit(self, phrase: str, *, speculative: bool = False) -> Future[SpokenPhrase]:
        """Queue one phrase. Speculative ones go behind committed ones. Cancelling a waiting future removes the job.

        A cached phrase returns a future that is already done. A failure of the voice is the future's exception.

        Raises:
            EngineError: the speaker is closed, or too many phrases wait.
        """
        future: Future[SpokenPhrase] = Future()
        priority = _Priority.SPECULATIVE if speculative else _Priority.COMMITTED
        displaced = None
        with self._wake:
            if self._closed:
                raise EngineError("The voice is closed")
            cached = self._cache.get(self.voice, phrase)
            self._count(requests=1, cache_hits=int(cached is not None))
            if cached is None:
                displaced = self._make_room(priority)
                self._push(priority, phrase, future)
        if cached is not None:
            future.set_result(cached)
        # Callbacks of futures run at once: never under the lock.
        if displaced is not None:
            displaced.cancel()
        return future

    def warm(self, phrases: Iterable[str]) -> None:
        """Fill the cache with phrases that will be said often, whenever there is nothing else to do.

        A phrase that the voice fails on is left out: it will fail where it is asked for.
        """
        with self._wake:
            if self._closed:
                raise EngineError("The voice is closed")
            for phrase in dict.fromkeys(phrases):
                if self._cache.get(self.voice, phrase) is None:
                    self._push(_Priority.WARM, phrase, Future())

    def close(self) -> None:
        """Stop after the phrase in hand; those that wait fail with EngineError. Idempotent."""
        with self._wake:
            self._closed = True
            jobs, self._jobs = self._jobs, []
            self._wake.notify_all()
        for job in jobs:
            if job.future.set_running_or_notify_cancel():
                job.future.set_exception(EngineError("The voice was closed before it came to the phrase"))
        if threading.current_thread() is not self._thread:
            self._thread.join()

    def _push(self, priority: _Priority, phrase: str, future: Future[SpokenPhrase]) -> None:
        heapq.heappush(self._jobs, _Job(priority, next(self._numbers), phrase, future))
        self._wake.notify()

    def _make_room(self, priority: _Priority) -> Future[SpokenPhrase] | None:
        """Called with the lock held, before a push: returns a speculative job's future that must give way, or None."""
        if sum(job.priority is not _Priority.WARM for job in self._jobs) < self._max_waiting:
            return None
        live = [job for job in self._jobs if not job.future.cancelled()]
        self._count(cancelled=len(self._jobs) - len(live))
        self._jobs = live
        heapq.heapify(self._jobs)
        if sum(job.priority is not _Priority.WARM for job in live) < self._max_waiting:
            return None
        guesses = [job for job in live if job.priority is _Priority.SPECULATIVE]
        if priority is not _Priority.COMMITTED or not guesses:
            self._count(refused=1)
            raise EngineError("Too many phrases wait for the voice")
        newest = max(guesses)
        self._jobs.remove(newest)
        heapq.heapify(self._jobs)
        self._count(cancelled=1)
        return newest.future

    def _count(self, **more: float) -> None:
        """Add to counters, with the lock held."""
        values = {name: getattr(self._stats, name) + value for name, value in more.items()}
        self._stats = replace(self._stats, **values)

    def _run(self) -> None:
        while True:
            with self._wake:
                while not self._jobs and not self._closed:
                    self._wake.wait()
                if self._closed:
                    return
                job = heapq.heappop(self._jobs)
                self._speaking = True
            self._speak(job)
            with self._wake:
                self._speaking = False

    def _speak(self, job: _Job) -> None:
        if not job.future.set_running_or_notify_cancel():
            with self._wake:
                self._count(cancelled=1)
            return
        spoken = self._cache.get(self.voice, job.phrase)
        if spoken is None:
            began = time.monotonic()
            try:
                spoken = self._synthesizer.synthesize(job.phrase)
            except Exception as error:
                with self._wake:
                    self._count(failed=1, busy_s=time.monotonic() - began)
                job.future.set_exception(error)
                return
            self._cache.put(self.voice, spoken)
            with self._wake:
                self._count(synthesized=1, audio_s=spoken.duration_s, busy_s=time.monotonic() - began)
        job.future.set_result(spoken)
