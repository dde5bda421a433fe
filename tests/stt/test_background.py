"""Recordings behind calls: their jobs go last, alone, and count as no one's waiting."""

from collections.abc import Iterator

import pytest

from tests.stt.test_batcher import FakeRecognizer, clip
from voicebox.errors import EngineError
from voicebox.stt.batcher import SttBatcher
from voicebox.stt.types import Priority

BACKGROUND = Priority.BACKGROUND


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def engine() -> FakeRecognizer:
    return FakeRecognizer()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def batcher(engine: FakeRecognizer, clock: Clock) -> Iterator[SttBatcher]:
    batcher = SttBatcher(engine, max_waiting=4, clock=clock)
    yield batcher
    engine.gate.set()
    batcher.close()


def held(batcher: SttBatcher, engine: FakeRecognizer) -> None:
    batcher.submit(clip(0), session="s0", priority=Priority.FINAL)
    engine.entered.acquire()


def test_recordings_go_last_and_one_by_one(batcher: SttBatcher, engine: FakeRecognizer) -> None:
    held(batcher, engine)
    jobs = [batcher.submit(clip(i), session=f"file{i}", priority=BACKGROUND) for i in (1, 2)]
    jobs += [batcher.submit(clip(3), session="s3", priority=Priority.PARTIAL)]
    jobs += [batcher.submit(clip(4), session="s4", priority=Priority.FINAL)]
    engine.gate.set()
    for job in jobs:
        job.result(30)
    assert engine.passes == [[0], [4], [3], [1], [2]]


def test_a_call_does_not_give_way_to_recordings(batcher: SttBatcher, engine: FakeRecognizer) -> None:
    held(batcher, engine)
    partials = [batcher.submit(clip(i), session=f"s{i}", priority=Priority.PARTIAL) for i in (1, 2, 3, 4)]
    with pytest.raises(EngineError, match="4 jobs waiting"):
        batcher.submit(clip(5), session="file", priority=BACKGROUND)
    assert not any(partial.cancelled() for partial in partials)


def test_only_calls_wait(batcher: SttBatcher, engine: FakeRecognizer, clock: Clock) -> None:
    held(batcher, engine)
    batcher.submit(clip(1), session="file", priority=BACKGROUND)
    clock.now += 5
    assert batcher.waiting_s == 0
    final = batcher.submit(clip(2), session="s2", priority=Priority.FINAL)
    clock.now += 2
    assert batcher.waiting_s == 2
    engine.gate.set()
    final.result(30)
    assert batcher.waiting_s == 0
