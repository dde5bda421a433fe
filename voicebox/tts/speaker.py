"""Voices in one thread, shared by all sessions: a priority queue, and a cache of phrases."""

from __future__ import annotations

import threading
import time
from collections.abc import Hashable, Iterable
from concurrent.futures import Future
from dataclasses import dataclass, replace

from voicebox.errors import ConfigError, EngineError, VoiceboxError
from voicebox.tts.cache import PhraseCache
from voicebox.tts.job_queue import Job, JobQueue, Priority
from voicebox.tts.piper import check_speed
from voicebox.tts.types import Manner, SpokenPhrase, Stop, StoppedError, Synthesizer
from voicebox.tts.voices import VoicePool, VoiceRef

__all__ = ["PiperSpeaker", "SpeakerStats"]

_MAX_WARMED = 16
"""Manners whose frequent phrases are made ahead: clients choose them, and each costs seconds of computing."""


@dataclass(frozen=True, slots=True)
class SpeakerStats:
    """Counters since start; `waiting` and `cache_bytes` are as of now. Of the `cancelled` phrases, `aborted` were given
    up while they were spoken."""

    requests: int = 0
    cache_hits: int = 0
    synthesized: int = 0
    cancelled: int = 0
    aborted: int = 0
    failed: int = 0
    refused: int = 0
    audio_s: float = 0.0
    busy_s: float = 0.0
    waiting: int = 0
    cache_bytes: int = 0


class PiperSpeaker:
    """Speaks phrases in the order committed, speculative, warm-up; first come first served within each.

    A phrase whose future is cancelled while it is spoken is given up within some milliseconds, and so is warm-up when
    a phrase comes that somebody waits for.

    Args:
        synthesizer: the server's own voice; used from this speaker's thread only.
        cache_mb: size of the phrase cache, for all voices together; 0 keeps nothing.
        max_waiting: jobs that may wait (warm-up not counted). When it is full a committed phrase takes the place of
            the newest speculative one, whose future is cancelled; otherwise `submit` raises.
        voices: other voices that sessions may ask for; None: there are none.
        speed: speaking rate of sessions that do not choose theirs.
    """

    def __init__(
        self,
        synthesizer: Synthesizer,
        cache_mb: float = 64,
        *,
        max_waiting: int = 256,
        voices: VoicePool | None = None,
        speed: float = 1.0,
    ) -> None:
        self._synthesizer = synthesizer
        self._cache = PhraseCache(int(cache_mb * 1e6))
        self._voices = voices
        self._default = Manner("", check_speed(speed))
        self._queue = JobQueue(max_waiting)
        self._stats = SpeakerStats()
        self._warm: tuple[str, ...] = ()
        self._warmed: set[Hashable] = set()
        self._closed = False
        self._wake = threading.Condition()
        self._in_hand: Job | None = None
        self._thread = threading.Thread(target=self._run, name="voicebox-tts", daemon=True)
        self._thread.start()

    @property
    def rate(self) -> int:
        """Hz of the server's own voice."""
        return self._synthesizer.rate

    @property
    def voice(self) -> str:
        """Name of the server's own voice."""
        return self._synthesizer.name

    @property
    def busy(self) -> bool:
        """Whether a phrase is made or waits now."""
        with self._wake:
            return self._in_hand is not None or len(self._queue) > 0

    @property
    def stats(self) -> SpeakerStats:
        """What was done so far."""
        with self._wake:
            return replace(self._stats, waiting=self._queue.waiting(), cache_bytes=self._cache.bytes)

    def find(self, voice: str) -> str:
        """The name, for clients, of the voice that speaks for a session that asks for this one.

        Raises:
            ConfigError: there is no such voice or speaker here, or it speaks another language than the server.
            ModelError: its description is damaged.
        """
        if self._voices is not None:
            return self._voices.known_as(voice)
        self._ref(voice)
        return self.voice

    def prepare(self, manner: Manner) -> None:
        """Load a voice and make its frequent phrases ahead: a session will speak so. Failures show when it does.

        Raises:
            ConfigError, ModelError, EngineError: as `submit`.
        """
        ref, speed, key = self._resolve(manner)
        with self._wake:
            if self._closed:
                raise EngineError("The voice is closed")
            self._warm_manner(ref, speed, key)
        if ref is not None and self._voices is not None and not self._is_own(ref):
            self._voices.request(ref, lambda result: self._loaded(ref, result))

    def submit(self, phrase: str, *, speculative: bool = False, manner: Manner | None = None) -> Future[SpokenPhrase]:
        """Queue one phrase. Speculative ones go behind committed ones. Cancelling the future removes the job, or gives
        it up if it is being spoken.

        A cached phrase returns a future that is already done. A failure of the voice is the future's exception.

        Raises:
            EngineError: the speaker is closed, or too many phrases wait.
            ConfigError: there is no such voice, speaker or speaking rate.
            ModelError: the voice's description is damaged.
        """
        ref, speed, key = self._resolve(manner or self._default)
        future: Future[SpokenPhrase] = Future()
        priority = Priority.SPECULATIVE if speculative else Priority.COMMITTED
        displaced = None
        with self._wake:
            if self._closed:
                raise EngineError("The voice is closed")
            cached = self._cache.get(key, phrase)
            self._count(requests=1, cache_hits=int(cached is not None))
            if cached is None:
                try:
                    displaced, dropped = self._queue.make_room(priority)
                except EngineError:
                    self._count(refused=1)
                    raise
                self._count(cancelled=dropped)
                job = Job(priority, self._queue.next_number(), phrase, future, ref, None, speed, key)
                self._enqueue(job)
                hand = self._in_hand
                if hand is not None and not hand.counts and (hand.key, hand.phrase) != (key, phrase):
                    hand.stop.set()
        if cached is not None:
            future.set_result(cached)
        else:
            future.add_done_callback(lambda done: job.stop.set() if done.cancelled() else None)
            self._request(job)
        # Callbacks of futures run at once: never under the lock.
        if displaced is not None:
            displaced.cancel()
        return future

    def warm(self, phrases: Iterable[str]) -> None:
        """Fill the cache with phrases that will be said often, whenever there is nothing else to do: in the server's
        own manner now, in others as sessions choose them.

        A phrase that the voice fails on is left out: it will fail where it is asked for.
        """
        ref, speed, key = self._resolve(self._default)
        with self._wake:
            if self._closed:
                raise EngineError("The voice is closed")
            self._warm = tuple(dict.fromkeys(phrases))
            self._warmed.clear()
            self._warm_manner(ref, speed, key)

    def close(self) -> None:
        """Stop after the phrase in hand, warm-up at once; those that wait fail with EngineError. Idempotent."""
        with self._wake:
            self._closed = True
            if self._in_hand is not None and not self._in_hand.counts:
                self._in_hand.stop.set()
            jobs = self._queue.clear()
            self._wake.notify_all()
        if self._voices is not None:
            self._voices.close()
        for job in jobs:
            if job.future.set_running_or_notify_cancel():
                job.future.set_exception(EngineError("The voice was closed before it came to the phrase"))
        if threading.current_thread() is not self._thread:
            self._thread.join()

    # Who speaks

    def _ref(self, voice: str) -> VoiceRef | None:
        """None is the server's own voice."""
        if self._voices is not None:
            ref = self._voices.find(voice)
            own = self._voices.own
            return None if (ref.path, ref.speaker) == (own.path, own.speaker) else ref
        if voice not in ("", self.voice):
            raise ConfigError(f"There is no voice {voice!r} here", cure=f"Installed: {self.voice}.")
        return None

    def _resolve(self, manner: Manner) -> tuple[VoiceRef | None, float, Hashable]:
        ref = self._ref(manner.voice)
        speed = round(check_speed(manner.speed), 2)
        return ref, speed, (self.voice, None, speed) if ref is None else (str(ref.path), ref.speaker, speed)

    def _is_own(self, ref: VoiceRef) -> bool:
        """Whether it is another speaker of the server's own voice: that needs no loading."""
        return self._voices is not None and ref.path == self._voices.own.path

    def _enqueue(self, job: Job) -> None:
        """With the lock held: into the queue if its voice is loaded, else aside."""
        if job.ref is None or self._is_own(job.ref):
            job.voice = self._synthesizer
        elif self._voices is not None:
            job.voice = self._voices.get(job.ref)
        if job.voice is None:
            self._queue.park(job)
        else:
            self._queue.push(job)
            self._wake.notify()

    def _request(self, job: Job) -> None:
        """Without the lock: have the voice of a job loaded that was set aside."""
        ref = job.ref
        if job.voice is None and ref is not None and self._voices is not None:
            self._voices.request(ref, lambda result: self._loaded(ref, result))

    def _loaded(self, ref: VoiceRef, result: Synthesizer | VoiceboxError) -> None:
        """A voice is there, or cannot be: what waited for it goes on, or fails."""
        with self._wake:
            jobs = self._queue.unpark(ref)
            if not isinstance(result, VoiceboxError) and not self._closed:
                for job in jobs:
                    job.voice = result
                    self._queue.push(job)
                self._wake.notify()
                return
        error = result if isinstance(result, VoiceboxError) else EngineError("The voice is closed")
        for job in jobs:
            if job.future.set_running_or_notify_cancel():
                with self._wake:
                    self._count(failed=1)
                job.future.set_exception(error)

    def _warm_manner(self, ref: VoiceRef | None, speed: float, key: Hashable) -> None:
        """With the lock held."""
        if key in self._warmed or len(self._warmed) >= _MAX_WARMED:
            return
        self._warmed.add(key)
        for phrase in self._warm:
            if self._cache.get(key, phrase) is None:
                job = Job(Priority.WARM, self._queue.next_number(), phrase, Future(), ref, None, speed, key)
                self._enqueue(job)

    # The thread

    def _count(self, **more: float) -> None:
        """Add to counters, with the lock held."""
        values = {name: getattr(self._stats, name) + value for name, value in more.items()}
        self._stats = replace(self._stats, **values)

    def _run(self) -> None:
        while True:
            with self._wake:
                while not len(self._queue) and not self._closed:
                    self._wake.wait(self._voices.sweep() if self._voices is not None else None)
                if self._closed:
                    return
                job = self._in_hand = self._queue.pop()
            try:
                self._speak(job)
            finally:
                with self._wake:
                    self._in_hand = None
                # Whoever holds the last reference to an idle voice keeps its memory.
                del job

    def _speak(self, job: Job) -> None:
        if job.future.cancelled():
            with self._wake:
                self._count(cancelled=1)
            return
        spoken = self._cache.get(job.key, job.phrase)
        if spoken is None:
            spoken = self._synthesize(job)
        # Until here the future can be cancelled.
        if spoken is not None and job.future.set_running_or_notify_cancel():
            job.future.set_result(spoken)

    def _synthesize(self, job: Job) -> SpokenPhrase | None:
        """The phrase, kept in the cache; None if it was given up or failed, which the future then tells."""
        voice = job.voice or self._synthesizer
        speaker = job.ref.speaker if job.ref is not None else None
        began = time.monotonic()
        try:
            spoken = voice.synthesize(job.phrase, speed=job.speed, speaker=speaker, stop=job.stop)
        except StoppedError:
            self._given_up(job, time.monotonic() - began)
            return None
        except Exception as error:
            with self._wake:
                self._count(failed=1, busy_s=time.monotonic() - began)
            if job.future.set_running_or_notify_cancel():
                job.future.set_exception(error)
            return None
        self._cache.put(job.key, spoken)
        with self._wake:
            self._count(synthesized=1, audio_s=spoken.duration_s, busy_s=time.monotonic() - began)
            self._count(cancelled=int(job.future.cancelled()))
        return spoken

    def _given_up(self, job: Job, busy_s: float) -> None:
        """A phrase that nobody wants is done with; one that only gave way is to be spoken later."""
        with self._wake:
            self._count(busy_s=busy_s)
            if job.future.cancelled():
                self._count(cancelled=1, aborted=1)
            elif not self._closed:
                job.stop = Stop()
                self._queue.push(job)
