"""What a broken client, network, clock or engine does to a session: it goes on, and every turn ends."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import Future

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.conversation.call import SILENCE, VOICE, Call, ScriptedChat
from tests.simulation.loop import run
from voicebox.conversation import events as e
from voicebox.conversation.ports import SessionOptions
from voicebox.errors import EngineError, VoiceboxError
from voicebox.routing.answerer import LOST_THE_REST, TOO_SLOW
from voicebox.skills.types import Plan
from voicebox.stt.types import Clip, Hypothesis, Priority


class LiveCall(Call):
    """A call whose clock is the loop's, so that timers run; `leap` is how far the clock has jumped."""

    leap = 0.0

    @property
    def time(self) -> float:
        return asyncio.get_running_loop().time() + self.leap

    @time.setter
    def time(self, value: float) -> None: ...

    async def feed(self, frame: NDArray[np.float32], seconds: float) -> None:
        for _ in range(round(seconds / 0.032)):
            await asyncio.sleep(0.032)
            self.session.feed(frame)

    def answered(self) -> list[str]:
        """The words of the turns that were answered in full."""
        turns = {reply.reply: reply.turn for reply in self.seen(e.ReplyStarted)}
        done = {turns[done.reply] for done in self.seen(e.ReplyDone) if done.status == "completed"}
        return [words.text for words in self.seen(e.Transcript) if words.turn in done]

    async def works(self) -> None:
        """A turn goes as it should."""
        await self.wait(4.0)
        await self.speak("turn on the fan")
        await self.wait(1.0)
        assert self.answered()[-1] == "turn on the fan"


def on_a_call(
    story: Callable[[LiveCall], Awaitable[None]], chat: ScriptedChat | None = None, **options: object
) -> None:
    """Tell a story in virtual time, and see that the session still works after it, and ends."""

    async def whole() -> None:
        call = LiveCall(SessionOptions(**options), chat)  # type: ignore[arg-type]
        await story(call)
        await call.works()
        await call.session.close()
        assert [task for task in asyncio.all_tasks() if task is not asyncio.current_task()] == []

    run(whole())


@pytest.mark.parametrize("leap", [3600.0, -3600.0, 1e7])
def test_a_clock_that_jumps_in_a_turn(leap: float) -> None:
    async def story(call: LiveCall) -> None:
        await call.speak("turn on the light", 0.6)
        call.leap = leap
        await call.feed(VOICE, 0.4)
        await call.wait(1.0)
        assert len(call.seen(e.TurnCommitted)) + len(call.seen(e.TurnDropped)) == 1

    on_a_call(story)


def test_a_clock_that_jumps_while_a_reply_is_heard() -> None:
    async def story(call: LiveCall) -> None:
        await call.speak("tell me one two three four five six seven eight nine ten")
        await call.wait(0.5)
        call.leap = 100.0
        await call.wait(0.5)
        assert call.seen(e.ReplyDone)[0].status == "completed"

    on_a_call(story)


def test_frames_that_are_held_back_and_come_at_once() -> None:
    async def story(call: LiveCall) -> None:
        await call.speak("turn on the light", 0.5)
        await asyncio.sleep(0.4)
        call.session.feed(np.tile(VOICE, 12))
        await call.wait(1.0)
        assert call.answered() == ["turn on the light"]
        assert len(call.seen(e.SpeechStarted)) == 1

    on_a_call(story)


def test_frames_that_are_lost_for_seconds_end_the_turn_by_the_clock() -> None:
    async def story(call: LiveCall) -> None:
        await call.speak("turn on the light", 1.0)
        await call.wait(0.1)
        await asyncio.sleep(5.0)
        assert call.answered() == ["turn on the light"]

    on_a_call(story)


def test_frames_that_come_twice() -> None:
    async def story(call: LiveCall) -> None:
        call.stt.says = "turn on the light"
        for frame in [VOICE] * 30 + [SILENCE] * 60:
            await asyncio.sleep(0.032)
            call.session.feed(frame)
            call.session.feed(frame)
        assert call.answered() == ["turn on the light"]

    on_a_call(story)


def test_frames_of_odd_lengths_and_none() -> None:
    async def story(call: LiveCall) -> None:
        call.stt.says = "turn on the light"
        audio = np.concatenate([np.tile(VOICE, 30), np.zeros(512 * 40, np.float32)])
        for part in np.array_split(audio, 301):
            await asyncio.sleep(len(part) / 16_000)
            call.session.feed(part)
            call.session.feed(part[:0])
        assert call.answered() == ["turn on the light"]

    on_a_call(story)


def _holes(frame: NDArray[np.float32]) -> NDArray[np.float32]:
    broken = frame.copy()
    broken[::3], broken[1::97] = np.nan, np.inf
    return broken


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(_holes, id="NaN and infinities"),
        pytest.param(lambda frame: np.clip(50 * frame, -1, 1).astype(np.float32), id="clipped"),
        pytest.param(lambda frame: frame + np.float32(0.4), id="offset"),
        pytest.param(lambda frame: np.repeat(frame[::2], 2), id="8 kHz"),
        pytest.param(lambda frame: frame.astype(np.float64), id="float64"),
    ],
)
def test_damaged_audio_is_heard(damage: Callable[[NDArray[np.float32]], NDArray[np.float32]]) -> None:
    async def story(call: LiveCall) -> None:
        await call.feed(damage(SILENCE), 1.0)
        assert call.events == []
        call.stt.says = "turn on the light"
        await call.feed(damage(VOICE), 1.0)
        await call.feed(damage(SILENCE), 1.0)
        assert call.answered() == ["turn on the light"]
        for _, clip in call.stt.jobs:
            assert np.isfinite(clip.audio).all()
            assert abs(float(clip.audio.mean())) < 0.1
            assert clip.audio.dtype == np.float32

    on_a_call(story)


@pytest.mark.parametrize(("reply", "ms"), [("reply_1", 60_000), ("reply_1", -1), ("reply_9", 10), ("", 0)])
def test_a_truncation_that_cannot_be_true_changes_nothing(reply: str, ms: int) -> None:
    async def story(call: LiveCall) -> None:
        await call.speak("turn on the light")
        await call.wait(0.4)
        before = call.session._history.lines
        with pytest.raises(VoiceboxError):
            call.session.truncate(reply, ms)
        assert call.session._history.lines == before
        assert not call.seen(e.Interrupted)
        await call.wait(2.0)
        assert call.answered() == ["turn on the light"]

    on_a_call(story)


def test_a_truncation_after_the_end_cuts_the_history_and_nothing_else() -> None:
    async def story(call: LiveCall) -> None:
        await call.speak("turn on the light")
        await call.wait(4.0)
        assert call.session.truncate("reply_1", 240) == "Okay. turn"
        assert call.session.truncate("reply_1", 120) == "Okay."
        assert call.session._history.lines[-1].text == "Okay."
        assert not call.seen(e.Interrupted)

    on_a_call(story)


def test_a_playout_clock_that_lies() -> None:
    async def story(call: LiveCall) -> None:
        await call.speak("turn on the light")
        await call.wait(0.4)
        for reply, ms in (("reply_1", 10**9), ("reply_1", -5), ("reply_1", 3), ("reply_7", 100)):
            call.session.played(reply, ms)
        await call.wait(3.0)
        assert call.answered() == ["turn on the light"]

    on_a_call(story)


def test_a_tool_whose_result_never_comes() -> None:
    async def story(call: LiveCall) -> None:
        cancelled = []

        async def work() -> Plan:
            try:
                await asyncio.get_running_loop().create_future()
            finally:
                cancelled.append(True)
            raise AssertionError

        plan = call.reflex.plan
        call.reflex.plan = lambda *a, **k: Plan("", work=work)  # type: ignore[method-assign]
        await call.speak("turn on the light")
        await call.wait(35.0)
        assert cancelled
        (done,) = call.seen(e.ReplyDone)
        assert done.text.endswith(TOO_SLOW)
        assert not done.text.startswith(TOO_SLOW), "who waits is told so"
        call.reflex.plan = plan  # type: ignore[method-assign]

    on_a_call(story)


class Stalling(ScriptedChat):
    """Says a sentence, and then nothing for ever."""

    async def stream(self, *args: object, **more: object) -> object:  # type: ignore[override]
        self.prompts.append(())
        try:
            yield "Paris is the capital of France. It is "
            await asyncio.get_running_loop().create_future()
        finally:
            self.closed += 1


def test_an_answer_that_stalls_half_way_ends() -> None:
    chat = Stalling([])

    async def story(call: LiveCall) -> None:
        call.reflex.in_scope = False
        await call.speak("what is the capital of france")
        await call.wait(45.0)
        (done,) = call.seen(e.ReplyDone)
        assert done.text == f"Paris is the capital of France. {LOST_THE_REST}"
        assert chat.closed == len(chat.prompts)
        call.reflex.in_scope = True

    on_a_call(story, chat)


def test_a_caller_who_interrupts_an_answer_that_stalls_leaves_nothing_waiting() -> None:
    chat = Stalling([])

    async def story(call: LiveCall) -> None:
        call.reflex.in_scope = False
        await call.speak("what is the capital of france")
        await call.wait(0.6)
        assert call.session.cancel_reply()
        call.reflex.in_scope = True
        await call.wait(0.1)
        assert not call.session._tasks
        assert chat.closed == len(chat.prompts)

    on_a_call(story, chat)


def test_a_decode_that_never_comes() -> None:
    async def story(call: LiveCall) -> None:
        real = call.stt.submit
        lost: list[Future[Hypothesis]] = []

        def lose(
            clip: Clip, *, session: str, priority: Priority, deadline_s: float | None = None
        ) -> Future[Hypothesis]:
            lost.append(Future())
            return lost[-1]

        call.stt.submit = lose  # type: ignore[method-assign]
        await call.speak("turn on the light")
        await call.wait(35.0)
        assert lost
        assert [drop.reason for drop in call.seen(e.TurnDropped)] == ["no_speech"]
        assert not call.session._tasks
        call.stt.submit = real  # type: ignore[method-assign]
        before = len(call.stt.jobs)
        await call.speak("turn on the light")
        assert any(priority is Priority.PARTIAL for priority, _ in call.stt.jobs[before:]), "partials came to an end"

    on_a_call(story)


def test_decodes_that_come_back_when_their_turn_is_over() -> None:
    async def story(call: LiveCall) -> None:
        call.stt.hold = True
        await call.speak("turn on the light", 0.5)
        call.session.clear_audio()
        seen = len(call.events)
        call.stt.release()
        await call.wait(1.0)
        assert [type(event) for event in call.events[seen:]] in ([], [e.PartialTranscript])
        assert not call.seen(e.TurnCommitted)

    on_a_call(story)


def test_a_client_that_says_everything_at_the_wrong_time() -> None:
    async def story(call: LiveCall) -> None:
        session = call.session
        for _ in range(3):
            with pytest.raises(VoiceboxError, match="no speech"):
                session.commit_audio()
            session.clear_audio()
            assert session.cancel_reply() is False
            session.configure(SessionOptions())
        await call.speak("turn on the light", 0.5)
        session.commit_audio()
        session.clear_audio()
        session.cancel_reply()
        await call.wait(1.0)
        assert len(call.seen(e.TurnCommitted)) + len(call.seen(e.TurnDropped)) == 1

    on_a_call(story)


def test_typed_turns_without_end_keep_no_more_than_the_last() -> None:
    async def story(call: LiveCall) -> None:
        for number in range(500):
            call.session.add_text("user", f"note {number}")
        call.session.request_reply()
        await call.settle()
        assert call.seen(e.ReplyDone)[-1].text == "Okay. note 499"
        assert len(call.session._texts) <= 64
        assert len(call.session._history.lines) <= 24

    on_a_call(story)


def test_audio_after_the_end_is_refused_and_announcements_are_let_go() -> None:
    async def story() -> None:
        call = LiveCall()
        await call.session.close()
        call.session.announce("Your timer is done.")
        with pytest.raises(EngineError, match="closed"):
            call.session.feed(VOICE)
        assert call.events == []

    run(story())


@pytest.mark.parametrize("answered_first", [True, False])
def test_a_client_that_wants_no_replies_any_more_gets_no_side_effects_of_old_ones(answered_first: bool) -> None:
    async def story(call: LiveCall) -> None:
        plan = call.reflex.plan
        if answered_first:
            # A plan without words is carried out, and its answer is never spoken.
            call.reflex.plan = lambda u, **k: Plan("", commit=lambda: call.reflex.done.append(u.text))  # type: ignore[method-assign]
            await call.speak("stop")
            await call.wait(3.0)
            assert call.reflex.done == ["stop"]
        else:
            await call.speak("turn on the light", 0.8)
        call.session.configure(SessionOptions(respond=False))
        await call.speak("turn on the light")
        await call.wait(3.0)
        assert call.seen(e.Transcript)[-1].text == "turn on the light"
        assert call.reflex.done == (["stop"] if answered_first else [])
        call.reflex.plan = plan  # type: ignore[method-assign]
        call.session.configure(SessionOptions())

    on_a_call(story)
