"""Long recordings: where they are cut, and that nothing is lost or heard twice."""

import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.server.backends import EnergyVad, FakeTranscriber
from voicebox.server.recordings import Heard, Request, transcribe, voiced
from voicebox.server.subtitles import segments, srt, vtt
from voicebox.stt.types import SAMPLE_RATE, Hypothesis, Word


def speech(*parts: float) -> np.ndarray[Any, Any]:
    """Voice and silence in turn, in seconds."""
    noise = np.random.default_rng(0)
    pieces = [
        (0.2 * noise.standard_normal(round(s * SAMPLE_RATE)) if i % 2 == 0 else np.zeros(round(s * SAMPLE_RATE)))
        for i, s in enumerate(parts)
    ]
    return np.concatenate(pieces).astype(np.float32).clip(-1, 1)


async def heard(audio: np.ndarray[Any, Any], transcriber: FakeTranscriber) -> list[Heard]:
    request = Request(audio, "file", prompt="Before.")
    fake: Any = transcriber
    return [piece async for piece in transcribe(fake, request, stream=EnergyVad)]


async def test_a_short_recording_is_decoded_whole() -> None:
    transcriber = FakeTranscriber()
    (piece,) = await heard(speech(3, 1, 3), transcriber)
    assert (piece.start_s, piece.end_s) == (0, 7)
    assert [clip.prompt for clip in transcriber.clips] == ["Before."]


async def test_a_long_one_is_cut_at_pauses_and_told_what_was_said_before() -> None:
    transcriber = FakeTranscriber()
    pieces = await heard(speech(6, 0.5, 6, 0.5, 6, 5, 4, 0.5, 8), transcriber)
    # 12.5 s are enough at the second pause, the third is long enough by itself, the last runs to the end.
    assert [round(p.start_s) for p in pieces] == [0, 13, 24]
    assert [round(p.end_s) for p in pieces] == [13, 19, 36]
    assert transcriber.clips[0].prompt == "Before."
    assert transcriber.clips[1].prompt.split()[-1] == pieces[0].text.split()[-1]
    words = " ".join(piece.text for piece in pieces).split()
    assert words == [f"word{i + 1}" for i in range(len(words))]


async def test_speech_without_a_pause_is_cut_all_the_same() -> None:
    transcriber = FakeTranscriber()
    pieces = await heard(speech(70), transcriber)
    assert all(len(clip.audio) <= 24.1 * SAMPLE_RATE for clip in transcriber.clips)
    for before, after in itertools.pairwise(pieces):
        assert before.end_s == after.start_s
    assert (pieces[0].start_s, round(pieces[-1].end_s)) == (0, 70)


async def test_a_long_silence_holds_nothing() -> None:
    transcriber = FakeTranscriber()
    assert await heard(np.zeros(40 * SAMPLE_RATE, np.float32), transcriber) == []
    assert transcriber.clips == []


async def test_words_have_the_times_of_the_recording() -> None:
    fake: Any = FakeTranscriber()
    request = Request(speech(12, 4, 12), "file", word_times=True)
    pieces = [piece async for piece in transcribe(fake, request, stream=EnergyVad)]
    assert [round(piece.words[0].start_s, 1) for piece in pieces] == [0.0, 15.7]
    assert all(piece.start_s <= word.start_s < piece.end_s for piece in pieces for word in piece.words)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.floats(0.1, 12), min_size=1, max_size=12))
async def test_all_voice_is_decoded_once(parts: list[float]) -> None:
    audio = speech(*parts)
    transcriber = FakeTranscriber()
    pieces = await heard(audio, transcriber)
    taken = np.zeros(len(audio), np.int32)
    for piece in pieces:
        taken[round(piece.start_s * SAMPLE_RATE) : round(piece.end_s * SAMPLE_RATE)] += 1
    assert taken.max(initial=0) <= 1
    for start, end in voiced(audio, EnergyVad(), 0.5):
        if len(audio) > 24 * SAMPLE_RATE:
            assert taken[start:end].all()


def piece(*words: tuple[str, float, float]) -> Heard:
    spoken = tuple(Word(*word) for word in words)
    text = " ".join(word.text for word in spoken)
    return Heard(0, 9, Hypothesis(text, -0.2, 0.1, "en", 9, 1.0, words=spoken), spoken)


def test_segments_end_with_sentences_and_at_pauses_and_before_they_are_too_long() -> None:
    one = piece(("Hello.", 0, 0.5), ("How", 0.6, 0.7), ("are", 0.7, 0.8), ("you", 2.0, 2.2))
    assert [(s.start_s, s.end_s, s.text) for s in segments([one])] == [
        (0, 0.5, "Hello."),
        (0.6, 0.8, "How are"),
        (2.0, 2.2, "you"),
    ]
    many = segments([piece(*((f"w{i}", i * 0.1, i * 0.1 + 0.1) for i in range(200)))])
    assert all(len(s.text) <= 84 and s.end_s - s.start_s <= 7.01 for s in many)
    assert " ".join(s.text for s in many).split() == [f"w{i}" for i in range(200)]


def test_subtitle_files() -> None:
    lines = segments([piece(("<b>&", 3_661.5, 3_662.0), ("you", 3_662.0, 3_662.25))])
    assert srt(lines) == "1\n01:01:01,500 --> 01:01:02,250\n<b>& you\n"
    assert vtt(lines) == "WEBVTT\n\n01:01:01.500 --> 01:01:02.250\n&lt;b&gt;&amp; you\n"
    assert (srt([]), vtt([])) == ("", "WEBVTT\n")


@pytest.mark.models
async def test_a_long_recording_with_the_real_recogniser(require_model: Any, say: Any) -> None:
    from voicebox.stt.batcher import SttBatcher
    from voicebox.stt.whisper import WhisperRecognizer
    from voicebox.vad.silero import SileroVad

    sentences = [
        "Set a timer for ten minutes.",
        "What is the weather like today?",
        "Turn on the lights in the kitchen.",
        "I would like a large coffee with milk.",
    ]
    pause = np.zeros(SAMPLE_RATE // 2, np.float32)
    audio = np.concatenate([part for i in range(12) for part in (say(sentences[i % 4]), pause)])
    assert len(audio) > 26 * SAMPLE_RATE
    batcher = SttBatcher(WhisperRecognizer(require_model("whisper-tiny.en"), "whisper-tiny.en"))
    try:
        request = Request(audio, "file", word_times=True)
        pieces = [piece async for piece in transcribe(batcher, request, stream=SileroVad().stream)]
    finally:
        batcher.close()
    assert len(pieces) > 1
    text = " ".join(piece.text for piece in pieces).lower()
    for word, times in (("timer", 3), ("weather", 3), ("kitchen", 3), ("coffee", 3)):
        assert text.count(word) == times
    words = [word for piece in pieces for word in piece.words]
    assert all(a.start_s <= b.start_s for a, b in itertools.pairwise(words))
    # Each kitchen is said where it is heard: within the sentence that has it.
    at = 0.0
    for i in range(12):
        length = len(say(sentences[i % 4])) / SAMPLE_RATE
        if i % 4 == 2:
            assert any("kitchen" in w.text.lower() and at - 0.3 <= w.start_s <= at + length + 0.3 for w in words)
        at += length + 0.5
