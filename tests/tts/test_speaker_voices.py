"""One speaker with several voices, and phrases that nobody wants any more."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError
from pathlib import Path

import numpy as np
import pytest

from tests.tts.dummy_voice import write_voice
from voicebox.errors import ConfigError, EngineError, ModelError
from voicebox.tts.speaker import PiperSpeaker
from voicebox.tts.types import Manner, SpokenPhrase, Stop, StoppedError, Synthesizer
from voicebox.tts.voices import VoicePool, VoiceRef, find_voice, open_voice

LONG = "one two three four five six seven"


class EndlessVoice:
    """Speaks "endless" until it is stopped, all else at once."""

    name = "own"
    rate = 22_050

    def __init__(self) -> None:
        self.began = threading.Semaphore(0)
        self.said: list[str] = []

    def synthesize(
        self, phrase: str, *, speed: float | None = None, speaker: int | None = None, stop: Stop | None = None
    ) -> SpokenPhrase:
        self.said.append(phrase)
        self.began.release()
        if phrase.startswith("endless"):
            stopped = threading.Event()
            assert stop is not None
            with stop.acting(stopped.set):
                assert stopped.wait(30)
            raise StoppedError("given up")
        return SpokenPhrase(phrase, np.zeros(160, np.float32), self.rate, (), 1.0)


@pytest.fixture
def endless() -> EndlessVoice:
    return EndlessVoice()


@pytest.fixture
def alone(endless: EndlessVoice) -> Iterator[PiperSpeaker]:
    speaker = PiperSpeaker(endless, cache_mb=1)
    yield speaker
    speaker.close()


def test_a_guess_that_is_cancelled_is_given_up_while_it_is_spoken(alone: PiperSpeaker, endless: EndlessVoice) -> None:
    guess = alone.submit("endless", speculative=True)
    assert endless.began.acquire(timeout=30)
    assert guess.cancel()
    assert alone.submit("next").result(30).text == "next"
    assert guess.cancelled()
    stats = alone.stats
    assert (stats.cancelled, stats.aborted, stats.synthesized, stats.failed) == (1, 1, 1, 0)


def test_warm_up_gives_way_and_is_made_later(alone: PiperSpeaker, endless: EndlessVoice) -> None:
    alone.warm(["endless warm"])
    assert endless.began.acquire(timeout=30)
    assert alone.submit("wanted").result(30).text == "wanted"
    assert endless.began.acquire(timeout=30)
    assert endless.began.acquire(timeout=30)
    assert endless.said == ["endless warm", "wanted", "endless warm"]
    assert alone.stats.aborted == 0


def test_a_phrase_that_was_finished_before_it_was_cancelled_is_kept() -> None:
    cancel: list[Callable[[], bool]] = []

    class Late(EndlessVoice):
        def synthesize(self, phrase: str, **options: object) -> SpokenPhrase:
            spoken = SpokenPhrase(phrase, np.zeros(160, np.float32), self.rate, (), 1.0)
            if cancel:
                assert cancel.pop()()
            return spoken

    speaker = PiperSpeaker(Late(), cache_mb=1)
    try:
        submitted = threading.Event()
        cancel.append(lambda: submitted.wait(30) and future.cancel())
        future = speaker.submit("late")
        submitted.set()
        with pytest.raises(CancelledError):
            future.result(30)
        assert speaker.submit("late").result(30).cached
    finally:
        speaker.close()


def test_a_server_with_one_voice_has_no_other(alone: PiperSpeaker) -> None:
    assert alone.find("") == alone.find("own") == "own"
    with pytest.raises(ConfigError, match="no voice 'amy'"):
        alone.submit("hello", manner=Manner("amy"))
    with pytest.raises(ConfigError, match="out of range"):
        alone.submit("hello", manner=Manner(speed=9))


# Several voices


class Gate:
    """Holds back the load of every voice but the own until the test opens it."""

    def __init__(self) -> None:
        self.open = threading.Event()
        self.loading = threading.Semaphore(0)

    def load(self, ref: VoiceRef, threads: int) -> Synthesizer:
        self.loading.release()
        assert self.open.wait(30)
        return open_voice(ref, threads)


@pytest.fixture
def gate() -> Gate:
    return Gate()


@pytest.fixture
def pool(tmp_path: Path, gate: Gate) -> VoicePool:
    write_voice(tmp_path, "joe", speakers=(0.1, 0.3))
    write_voice(tmp_path, "amy", rate=16_000, speakers=(0.2, 0.1))
    write_voice(tmp_path, "bad").write_bytes(b"no model")

    def locate(name: str) -> Path:
        return tmp_path / f"{name}.onnx"

    return VoicePool(
        find_voice("joe", locate), locate=locate, installed=lambda: ("amy", "bad", "joe"), load=gate.load, idle_s=0.05
    )


@pytest.fixture
def speaker(pool: VoicePool) -> Iterator[PiperSpeaker]:
    speaker = PiperSpeaker(open_voice(pool.own), cache_mb=8, voices=pool, speed=1.25)
    yield speaker
    speaker.close()


def test_sessions_with_other_voices_do_not_wait_for_one_that_is_loaded(speaker: PiperSpeaker, gate: Gate) -> None:
    amy = speaker.submit(LONG, manner=Manner("amy"))
    assert gate.loading.acquire(timeout=30)
    assert speaker.submit(LONG).result(30).rate == 22_050
    assert not amy.done()
    gate.open.set()
    assert amy.result(30).rate == 16_000
    assert speaker.submit(LONG, manner=Manner("amy")).result(30).cached


def test_what_waits_for_a_voice_can_be_cancelled(speaker: PiperSpeaker, gate: Gate) -> None:
    dropped, kept = (speaker.submit(text, manner=Manner("amy")) for text in ("dropped", "kept"))
    assert dropped.cancel()
    assert speaker.stats.waiting == 1
    gate.open.set()
    assert kept.result(30).text == "kept"
    assert speaker.submit("after").result(30).text == "after"
    assert (speaker.stats.synthesized, speaker.stats.cancelled) == (2, 1)


def test_a_voice_that_fails_to_load_harms_its_own_session_only(speaker: PiperSpeaker, gate: Gate) -> None:
    gate.open.set()
    with pytest.raises(ModelError, match=r"bad\.onnx"):
        speaker.submit(LONG, manner=Manner("bad")).result(30)
    assert len(speaker.submit(LONG).result(30).audio)
    assert len(speaker.submit(LONG, manner=Manner("amy")).result(30).audio)
    assert speaker.stats.failed == 1


def test_voice_speaker_and_speed_are_spoken_and_kept_apart(speaker: PiperSpeaker, gate: Gate) -> None:
    gate.open.set()
    manners = [Manner("joe"), Manner("joe", 1.5), Manner("joe:1"), Manner("amy"), Manner("amy", 0.5), Manner("amy:1")]
    first = [speaker.submit(LONG, manner=manner).result(30) for manner in manners]
    assert not any(phrase.cached for phrase in first)
    again = [speaker.submit(LONG, manner=manner).result(30) for manner in manners]
    assert all(phrase.cached for phrase in again)
    for one, two in zip(first, again, strict=True):
        assert np.array_equal(one.audio, two.audio)
    assert first[1].duration_s < first[0].duration_s
    assert first[4].duration_s > first[3].duration_s
    # Speakers of the server's own voice need no load; the names that mean it share its phrases.
    assert speaker.submit(LONG, manner=Manner("alloy", 1.0)).result(30).cached


def test_who_does_not_choose_gets_the_servers_rate(speaker: PiperSpeaker) -> None:
    assert (
        speaker.submit(LONG).result(30).duration_s
        == speaker.submit(LONG, manner=Manner("", 1.25)).result(30).duration_s
    )
    assert speaker.submit(LONG).result(30).duration_s < speaker.submit(LONG, manner=Manner()).result(30).duration_s


def test_frequent_phrases_are_made_for_each_voice(speaker: PiperSpeaker, gate: Gate) -> None:
    gate.open.set()
    speaker.warm(["Sure.", "Okay."])
    speaker.prepare(Manner("amy", 1.25))
    deadline = time.monotonic() + 30
    while speaker.stats.synthesized < 4 and time.monotonic() < deadline:
        threading.Event().wait(0.005)
    for manner in (Manner("", 1.25), Manner("amy", 1.25)):
        assert speaker.submit("Okay.", manner=manner).result(30).cached


def test_an_idle_voice_is_unloaded_and_comes_back(speaker: PiperSpeaker, pool: VoicePool, gate: Gate) -> None:
    gate.open.set()
    speaker.submit("first", manner=Manner("amy")).result(30)
    deadline = time.monotonic() + 30
    while pool.loaded and time.monotonic() < deadline:
        threading.Event().wait(0.005)
    assert pool.loaded == ()
    assert speaker.submit("second", manner=Manner("amy")).result(30).rate == 16_000


def test_closing_fails_what_waits_for_a_voice(pool: VoicePool, gate: Gate) -> None:
    speaker = PiperSpeaker(open_voice(pool.own), voices=pool)
    future = speaker.submit(LONG, manner=Manner("amy"))
    assert gate.loading.acquire(timeout=30)
    speaker.close()
    with pytest.raises(EngineError, match="closed"):
        future.result(30)
    with pytest.raises(EngineError, match="closed"):
        speaker.prepare(Manner("amy"))
    gate.open.set()
