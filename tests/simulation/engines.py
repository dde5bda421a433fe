"""Engines that are as slow, late and broken as chance wants, for conversations in virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import datetime
from random import Random
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from voicebox.errors import EngineError
from voicebox.llm.types import Message
from voicebox.skills.types import Control, Dialog, Plan, Understanding
from voicebox.stt.types import Clip, Hypothesis, Priority
from voicebox.tts.types import Manner, SpokenPhrase, SpokenWord
from voicebox.vad.types import VadStream

T = TypeVar("T")

RATE = 16_000
WORD_S = 0.24


@dataclass(frozen=True)
class Trouble:
    """How often what goes wrong, as probabilities of each job."""

    fails: float = 0.02
    late: float = 0.03
    lost: float = 0.004


class Engine:
    """Jobs that are done after a while, with trouble."""

    def __init__(self, random: Random, trouble: Trouble) -> None:
        self.random = random
        self.trouble = trouble
        self.jobs = 0
        self.lost = 0

    def job(self, make: Callable[[], T], low_s: float, high_s: float) -> Future[T]:
        """The result of `make`, later; or an error; or nothing, ever."""
        self.jobs += 1
        future: Future[T] = Future()
        fate = self.random.random()

        def finish() -> None:
            if future.done():
                return
            if fate < self.trouble.fails:
                future.set_exception(EngineError("the engine is broken"))
            else:
                future.set_result(make())

        if fate > 1 - self.trouble.lost:
            self.lost += 1
            return future
        late = fate > 1 - self.trouble.lost - self.trouble.late
        seconds = self.random.uniform(2.0, 8.0) if late else self.random.uniform(low_s, high_s)
        asyncio.get_running_loop().call_later(seconds, finish)
        return future

    async def pause(self, low_s: float, high_s: float) -> None:
        await asyncio.sleep(self.random.uniform(low_s, high_s))


class Vad:
    """Loud is speech."""

    def stream(self) -> Vad:
        return self

    def probability(self, frame: NDArray[np.float32]) -> float:
        return 1.0 if float(np.abs(frame).max()) > 0.05 else 0.0

    def reset(self) -> None: ...

    def probabilities(self, streams: list[VadStream], frames: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.array([self.probability(frame) for frame in frames], np.float32)


class Recogniser(Engine):
    """Hears the words that `words` gives for the last seconds of the microphone's sound."""

    load = 0.0

    def __init__(self, random: Random, trouble: Trouble, words: Callable[[float], str]) -> None:
        super().__init__(random, trouble)
        self._words = words

    def submit(
        self, clip: Clip, *, session: str, priority: Priority, deadline_s: float | None = None
    ) -> Future[Hypothesis]:
        seconds = len(clip.audio) / RATE
        text = self._words(seconds)
        return self.job(lambda: Hypothesis(text, -0.2, 0.1, "en", seconds, 60.0, rejected=not text), 0.03, 0.25)


class Judge(Engine):
    """Says by chance whether a pause sounds like an end."""

    def submit(self, audio: NDArray[np.float32], *, session: str) -> Future[float]:
        done = self.random.random()
        return self.job(lambda: done, 0.01, 0.06)


class Reflex(Engine):
    """Takes texts that begin with "please"; its answers repeat them. `done` is told of each side effect."""

    def __init__(self, random: Random, trouble: Trouble, done: Callable[[str], None]) -> None:
        super().__init__(random, trouble)
        self._done = done

    async def understand(
        self, text: str, *, dialog: Dialog, session: str, now: datetime, skills: tuple[str, ...] | None = None
    ) -> Understanding:
        await self.pause(0.002, 0.03)
        if self.random.random() < self.trouble.fails:
            raise EngineError("the intent model is broken")
        complete = 0.2 if text.endswith("and") else self.random.choice([0.5, 1.0])
        return Understanding(text, "test.echo", {}, 0.95, text.startswith(("please", "stop")), complete)

    def plan(self, understanding: Understanding, *, dialog: Dialog, now: datetime, session: str) -> Plan | None:
        text = understanding.text
        if not understanding.in_scope:
            return None
        if text.startswith("stop"):
            return Plan("", control=Control.STOP, commit=lambda: self._done(text))

        def commit() -> None:
            self._done(text)
            if self.random.random() < self.trouble.fails:
                raise RuntimeError("the lamp is out")

        plan = Plan(f"Okay. {text}.", commit=commit)
        fate = self.random.random()
        if fate > 0.2:
            return plan

        async def work() -> Plan:
            if fate < self.trouble.lost:
                self.lost += 1
                await asyncio.get_running_loop().create_future()
            await self.pause(0.1, 3.0)
            if fate < self.trouble.lost + self.trouble.fails:
                raise EngineError("the tool is broken")
            return plan

        return Plan("", work=work)

    def next_dialog(
        self, dialog: Dialog, understanding: Understanding, plan: Plan | None, *, now: datetime, session: str
    ) -> Dialog:
        return Dialog(last_reply=plan.reply if plan else "")

    def bias(self, text: str, *, dialog: Dialog, skills: tuple[str, ...] | None = None) -> str:
        return ""

    def release(self, session: str) -> None: ...


def tone(seconds: float, random: Random) -> NDArray[np.float32]:
    """A voice of sorts: a tone whose loudness wavers."""
    at = np.arange(round(seconds * RATE)) / RATE
    pitch, beat = random.uniform(110, 300), random.uniform(2.5, 6.0)
    wave = sum(np.sin(2 * np.pi * pitch * k * at) / k for k in range(1, 8))
    return (0.15 * (0.55 + 0.45 * np.sin(2 * np.pi * beat * at)) * wave).astype(np.float32)


class Speaker(Engine):
    """`WORD_S` of a wavering tone for each word."""

    rate = RATE

    def submit(self, phrase: str, *, speculative: bool = False, manner: Manner | None = None) -> Future[SpokenPhrase]:
        words, step = phrase.split(), round(WORD_S * RATE)
        spoken = tuple(SpokenWord(word, i * step, (i + 1) * step) for i, word in enumerate(words))
        audio = tone(WORD_S * len(words), self.random)
        return self.job(lambda: SpokenPhrase(phrase, audio, RATE, spoken, 1.0), 0.01, 0.15)


class Chat(Engine):
    """Talks for a sentence or three; `opened` and `closed` count its answers."""

    name = "sim"

    def __init__(self, random: Random, trouble: Trouble) -> None:
        super().__init__(random, trouble)
        self.opened = self.closed = 0
        self.longest = 0

    async def prefill(self, messages: Sequence[Message], *, session: str, examples: bool = True) -> None:
        await self.pause(0.01, 0.1)

    async def stream(
        self,
        messages: Sequence[Message],
        *,
        session: str,
        max_tokens: int = 96,
        grammar: str | None = None,
        on_done: object = None,
        plain: object = None,
        examples: bool = True,
    ) -> AsyncGenerator[str, None]:
        self.opened += 1
        self.longest = max(self.longest, sum(len(message.content) for message in messages))
        try:
            for sentence in range(self.random.randint(1, 3)):
                for word in range(self.random.randint(3, 8)):
                    await self.pause(0.02, 0.06)
                    yield f"w{self.opened}s{sentence}n{word} "
                yield "end. "
                fate = self.random.random()
                if fate < self.trouble.fails:
                    raise EngineError("out of memory")
                if fate > 1 - self.trouble.lost:
                    self.lost += 1
                    await asyncio.get_running_loop().create_future()
        finally:
            self.closed += 1

    def release(self, session: str) -> None: ...
