from __future__ import annotations

import threading
from concurrent.futures import Future

import pytest

from voicebox.errors import EngineError
from voicebox.llm.swap import SwapIntentModel
from voicebox.llm.types import IntentScore


class HeldModel:
    """Answers when the test says so; notes when it is closed."""

    def __init__(self, label: str) -> None:
        self.labels = (label, "oos")
        self.threshold = 0.5
        self.jobs: list[Future[IntentScore]] = []
        self.released: list[str] = []
        self.closed = threading.Event()
        self.refuses = False

    def score(self, text: str, *, session: str) -> Future[IntentScore]:
        if self.refuses:
            raise EngineError("full")
        self.jobs.append(Future())
        return self.jobs[-1]

    def answer(self) -> None:
        self.jobs.pop(0).set_result(IntentScore(((self.labels[0], 1.0), ("oos", 0.0)), 1.0, 1.0, True, 1.0))

    def release(self, session: str) -> None:
        self.released.append(session)

    def close(self) -> None:
        self.closed.set()


def test_jobs_end_where_they_began():
    old, new = HeldModel("old"), HeldModel("new")
    model = SwapIntentModel(old)
    first = model.score("a", session="s")
    model.swap(new)
    second = model.score("b", session="s")
    assert model.labels == ("new", "oos")
    assert not old.closed.is_set()
    new.answer()
    old.answer()
    assert first.result().intent == "old"
    assert second.result().intent == "new"
    assert old.closed.wait(10)
    assert not new.closed.is_set()


def test_an_idle_model_is_closed_at_once():
    old = HeldModel("old")
    SwapIntentModel(old).swap(HeldModel("new"))
    assert old.closed.wait(10)


def test_a_cancelled_and_a_failed_job_count_as_done():
    old = HeldModel("old")
    model = SwapIntentModel(old)
    cancelled, failed = model.score("a", session="s"), model.score("b", session="t")
    old.refuses = True
    with pytest.raises(EngineError):
        model.score("c", session="u")
    model.swap(HeldModel("new"))
    cancelled.cancel()
    assert not old.closed.is_set()
    old.jobs[1].set_exception(EngineError("broken"))
    assert old.closed.wait(10)
    assert isinstance(failed.exception(), EngineError)


def test_the_old_one_may_end_in_the_thread_that_its_close_waits_for():
    class Joining(HeldModel):
        def __init__(self) -> None:
            super().__init__("old")
            self.go = threading.Event()
            self.thread = threading.Thread(target=self.run)
            self.thread.start()

        def run(self) -> None:
            self.go.wait()
            self.answer()

        def close(self) -> None:
            self.thread.join()
            super().close()

    old = Joining()
    model = SwapIntentModel(old)
    job = model.score("a", session="s")
    model.swap(HeldModel("new"))
    old.go.set()
    assert job.result(10).intent == "old"
    assert old.closed.wait(10)


def test_release_and_close_reach_the_current_model():
    old, new = HeldModel("old"), HeldModel("new")
    model = SwapIntentModel(old)
    model.swap(new)
    model.release("s")
    assert new.released == ["s"]
    model.close()
    assert new.closed.is_set()


def test_a_model_that_comes_after_the_end_is_closed():
    model, late = SwapIntentModel(HeldModel("old")), HeldModel("late")
    model.close()
    model.swap(late)
    assert late.closed.wait(10)
