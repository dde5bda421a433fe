"""Decodes that come back early, late, in the wrong order or not at all, through a session on fake engines."""

from __future__ import annotations

from collections.abc import AsyncIterator

import numpy as np
import pytest

from tests.conversation.call import RATE, SILENCE, VOICE, Call
from voicebox.conversation import events as e
from voicebox.conversation.ports import SessionOptions
from voicebox.stt.types import Priority


@pytest.fixture
async def call() -> AsyncIterator[Call]:
    made = Call()
    yield made
    await made.session.close()


def lengths(call: Call, priority: Priority) -> list[float]:
    """Seconds of audio of the decodes of a priority."""
    return [len(clip.audio) / RATE for asked, clip in call.stt.jobs if asked == priority]


async def test_a_pause_is_decoded_from_its_first_silent_frame(call: Call) -> None:
    await call.speak("turn it on", 1.0)
    assert not lengths(call, Priority.PAUSE)
    await call.wait(0.032)
    assert len(lengths(call, Priority.PAUSE)) == 1


async def test_what_was_decoded_at_a_pause_is_the_final_text(call: Call) -> None:
    await call.speak("turn it on", 1.0)
    await call.wait(1.0)
    assert [t.text for t in call.seen(e.Transcript)] == ["turn it on"]
    assert len(lengths(call, Priority.PAUSE)) == 1
    assert not lengths(call, Priority.FINAL)


async def test_first_words_are_heard_from_before_the_detector_noticed_them(call: Call) -> None:
    breath = np.tile(np.array([0.01, -0.01], np.float32), 256)
    await call.feed(breath, 1.0)
    await call.speak("hello", 1.0)
    await call.wait(0.1)
    (_, clip) = next(job for job in call.stt.jobs if job[0] == Priority.PAUSE)
    before = int(np.argmax(np.abs(clip.audio) > 0.1))
    assert before / RATE == pytest.approx(0.32 - 2 * 0.032, abs=0.033)
    assert np.allclose(np.abs(clip.audio[:before]), 0.01, atol=2e-3)


async def test_speech_over_a_reply_is_heard_from_its_onset(call: Call) -> None:
    await call.speak("tell me a story", 1.0)
    await call.wait(0.6)
    assert call.seen(e.ReplyStarted)
    await call.speak("stop that at once", 0.8)
    await call.wait(0.1)
    over = [clip for priority, clip in call.stt.jobs if priority == Priority.PAUSE][-1]
    voiced = np.count_nonzero(over.audio)
    assert voiced / RATE == pytest.approx(0.8, abs=0.033), "all of it, from the first frame"


async def test_a_partial_that_comes_back_after_the_pause_changes_nothing(call: Call) -> None:
    call.stt.hold = True
    await call.speak("turn", 0.6)
    assert lengths(call, Priority.PARTIAL)
    partial = call.stt._held.pop(0)
    await call.wait(0.05)
    call.stt.says = "turn it on"
    call.stt.release()
    await call.settle()
    call.stt.says = "turn"
    partial()
    await call.wait(1.0)
    assert [t.text for t in call.seen(e.Transcript)] == ["turn it on"]
    assert [p.text for p in call.seen(e.PartialTranscript)] == ["turn it on"]
    assert call.reflex.done == ["turn it on"]


async def test_noise_after_settled_words_does_not_take_them_away() -> None:
    call = Call(SessionOptions(server_vad=False))
    await call.speak("note to myself", 1.0)
    await call.wait(5.0)
    await call.speak("", 0.3)
    await call.wait(0.1)
    call.session.commit_audio()
    await call.settle()
    assert [t.text for t in call.seen(e.Transcript)] == ["note to myself"]
    assert lengths(call, Priority.PAUSE)[-1] < 1.0, "the silence between is not decoded"
    await call.session.close()


async def test_a_long_utterance_is_decoded_in_parts_with_what_was_said_before() -> None:
    call = Call(SessionOptions(silence_ms=2_000))
    for part in ("one", "two", "three"):
        await call.speak(part, 12.0)
        await call.wait(0.8)
    await call.wait(2.0)
    assert [t.text for t in call.seen(e.Transcript)] == ["one two three"]
    assert [clip.prompt for asked, clip in call.stt.jobs if asked == Priority.PAUSE] == ["", "one", "one two"]
    assert max(lengths(call, Priority.PAUSE) + lengths(call, Priority.PARTIAL)) < 13.5
    assert call.seen(e.Transcript)[0].audio_s > 37, "the length is that of all of it"
    await call.session.close()


async def test_speech_without_a_pause_never_outgrows_the_recogniser() -> None:
    call = Call(SessionOptions(silence_ms=500))
    await call.speak("word", 60.0)
    await call.wait(1.0)
    (transcript,) = call.seen(e.Transcript)
    assert max(len(clip.audio) / RATE for _, clip in call.stt.jobs) < 26
    assert transcript.text == "word word word word", "three heads and the rest"
    await call.session.close()


async def test_partials_thin_out_as_the_utterance_grows(call: Call) -> None:
    await call.speak("and so on", 10.0)
    starts = lengths(call, Priority.PARTIAL)
    early = sum(s < 2.0 for s in starts)
    late = sum(8.0 <= s < 10.0 for s in starts)
    assert early >= 6
    assert 1 <= late <= 3


async def test_frames_that_come_twice_or_in_a_burst_cost_no_words(call: Call) -> None:
    call.stt.says = "turn it on"
    burst = np.concatenate([VOICE] * 30)
    call.time += 1.0
    call.session.feed(burst)
    call.session.feed(burst)
    await call.settle()
    await call.feed(SILENCE, 1.0)
    assert [t.text for t in call.seen(e.Transcript)] == ["turn it on"]
