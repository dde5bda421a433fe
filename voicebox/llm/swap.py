"""An intent model that can be exchanged while it is used."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import Future

from voicebox.llm.types import IntentModel, IntentScore

__all__ = ["SwapIntentModel"]


class _Held:
    """A model with the jobs that it has not answered."""

    def __init__(self, model: IntentModel) -> None:
        self.model = model
        self.jobs = 0
        self.retired = False


class SwapIntentModel:
    """Implements `IntentModel` by the model that is current.

    Every text is scored by one model from beginning to end: those that wait when it is exchanged are answered by the
    old one, which is closed after the last of them. Thread-safe. It owns the models that it was given.
    """

    def __init__(self, model: IntentModel) -> None:
        self._lock = threading.Lock()
        self._current = _Held(model)
        self._closed = False

    @property
    def current(self) -> IntentModel:
        """The model that new texts go to."""
        return self._current.model

    @property
    def labels(self) -> Sequence[str]:
        """The current model's labels."""
        return self.current.labels

    @property
    def threshold(self) -> float:
        """The current model's threshold."""
        return self.current.threshold

    def score(self, text: str, *, session: str) -> Future[IntentScore]:
        """Score a text by the current model.

        Raises:
            EngineError: it is closed or has too many jobs.
        """
        with self._lock:
            held = self._current
            held.jobs += 1
        try:
            future = held.model.score(text, session=session)
        except BaseException:
            self._done(held)
            raise
        future.add_done_callback(lambda _: self._done(held))
        return future

    def release(self, session: str) -> None:
        """Forget the session. A model that was exchanged forgets all of them soon."""
        self.current.release(session)

    def swap(self, model: IntentModel) -> None:
        """Let another model score all new texts; the old one is closed once its jobs are done."""
        with self._lock:
            old, self._current = self._current, _Held(model)
            if self._closed:
                old = self._current
            old.retired = True
            idle = old.jobs == 0
        if idle:
            _close(old.model)

    def close(self) -> None:
        """Free the current model. Idempotent."""
        with self._lock:
            self._closed = True
        self.current.close()

    def _done(self, held: _Held) -> None:
        with self._lock:
            held.jobs -= 1
            idle = held.retired and held.jobs == 0
        if idle:
            _close(held.model)


def _close(model: IntentModel) -> None:
    """Close it in a thread of its own: the last job may end in the thread that closing waits for."""
    threading.Thread(target=model.close, name="intent-close", daemon=True).start()
