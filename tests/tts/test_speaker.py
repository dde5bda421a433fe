from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import CancelledError, Future

import numpy as np
import pytest

from voicebox.errors import EngineError
from voicebox.tts.speaker import PiperSpeaker
from voicebox.tts.types import SpokenPhrase


class GatedVoice:
    """A synthesizer that notes what it is asked, and waits for the test at each phrase."""

    name = "gated"
    rate = 16_000

    def __init__(self) -> None:
        self.said: list[str] = []
        self.threads: set[int] = set()
        self.began = threading.Semaphore(0)
        self.gate = threading.Semaphore(0)

    def synthesize(self, phrase: str, **options: object) -> SpokenPhrase:
        self.threads.add(threading.get_ident())
        self.said.append(phrase)
        self.began.release()
        assert self.gate.acquire(timeout=30)
        if phrase == "bad":
            raise EngineError("The voice failed")
        return SpokenPhrase(phrase, np.zeros(160, np.float32), self.rate, (), 1.0)

    def open(self) -> None:
        self.gate.release(1_000)


@pytest.fixture
def voice() -> GatedVoice:
    return GatedVoice()


@pytest.fixture
def speaker(voice: GatedVoice) -> Iterator[PiperSpeaker]:
    speaker = PiperSpeaker(voice, cache_mb=1, max_waiting=3)
    yield speaker
    voice.open()
    speaker.close()


def _hold(speaker: PiperSpeaker, voice: GatedVoice) -> Future[SpokenPhrase]:
    """Occupy the voice, so that what is submitted next has to wait."""
    future = speaker.submit("hold")
    assert voice.began.acquire(timeout=30)
    return future


def test_committed_before_speculative_before_warm_up(speaker: PiperSpeaker, voice: GatedVoice) -> None:
    _hold(speaker, voice)
    speaker.warm(["warm"])
    guess = speaker.submit("guess", speculative=True)
    one, two = speaker.submit("one"), speaker.submit("two")
    voice.open()
    for future in (guess, one, two):
        future.result(30)
    speaker.submit("last").result(30)
    assert voice.said[:4] == ["hold", "one", "two", "guess"]
    assert set(voice.said[4:]) <= {"warm", "last"}


def test_the_voice_is_used_from_one_thread(speaker: PiperSpeaker, voice: GatedVoice) -> None:
    voice.open()
    for text in ("a", "b", "c"):
        speaker.submit(text).result(30)
    assert len(voice.threads) == 1
    assert threading.get_ident() not in voice.threads


def test_a_cancelled_waiting_phrase_is_never_spoken(speaker: PiperSpeaker, voice: GatedVoice) -> None:
    _hold(speaker, voice)
    dropped, kept = speaker.submit("dropped"), speaker.submit("kept")
    assert dropped.cancel()
    voice.open()
    kept.result(30)
    assert "dropped" not in voice.said
    assert speaker.stats.cancelled == 1


def test_a_phrase_that_was_spoken_is_done_at_once(speaker: PiperSpeaker, voice: GatedVoice) -> None:
    voice.open()
    assert not speaker.submit("again").result(30).cached
    future = speaker.submit("again")
    assert future.done()
    assert future.result().cached
    assert (speaker.stats.requests, speaker.stats.cache_hits, speaker.stats.synthesized) == (2, 1, 1)


def test_the_same_phrase_twice_in_the_queue_is_spoken_once(speaker: PiperSpeaker, voice: GatedVoice) -> None:
    _hold(speaker, voice)
    futures = [speaker.submit("same", speculative=True), speaker.submit("same")]
    voice.open()
    assert [f.result(30).cached for f in reversed(futures)] == [False, True]
    assert voice.said.count("same") == 1


def test_a_failure_is_the_futures_alone(speaker: PiperSpeaker, voice: GatedVoice) -> None:
    voice.open()
    with pytest.raises(EngineError, match="The voice failed"):
        speaker.submit("bad").result(30)
    assert speaker.submit("good").result(30).text == "good"
    assert speaker.stats.failed == 1


def test_a_failing_warm_up_phrase_harms_nobody(speaker: PiperSpeaker, voice: GatedVoice) -> None:
    speaker.warm(["bad", "fine"])
    voice.open()
    assert speaker.submit("good").result(30).text == "good"


def test_a_full_queue_refuses_guesses(speaker: PiperSpeaker, voice: GatedVoice) -> None:
    _hold(speaker, voice)
    for i in range(3):
        speaker.submit(f"guess {i}", speculative=True)
    with pytest.raises(EngineError, match="Too many"):
        speaker.submit("guess 4", speculative=True)
    assert speaker.stats.refused == 1


def test_a_committed_phrase_takes_the_place_of_the_newest_guess(speaker: PiperSpeaker, voice: GatedVoice) -> None:
    _hold(speaker, voice)
    guesses = [speaker.submit(f"guess {i}", speculative=True) for i in range(3)]
    committed = speaker.submit("committed")
    assert [g.cancelled() for g in guesses] == [False, False, True]
    voice.open()
    committed.result(30)
    guesses[0].result(30)


def test_a_queue_full_of_committed_phrases_refuses(speaker: PiperSpeaker, voice: GatedVoice) -> None:
    _hold(speaker, voice)
    for i in range(3):
        speaker.submit(f"phrase {i}")
    with pytest.raises(EngineError, match="Too many"):
        speaker.submit("one more")


def test_cancelled_jobs_make_room(speaker: PiperSpeaker, voice: GatedVoice) -> None:
    _hold(speaker, voice)
    for i in range(3):
        speaker.submit(f"phrase {i}").cancel()
    speaker.submit("one more")
    assert speaker.stats.waiting == 1


def test_closing_fails_what_waits_and_refuses_what_comes(voice: GatedVoice) -> None:
    speaker = PiperSpeaker(voice)
    held = _hold(speaker, voice)
    waiting, cancelled = speaker.submit("waiting"), speaker.submit("cancelled")
    cancelled.cancel()
    voice.open()
    speaker.close()
    speaker.close()
    held.result(30)
    with pytest.raises((EngineError, CancelledError)):
        cancelled.result(0)
    with pytest.raises(EngineError, match="closed"):
        speaker.submit("late")
    with pytest.raises(EngineError, match="closed"):
        speaker.warm(["late"])
    assert waiting.done()


def test_a_callback_may_close_the_speaker(voice: GatedVoice) -> None:
    speaker = PiperSpeaker(voice)
    closed = threading.Event()
    voice.open()

    def close(_: Future[SpokenPhrase]) -> None:
        speaker.close()
        closed.set()

    speaker.submit("last").add_done_callback(close)
    assert closed.wait(30)
