"""The end of a turn through a whole session: what the caller does is heard, and nothing else is known of it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from concurrent.futures import Future
from dataclasses import replace
from datetime import datetime

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.conversation.call import SILENCE, VOICE, Call
from voicebox.conversation import events as e
from voicebox.conversation.ports import SessionOptions
from voicebox.conversation.session import Session
from voicebox.errors import EngineError


@pytest.fixture
async def call() -> AsyncIterator[Call]:
    call = Call()
    yield call
    await call.session.close()


def endpoint_ms(call: Call) -> list[float]:
    return [record.stages["endpoint_ms"] for record in call.seen(e.TurnRecord)]


def trace(call: Call) -> list[str]:
    """What the client saw happen, partial words left out."""
    return [type(event).__name__ for event in call.events if not isinstance(event, e.PartialTranscript)]


async def test_going_on_before_the_answer_is_audible_leaves_no_trace(call: Call) -> None:
    """The turn was taken to be over, and its answer was in the making: the caller never learns of it."""
    whole = Call()
    await whole.speak("turn on the light in the kitchen.", 1.2)
    await whole.wait(0.5)

    call.stt.hold = True  # the words come late, so the turn closes before they are there
    await call.speak("turn on the light.", 0.6)
    await call.wait(0.7)
    await call.speak("turn on the light in the kitchen.", 0.6)
    call.stt.release()
    await call.wait(0.5)

    assert trace(call) == trace(whole)
    assert [t.text for t in call.seen(e.Transcript)] == ["turn on the light in the kitchen."]
    assert call.reflex.done == whole.reflex.done == ["turn on the light in the kitchen."]
    assert [r.text for r in call.seen(e.ReplyDone)] == ["Okay. turn on the light in the kitchen."]
    await whole.session.close()


async def test_a_guess_that_was_begun_aloud_is_thrown_away_when_the_caller_goes_on(call: Call) -> None:
    call.reflex.complete = lambda text: 0.99 if "milk" in text else 0.5
    await call.speak("a large latte", 0.6)
    await call.wait(0.3)
    assert call.speaker.phrases, "the answer to the first words was begun"
    await call.speak("a large latte with milk.", 0.6)
    await call.wait(0.4)
    assert len(call.seen(e.TurnCommitted)) == len(call.seen(e.ReplyStarted)) == 1
    assert call.reflex.done == ["a large latte with milk."]


async def test_words_that_come_late_and_want_more_are_not_answered_at_once(call: Call) -> None:
    call.reflex.complete = lambda text: 0.01
    call.stt.hold = True
    await call.speak("set a timer for", 0.6)
    await call.wait(0.8)
    call.stt.release()
    await call.settle()
    assert not call.seen(e.TurnCommitted)
    call.reflex.complete = lambda text: 0.99
    await call.speak("set a timer for ten minutes.", 0.6)
    await call.wait(0.4)
    assert [t.text for t in call.seen(e.Transcript)] == ["set a timer for ten minutes."]


async def test_a_voice_that_begins_again_as_the_wait_ends_is_waited_for(call: Call) -> None:
    """One frame of voice at the deadline: the next one shows that the caller goes on."""
    await call.speak("turn on the light.", 0.64)
    await call.wait(0.16)  # the wait of 200 ms ends during the next two frames
    call.stt.says = "turn on the light in the kitchen."
    await call.feed(VOICE, 0.032)
    assert not call.seen(e.TurnCommitted)
    await call.feed(VOICE, 0.5)
    await call.wait(0.4)
    assert [t.text for t in call.seen(e.Transcript)] == ["turn on the light in the kitchen."]


async def test_a_click_as_the_wait_ends_puts_it_off_by_a_frame_or_two(call: Call) -> None:
    await call.speak("turn on the light.", 0.64)
    await call.wait(0.16)
    await call.feed(VOICE, 0.032)
    await call.wait(0.1)
    assert len(call.seen(e.TurnCommitted)) == 1
    assert 200 <= endpoint_ms(call)[0] <= 280


async def test_a_first_word_that_was_not_recognised_is_not_lost(call: Call) -> None:
    await call.speak("", 0.2)
    await call.wait(1.0)
    assert not call.seen(e.TurnDropped)
    await call.speak("stop the music.", 0.6)
    await call.wait(0.4)
    assert len(call.seen(e.SpeechStarted)) == 1
    assert call.reflex.done == ["stop the music."]


async def test_a_noise_is_dropped_in_the_end(call: Call) -> None:
    await call.speak("", 0.2)
    await call.wait(2.0)
    assert [drop.reason for drop in call.seen(e.TurnDropped)] == ["no_speech"]


async def test_auto_waits_longer_for_a_caller_who_pauses_and_less_for_one_who_does_not() -> None:
    halting, fluent = Call(SessionOptions(eagerness="auto")), Call(SessionOptions(eagerness="auto"))
    for turn in range(6):
        halting.reflex.complete = lambda text: 0.99 if text.endswith(".") else 0.01
        await halting.speak(f"turn {turn}", 0.5)
        await halting.wait(1.2)
        await halting.speak(f"turn {turn} on.", 0.5)
        await halting.wait(3.0)
        await fluent.speak(f"turn {turn} on.", 0.5)
        await fluent.wait(3.0)
    slow, quick = endpoint_ms(halting), endpoint_ms(fluent)
    assert len(slow) == len(quick) == 6, "nobody was cut off"
    assert slow[-1] > slow[0] > quick[-1]
    await halting.session.close()
    await fluent.session.close()


async def test_only_auto_adapts() -> None:
    call = Call(SessionOptions(eagerness="medium"))
    for turn in range(6):
        await call.speak(f"turn {turn} on.", 0.5)
        await call.wait(3.0)
    assert len(set(endpoint_ms(call))) == 1
    await call.session.close()


class Judge:
    """Says of every turn what it is told to; `asked` are the seconds that it heard."""

    def __init__(self, done: float | Exception) -> None:
        self.done = done
        self.asked: list[float] = []
        self.hold: list[Future[float]] | None = None

    def submit(self, audio: NDArray[np.float32], *, session: str) -> Future[float]:
        self.asked.append(len(audio) / 16_000)
        if isinstance(self.done, Exception):
            raise self.done
        future: Future[float] = Future()
        if self.hold is None:
            future.set_result(self.done)
        else:
            self.hold.append(future)
        return future


def judged(judge: Judge) -> Call:
    call = Call()
    engines = replace(call.session._engines, judge=judge)
    call.session = Session(
        "sess_test", engines, call.events.append, clock=lambda: call.time, today=lambda: datetime(2026, 5, 4, 12, 0)
    )
    call.reflex.complete = lambda text: 0.8
    return call


async def test_a_voice_that_does_not_sound_like_an_end_holds_the_turn() -> None:
    sure, held = judged(Judge(0.99)), judged(Judge(0.01))
    for call in (sure, held):
        await call.speak("turn on the light.", 0.64)
        await call.wait(1.9)
    assert endpoint_ms(sure)[0] < endpoint_ms(held)[0]
    await sure.session.close()
    await held.session.close()


async def test_a_turn_is_listened_to_once_a_pause_and_not_at_a_consonant() -> None:
    judge = Judge(0.5)
    call = judged(judge)
    call.reflex.complete = lambda text: 0.01
    await call.speak("set a timer", 0.48)
    await call.feed(SILENCE, 0.032)
    await call.speak("set a timer", 0.32)
    assert judge.asked == []
    await call.wait(1.0)
    assert len(judge.asked) == 1
    await call.speak("set a timer", 0.32)
    await call.wait(0.5)
    assert len(judge.asked) == 2
    await call.session.close()


@pytest.mark.parametrize("trouble", ["refuses", "never answers"])
async def test_a_judge_who_fails_or_never_answers_changes_nothing(trouble: str) -> None:
    judge = Judge(EngineError("too much to do") if trouble == "refuses" else 0.0)
    if trouble == "never answers":
        judge.hold = []
    call, without = judged(judge), Call()
    without.reflex.complete = lambda text: 0.8
    for one in (call, without):
        await one.speak("turn on the light.", 0.64)
        await one.wait(1.0)
    assert judge.asked
    assert trace(call) == trace(without)
    assert endpoint_ms(call) == endpoint_ms(without)
    await call.session.close()
    await without.session.close()


async def test_a_verdict_that_comes_after_the_caller_went_on_is_not_heard() -> None:
    judge = Judge(0.0)
    judge.hold = []
    call = judged(judge)
    call.reflex.complete = lambda text: 0.01 if text.endswith("a") else 0.99
    await call.speak("turn on a", 0.48)
    await call.wait(0.3)
    await call.speak("turn on a light.", 0.48)
    judge.hold[0].set_result(0.0)
    await call.wait(0.3)
    assert len(call.seen(e.TurnCommitted)) == 1
    assert endpoint_ms(call)[0] < 280
    await call.session.close()


async def test_going_on_while_the_answer_is_synthesized_leaves_no_trace(call: Call) -> None:
    submit, held = call.speaker.submit, []
    call.speaker.submit = lambda phrase, **how: held.append(Future()) or held[-1]  # type: ignore[method-assign]
    await call.speak("turn on the light.", 0.6)
    await call.wait(0.6)
    assert held, "the turn is over, and its answer is in the making"
    assert not call.seen(e.TurnCommitted)
    call.speaker.submit = submit  # type: ignore[method-assign]
    await call.speak("turn on the light in the kitchen.", 0.6)
    await call.wait(0.4)
    assert [t.text for t in call.seen(e.Transcript)] == ["turn on the light in the kitchen."]
    assert len(call.seen(e.SpeechStarted)) == len(call.seen(e.TurnCommitted)) == len(call.seen(e.ReplyStarted)) == 1
    assert call.reflex.done == ["turn on the light in the kitchen."]
