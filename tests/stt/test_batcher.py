from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import CancelledError, Future

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from voicebox.errors import EngineError
from voicebox.stt.batcher import SttBatcher
from voicebox.stt.types import Clip, Hypothesis, Priority

FINAL, PAUSE, PARTIAL = Priority.FINAL, Priority.PAUSE, Priority.PARTIAL


class FakeRecognizer:
    """Names each clip by its first sample; the gate holds it inside a pass until it is opened."""

    name = "fake"

    def __init__(self) -> None:
        self.passes: list[list[int]] = []
        self.gate = threading.Event()
        self.entered = threading.Semaphore(0)
        self.bad: set[int] = set()
        self.short = False

    def decode(self, clips: Sequence[Clip]) -> list[Hypothesis]:
        names = [int(clip.audio[0]) for clip in clips]
        self.passes.append(names)
        self.entered.release()
        assert self.gate.wait(30)
        for name in names:
            if name in self.bad:
                raise RuntimeError(f"bad clip {name}")
        made = [Hypothesis(str(name), 0.0, 0.0, "en", 1.0, 1.0) for name in names]
        return made[1:] if self.short else made


@pytest.fixture
def engine() -> FakeRecognizer:
    return FakeRecognizer()


@pytest.fixture
def batcher(engine: FakeRecognizer) -> Iterator[SttBatcher]:
    batcher = SttBatcher(engine, max_waiting=6, max_batch=3, max_partials=2)
    yield batcher
    engine.gate.set()
    batcher.close()


def clip(name: int, seconds: float = 1.0, prompt: str = "", beam: int = 1) -> Clip:
    audio = np.zeros(int(16_000 * seconds), np.float32)
    audio[0] = name
    return Clip(audio, prompt=prompt, beam=beam)


def block(batcher: SttBatcher, engine: FakeRecognizer) -> Future[Hypothesis]:
    """Keep the thread inside a pass, so that what is submitted next waits."""
    future = batcher.submit(clip(0), session="blocker", priority=FINAL)
    assert engine.entered.acquire(timeout=30)
    return future


def test_a_clip_becomes_its_hypothesis(batcher: SttBatcher, engine: FakeRecognizer) -> None:
    engine.gate.set()
    assert batcher.submit(clip(7), session="a", priority=FINAL).result(30).text == "7"
    assert batcher.name == "fake"


def test_finals_then_pauses_then_partials_and_the_earliest_deadline_first(
    batcher: SttBatcher, engine: FakeRecognizer
) -> None:
    block(batcher, engine)
    for name, priority, deadline in [
        (1, PARTIAL, 1.0),
        (2, PAUSE, 9.0),
        (3, FINAL, None),
        (4, FINAL, 5.0),
        (5, PAUSE, 8.0),
    ]:
        batcher.submit(clip(name, prompt=str(name)), session=f"s{name}", priority=priority, deadline_s=deadline)
    engine.gate.set()
    batcher.close()
    assert engine.passes == [[0], [4], [3], [5], [2], [1]]


def test_like_jobs_share_a_pass_and_others_do_not(batcher: SttBatcher, engine: FakeRecognizer) -> None:
    block(batcher, engine)
    for job in (clip(1), clip(2, prompt="x"), clip(3, seconds=1.5), clip(4, seconds=4), clip(5, beam=5), clip(6)):
        batcher.submit(job, session=str(job.audio[0]), priority=FINAL)
    engine.gate.set()
    batcher.close()
    assert engine.passes == [[0], [1, 3, 6], [2], [4], [5]]


def test_a_final_carries_no_partials_and_passes_are_bounded(batcher: SttBatcher, engine: FakeRecognizer) -> None:
    block(batcher, engine)
    for name, priority in enumerate([PARTIAL, PARTIAL, PARTIAL, FINAL], start=1):
        batcher.submit(clip(name), session=f"s{name}", priority=priority)
    engine.gate.set()
    batcher.close()
    assert engine.passes == [[0], [4], [1, 2], [3]]


def test_a_newer_job_replaces_the_partial_that_waits(batcher: SttBatcher, engine: FakeRecognizer) -> None:
    block(batcher, engine)
    stale = batcher.submit(clip(1), session="a", priority=PARTIAL)
    other = batcher.submit(clip(2), session="b", priority=PARTIAL)
    newer = batcher.submit(clip(3), session="a", priority=PARTIAL)
    assert stale.cancelled()
    pause = batcher.submit(clip(4), session="a", priority=PAUSE)
    assert newer.cancelled()
    final = batcher.submit(clip(5), session="a", priority=FINAL)
    assert not pause.cancelled()
    engine.gate.set()
    assert [f.result(30).text for f in (other, pause, final)] == ["2", "4", "5"]
    assert batcher.stats.replaced == 2


def test_a_partial_that_runs_is_not_disturbed(batcher: SttBatcher, engine: FakeRecognizer) -> None:
    running = batcher.submit(clip(1), session="a", priority=PARTIAL)
    assert engine.entered.acquire(timeout=30)
    batcher.submit(clip(2), session="a", priority=PARTIAL)
    engine.gate.set()
    assert running.result(30).text == "1"


def test_cancelling_removes_the_job(batcher: SttBatcher, engine: FakeRecognizer) -> None:
    block(batcher, engine)
    futures = [batcher.submit(clip(n), session=str(n), priority=FINAL) for n in range(1, 7)]
    assert batcher.stats.waiting == 6
    assert all(future.cancel() for future in futures)
    assert batcher.stats.waiting == 0
    kept = batcher.submit(clip(9), session="z", priority=FINAL)
    engine.gate.set()
    assert kept.result(30).text == "9"
    assert engine.passes == [[0], [9]]
    assert batcher.stats.cancelled == 6


def test_when_full_partials_give_way_and_then_submitting_fails(batcher: SttBatcher, engine: FakeRecognizer) -> None:
    block(batcher, engine)
    partials = [batcher.submit(clip(n), session=str(n), priority=PARTIAL, deadline_s=n) for n in range(1, 7)]
    with pytest.raises(EngineError, match="6 jobs waiting"):
        batcher.submit(clip(7), session="7", priority=PARTIAL)
    batcher.submit(clip(8), session="8", priority=FINAL)
    assert [f.cancelled() for f in partials] == [False] * 5 + [True]
    for n in range(9, 14):
        batcher.submit(clip(n), session=str(n), priority=PAUSE)
    assert all(f.cancelled() for f in partials)
    with pytest.raises(EngineError, match="fake"):
        batcher.submit(clip(14), session="14", priority=FINAL)
    # A session's own stale partial does not count against its next one.
    assert batcher.stats.waiting == 6


def test_a_replacement_fits_into_a_full_queue(batcher: SttBatcher, engine: FakeRecognizer) -> None:
    block(batcher, engine)
    for n in range(1, 7):
        batcher.submit(clip(n), session=str(n), priority=PARTIAL)
    newer = batcher.submit(clip(10), session="1", priority=PARTIAL)
    engine.gate.set()
    assert newer.result(30).text == "10"


def test_a_bad_clip_fails_alone_and_the_thread_lives(batcher: SttBatcher, engine: FakeRecognizer) -> None:
    block(batcher, engine)
    engine.bad = {2}
    futures = [batcher.submit(clip(n), session=str(n), priority=FINAL) for n in (1, 2, 3)]
    engine.gate.set()
    assert futures[0].result(30).text == "1"
    with pytest.raises(RuntimeError, match="bad clip 2"):
        futures[1].result(30)
    assert futures[2].result(30).text == "3"
    assert batcher.submit(clip(4), session="4", priority=FINAL).result(30).text == "4"
    stats = batcher.stats
    assert (stats.failed, stats.completed, stats.submitted) == (1, 4, 5)


def test_a_recogniser_that_miscounts_is_an_error(batcher: SttBatcher, engine: FakeRecognizer) -> None:
    engine.short = True
    engine.gate.set()
    with pytest.raises(EngineError, match="0 hypotheses for 1"):
        batcher.submit(clip(1), session="a", priority=FINAL).result(30)


def test_a_callback_that_raises_does_not_kill_the_thread(batcher: SttBatcher, engine: FakeRecognizer) -> None:
    def explode(future: Future[Hypothesis]) -> None:
        raise RuntimeError("foreign code")

    first = block(batcher, engine)
    first.add_done_callback(explode)
    engine.gate.set()
    assert batcher.submit(clip(1), session="a", priority=FINAL).result(30).text == "1"


def test_closing_drains_and_is_idempotent(batcher: SttBatcher, engine: FakeRecognizer) -> None:
    block(batcher, engine)
    waiting = batcher.submit(clip(1), session="a", priority=PARTIAL)
    engine.gate.set()
    batcher.close()
    batcher.close()
    assert waiting.result(0).text == "1"
    with pytest.raises(EngineError, match="closed"):
        batcher.submit(clip(2), session="a", priority=FINAL)


def test_closing_without_draining_cancels(batcher: SttBatcher, engine: FakeRecognizer) -> None:
    first = block(batcher, engine)
    waiting = batcher.submit(clip(1), session="a", priority=FINAL)
    batcher.close(drain=False, timeout_s=0)
    with pytest.raises(CancelledError):
        waiting.result(0)
    engine.gate.set()
    assert first.result(30).text == "0"


def test_load_and_waits_follow_the_clock(engine: FakeRecognizer) -> None:
    now = [100.0]
    batcher = SttBatcher(engine, clock=lambda: now[0])
    assert batcher.load == 0
    first = block(batcher, engine)
    second = batcher.submit(clip(1), session="a", priority=FINAL)
    now[0] += 0.5
    assert batcher.load == pytest.approx(0.25)
    now[0] += 4
    assert batcher.load == 1
    engine.gate.set()
    first.result(30)
    second.result(30)
    batcher.close()
    stats = batcher.stats
    assert stats.wait_ms == pytest.approx((0, 4_500))
    assert stats.decode_ms == pytest.approx((4_500, 0))
    assert stats.batch_sizes == (1, 1)
    now[0] += 1
    assert batcher.load == pytest.approx(0.5)
    now[0] += 5
    assert batcher.load == 0


@settings(max_examples=30, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from("abc"), st.sampled_from(list(Priority)), st.one_of(st.none(), st.floats(0, 9))),
        max_size=12,
    )
)
def test_every_job_ends_and_only_partials_are_dropped(jobs: list[tuple[str, Priority, float | None]]) -> None:
    engine = FakeRecognizer()
    batcher = SttBatcher(engine, max_waiting=50)
    block(batcher, engine)
    futures = [
        (priority, batcher.submit(clip(n), session=session, priority=priority, deadline_s=deadline))
        for n, (session, priority, deadline) in enumerate(jobs, start=1)
    ]
    engine.gate.set()
    batcher.close()
    for n, (priority, future) in enumerate(futures, start=1):
        assert future.done()
        if future.cancelled():
            assert priority == PARTIAL
        else:
            assert future.result().text == str(n)
    stats = batcher.stats
    assert stats.completed + stats.replaced == stats.submitted == len(jobs) + 1


def test_an_express_thread_takes_finals_past_a_partial_that_runs() -> None:
    running, release = threading.Event(), threading.Event()

    class Slow:
        name = "slow"

        def decode(self, clips: Sequence[Clip]) -> list[Hypothesis]:
            if len(clips[0].audio) == 1:
                running.set()
                assert release.wait(10)
            return [Hypothesis("", 0.0, 0.0, "en", 0.0, 0.0) for _ in clips]

    batcher = SttBatcher(Slow(), express=True)
    partial = batcher.submit(Clip(np.zeros(1, np.float32)), session="a", priority=Priority.PARTIAL)
    assert running.wait(10)
    batcher.submit(Clip(np.zeros(2, np.float32)), session="a", priority=Priority.PAUSE).result(10)
    second = batcher.submit(Clip(np.zeros(2, np.float32)), session="b", priority=Priority.PARTIAL)
    assert not partial.done()
    assert not second.done()
    release.set()
    second.result(10)
    batcher.close()
