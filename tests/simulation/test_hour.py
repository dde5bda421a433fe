"""Minutes of conversation in virtual time; `python -m scripts.bench.hour` runs a whole hour of it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from types import SimpleNamespace

import numpy as np
import pytest

from tests.conversation.records import Lines
from tests.simulation.engines import Trouble
from tests.simulation.hour import Call, simulate
from tests.simulation.loop import run
from tests.simulation.watch import Watch
from voicebox.conversation import events as e
from voicebox.conversation.log import read
from voicebox.conversation.mouth import Mouth
from voicebox.conversation.replay import replay
from voicebox.conversation.replies import Replies
from voicebox.conversation.speculation import SpeculationAccount


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """What fails in a simulation fails on purpose."""
    logging.disable(logging.ERROR)
    yield
    logging.disable(logging.NOTSET)


def test_virtual_time_passes_without_waiting() -> None:
    async def story() -> list[str]:
        said: list[str] = []
        loop = asyncio.get_running_loop()
        loop.call_later(3600.0, said.append, "an hour later")
        loop.call_later(1.0, said.append, "soon")
        await asyncio.sleep(7200.0)
        return said

    assert run(story()) == ["soon", "an hour later"]


def test_nobody_can_wait_for_what_never_comes() -> None:
    async def story() -> None:
        await asyncio.get_running_loop().create_future()

    with pytest.raises(RuntimeError, match="nothing will ever happen"):
        run(story())


@pytest.mark.parametrize("seed", [1, 2])
def test_minutes_of_conversation_keep_every_promise(seed: int) -> None:
    report = run(simulate(120.0, seed))
    assert report.turns >= 5
    assert report.replies >= 5


def test_a_day_on_which_much_goes_wrong_keeps_every_promise() -> None:
    report = run(simulate(150.0, 3, trouble=Trouble(fails=0.15, late=0.2, lost=0.08)))
    assert sum(count for name, count in report.counts.items() if name.startswith("error")) >= 5


def test_the_same_seed_gives_the_same_call() -> None:
    counts = [run(simulate(60.0, 5)).counts for _ in range(2)]
    assert counts[0] == counts[1]


def test_a_recorded_call_does_the_same_again() -> None:
    sink = Lines()
    run(simulate(90.0, 6, record=sink))
    log = read(sink.lines)
    assert log.ended
    result = replay(log)
    assert result.difference is None
    assert result.steps > 200


def test_what_a_session_keeps_does_not_grow() -> None:
    """Twice as long keeps no more: what a session holds is bounded, and what it made is gone."""
    report = run(simulate(400.0, 7))
    early, late = report.objects[len(report.objects) // 2], report.objects[-1]
    assert late - early < 1_500, report.objects
    for name in report.sizes[0]:
        most = max(sizes[name] for sizes in report.sizes[: len(report.sizes) // 2])
        # Of the echo a session keeps what is still to be played: of one reply, whichever is looked at.
        floor = 4_000 if name == "echo" else 40
        assert max(sizes[name] for sizes in report.sizes) <= max(2 * most, floor), name


# The checks can fail: a session that breaks a promise is caught.


async def _calm(call: Call) -> None:
    await call.say("please turn on the light and the radio now", pauses=0.0)
    for _ in range(300):
        await call.silence(0.032)
        if call.watch.far.sounding(call.loop.time()) is not None:
            break
    await call.silence(0.6)
    await call.say("no wait stop that", pauses=0.0)
    await call.silence(2.0)
    assert call.watch.counts["Interrupted"] == 1
    call.watch.look()
    await call.silence(100.0)
    call.watch.end()


def _story(call_of: type[Call] = Call) -> None:
    async def story() -> None:
        call = call_of(3, trouble=Trouble(0.0, 0.0, 0.0))
        try:
            await _calm(call)
        finally:
            await call.session.close()

    run(story())


def test_a_calm_call_keeps_every_promise() -> None:
    _story()


def test_a_history_of_what_nobody_heard_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("voicebox.conversation.history.History.cut", lambda self, id, heard: True)
    with pytest.raises(AssertionError, match="nobody heard"):
        _story()


def test_an_account_that_is_too_high_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    real = Mouth._break_off
    monkeypatch.setattr(Mouth, "_break_off", lambda self, reply, reason, now: real(self, reply, reason, now + 1.0))
    with pytest.raises(AssertionError, match="in the account"):
        _story()


def test_a_reply_that_never_ends_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Replies, "_said", lambda self, text: None)
    with pytest.raises(AssertionError):
        _story()


def test_a_guess_that_is_forgotten_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    def forget(self: object) -> None:
        self.open = None  # type: ignore[attr-defined]

    monkeypatch.setattr("voicebox.conversation.speculation.SpeculationAccount.waste", forget)
    with pytest.raises(AssertionError, match="SpeculationAccount"):
        run(simulate(150.0, 1))


def _watch() -> Watch:
    watch = Watch(lambda: 10.0)

    watch.session = SimpleNamespace(speculation=SpeculationAccount())  # type: ignore[assignment]
    return watch


SOUND = np.zeros(16_000, np.float32)
BEGIN: list[e.SessionEvent] = [
    e.SpeechStarted("turn_1", 0),
    e.TurnCommitted("turn_1", 0),
    e.Transcript("turn_1", "hello", 0.0, "en", 1.0),
]
REPLY: list[e.SessionEvent] = [
    e.ReplyStarted("reply_1", "turn_1", "reflex"),
    e.ReplyText("reply_1", "hi you"),
    e.ReplyAudio("reply_1", SOUND, 16_000),
]

DONE = e.ReplyDone("reply_1", "completed", "hi you")


@pytest.mark.parametrize(
    ("events", "message"),
    [
        ([e.SpeechStarted("turn_1", 0), e.SpeechStarted("turn_1", 0)], "began twice"),
        ([e.SpeechStarted("turn_1", 0), e.SpeechStarted("turn_2", 0)], "while"),
        ([e.TurnCommitted("turn_1", 0)], "nobody knew"),
        ([*BEGIN, e.TurnDropped("turn_1", "echo")], "ended twice"),
        ([e.ReplyStarted("reply_1", "turn_1", "reflex")], "not committed"),
        ([*BEGIN, *REPLY, e.ReplyStarted("reply_2", None, "reflex")], "before"),
        ([*BEGIN, *REPLY, DONE, e.ReplyStarted("reply_2", None, "reflex")], "was heard"),
        ([*BEGIN, *REPLY, DONE, e.ReplyText("reply_1", "more")], "after its end"),
        ([*BEGIN, *REPLY, e.Interrupted("reply_1", 900, "hi you")], "in the account"),
        ([*BEGIN, *REPLY, e.Interrupted("reply_1", 0, "what")], "never said"),
        ([*BEGIN, *REPLY, e.Ducked("reply_1", True), e.Ducked("reply_1", True)], "ducked twice"),
    ],
)  # fmt: skip
def test_the_watch_sees_what_is_wrong(events: list[e.SessionEvent], message: str) -> None:
    watch, last = _watch(), events.pop()
    for event in events:
        watch(event)
    with pytest.raises(AssertionError, match=message):
        watch(last)


def test_side_effects_come_after_the_commit_and_once() -> None:
    watch = _watch()
    with pytest.raises(AssertionError, match="nobody has finished"):
        watch.acted("hello")
    for event in BEGIN:
        watch(event)
    watch.acted("hello")
    with pytest.raises(AssertionError, match="twice"):
        watch.acted("hello")
