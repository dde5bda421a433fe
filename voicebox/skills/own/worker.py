"""Users' code off the event loop, with a time limit.

A thread cannot be stopped from outside: a call that runs over is left behind, and a skill that leaves too many behind
is not called any more until they are over.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

from voicebox.errors import EngineError

__all__ = ["Worker"]

_log = logging.getLogger(__name__)

T = TypeVar("T")

_MAX_CALLS = 8


class Worker:
    """Calls one skill's functions, each in a thread of its own.

    Args:
        name: the skill, for messages.
        timeout_s: how long a call may take.
    """

    def __init__(self, name: str, *, timeout_s: float) -> None:
        self._name = name
        self._timeout_s = timeout_s
        self._room = threading.BoundedSemaphore(_MAX_CALLS)

    async def call(self, function: Callable[[], T]) -> T:
        """What the function returns, or what it raises.

        Raises:
            EngineError: it took too long, or too many calls of this skill still run.
        """
        future = self.submit(function)
        try:
            return await asyncio.wait_for(asyncio.wrap_future(future), self._timeout_s)
        except TimeoutError:
            raise EngineError(f"The skill {self._name} took longer than {self._timeout_s:g} s") from None

    def submit(self, function: Callable[[], T]) -> Future[T]:
        """Run a function in a thread.

        Raises:
            EngineError: too many calls of this skill still run.
        """
        if not self._room.acquire(blocking=False):
            raise EngineError(f"The skill {self._name} has {_MAX_CALLS} calls that do not end")
        future: Future[T] = Future()

        def run() -> None:
            try:
                result = function()
            except BaseException as error:
                self._room.release()
                if future.set_running_or_notify_cancel():
                    # One that would end the process ends the call.
                    fits = isinstance(error, Exception)
                    future.set_exception(error if fits else EngineError(f"The skill {self._name} raised {error!r}"))
                return
            self._room.release()
            if future.set_running_or_notify_cancel():
                future.set_result(result)

        threading.Thread(target=run, name=f"skill-{self._name}", daemon=True).start()
        return future

    def later(self, function: Callable[[], object], what: str) -> None:
        """Run a function whose end nobody waits for; a failure is a line in the log."""

        def note(done: Future[object]) -> None:
            if (error := done.exception()) is not None:
                _log.error("The skill %s failed %s", self._name, what, exc_info=error)

        self.submit(function).add_done_callback(note)
