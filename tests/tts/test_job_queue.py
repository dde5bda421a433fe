from __future__ import annotations

from concurrent.futures import Future
from pathlib import Path

import pytest

from tests.tts.dummy_voice import write_voice
from voicebox.errors import EngineError
from voicebox.tts.job_queue import Job, JobQueue, Priority
from voicebox.tts.voices import VoiceRef, find_voice


@pytest.fixture
def ref(tmp_path: Path) -> VoiceRef:
    return find_voice(str(write_voice(tmp_path)), Path)


def _job(queue: JobQueue, priority: Priority, ref: VoiceRef | None = None) -> Job:
    return Job(priority, queue.next_number(), "hello", Future(), ref)


def test_order_is_by_priority_and_then_by_age() -> None:
    queue = JobQueue(9)
    jobs = [_job(queue, Priority(kind)) for kind in (2, 1, 0, 1, 0, 2)]
    for job in reversed(jobs):
        queue.push(job)
    assert [jobs.index(queue.pop()) for _ in jobs] == [2, 4, 1, 3, 0, 5]
    assert len(queue) == 0


def test_a_guess_that_waits_for_its_voice_gives_way_too(ref: VoiceRef) -> None:
    queue = JobQueue(2)
    ready, parked = _job(queue, Priority.SPECULATIVE), _job(queue, Priority.SPECULATIVE, ref)
    queue.push(ready)
    queue.park(parked)
    assert queue.make_room(Priority.COMMITTED) == (parked.future, 1)
    assert queue.unpark(ref) == []
    assert queue.make_room(Priority.COMMITTED) == (None, 0)


def test_warm_up_takes_no_place_and_cancelled_jobs_free_theirs(ref: VoiceRef) -> None:
    queue = JobQueue(1)
    queue.push(_job(queue, Priority.WARM))
    assert queue.make_room(Priority.SPECULATIVE) == (None, 0)
    job = _job(queue, Priority.COMMITTED, ref)
    queue.park(job)
    with pytest.raises(EngineError, match="Too many"):
        queue.make_room(Priority.COMMITTED)
    job.future.cancel()
    assert queue.waiting() == 1
    assert queue.make_room(Priority.COMMITTED) == (None, 1)


def test_only_what_waits_for_the_voice_is_unparked(ref: VoiceRef, tmp_path: Path) -> None:
    queue = JobQueue(9)
    other = find_voice(str(write_voice(tmp_path, "other")), Path)
    jobs = [_job(queue, Priority.COMMITTED, voice) for voice in (ref, other, ref)]
    for job in jobs:
        queue.park(job)
    assert queue.unpark(ref) == [jobs[0], jobs[2]]
    assert queue.clear() == [jobs[1]]
    assert queue.waiting() == 0
