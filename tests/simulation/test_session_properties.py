"""A whole session in the hands of chance: whatever the caller, the client and the engines do in whatever order, every
promise holds, each held by `Watch`."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from tests.simulation.engines import Trouble
from tests.simulation.hour import Call
from tests.simulation.loop import VirtualLoop
from voicebox.conversation.ports import SessionOptions
from voicebox.errors import VoiceboxError

SECONDS = st.sampled_from([0.0, 0.1, 0.4, 1.0, 3.0])
TROUBLE = st.sampled_from([Trouble(0.0, 0.0, 0.0), Trouble(), Trouble(fails=0.2, late=0.3, lost=0.1)])
OPTIONS = st.builds(
    SessionOptions,
    eagerness=st.sampled_from(["low", "medium", "high", "auto"]),
    server_vad=st.sampled_from([True, True, True, False]),
    interruptible=st.booleans(),
    respond=st.sampled_from([True, True, True, False]),
    idle_timeout_ms=st.sampled_from([None, 5000]),
)
WORDS = st.sampled_from(
    ["please turn on the light", "what about the moon", "stop", "yeah", "please set a timer and", "no wait please"]
)


class WholeSession(RuleBasedStateMachine):
    """The caller speaks, pauses, makes noise; the client types, cuts, cancels; engines fail, are late, or forget."""

    @initialize(seed=st.integers(0, 10_000), trouble=TROUBLE, options=OPTIONS)
    def begin(self, seed: int, trouble: Trouble, options: SessionOptions) -> None:
        logging.disable(logging.ERROR)
        self.runner = asyncio.Runner(loop_factory=VirtualLoop)

        async def open() -> Call:
            return Call(seed, trouble=trouble, options=options)

        self.call = self.runner.run(open())

    def _do(self, story: Coroutine[Any, Any, None]) -> None:
        self.runner.run(story)

    @rule(text=WORDS)
    def caller_speaks(self, text: str) -> None:
        self._do(self.call.say(text))

    @rule(seconds=SECONDS)
    def caller_is_silent(self, seconds: float) -> None:
        self._do(self.call.silence(seconds))

    @rule(text=WORDS)
    def caller_asks_and_listens(self, text: str) -> None:
        async def story() -> None:
            await self.call.say(text)
            await self.call.reply(longest_s=6.0)

        self._do(story())

    @rule()
    def something_falls(self) -> None:
        self._do(self.call.noise_burst())

    @rule(gain=st.sampled_from([0.0, 0.1, 0.4]))
    def loudspeaker_is_turned(self, gain: float) -> None:
        self.call.echo = gain

    @rule(seconds=st.sampled_from([0.3, 5.0, 40.0]))
    def nothing_comes_through(self, seconds: float) -> None:
        self._do(asyncio.sleep(seconds))

    @rule(asked=st.booleans())
    def client_types(self, asked: bool) -> None:
        async def story() -> None:
            text = f"please {self.call.request()}"
            self.call.watch.typed(self.call.session.add_text("user", text), text)
            if asked:
                self.call.session.request_reply()

        self._do(story())

    @rule(what=st.sampled_from(["cancel_reply", "clear_audio", "commit_audio"]))
    def client_orders(self, what: str) -> None:
        async def story() -> None:
            try:
                getattr(self.call.session, what)()
            except VoiceboxError:
                assert what == "commit_audio"

        self._do(story())

    @rule()
    def client_truncates(self) -> None:
        async def story() -> None:
            playing = self.call.watch.far.sounding(self.call.loop.time())
            if playing is not None:
                self.call.truncate(playing.reply)

        self._do(story())

    @rule(options=OPTIONS)
    def client_configures(self, options: SessionOptions) -> None:
        async def story() -> None:
            self.call.session.configure(options)

        self._do(story())

    @rule()
    def timer_rings(self) -> None:
        async def story() -> None:
            self.call.session.announce("Your timer is done.")

        self._do(story())

    @invariant()
    def all_is_as_promised(self) -> None:
        if hasattr(self, "call"):
            self.call.watch.look()

    def teardown(self) -> None:
        """Once the caller is silent all comes to its end, and nothing is left."""
        if not hasattr(self, "call"):
            return

        async def story() -> None:
            call = self.call
            call.echo = 0.0
            call.session.configure(SessionOptions())
            await call.silence(40.0)
            await asyncio.sleep(150.0)
            await call.silence(2.0)
            call.watch.end()
            await call.session.close()
            assert call.chat.opened == call.chat.closed
            assert [task for task in asyncio.all_tasks() if task is not asyncio.current_task()] == []

        try:
            self._do(story())
        finally:
            self.runner.close()
            logging.disable(logging.NOTSET)


WholeSession.TestCase.settings = settings(max_examples=25, stateful_step_count=15, deadline=None, derandomize=True)
TestWholeSession = pytest.mark.timeout(120)(WholeSession.TestCase)
