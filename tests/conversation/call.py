"""A call on fake engines in virtual time: what the caller does is scripted, frame by frame."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from concurrent.futures import Future
from datetime import datetime
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from voicebox.conversation import events as e
from voicebox.conversation.log import Sink
from voicebox.conversation.ports import SessionOptions
from voicebox.conversation.session import Session, SessionEngines
from voicebox.errors import EngineError
from voicebox.llm.jobs import Finish, Generation
from voicebox.llm.plain import Cleaner, PlainText
from voicebox.llm.types import Message
from voicebox.routing.answerer import Answerer
from voicebox.skills.types import Dialog, Plan, Understanding
from voicebox.stt.types import Clip, Hypothesis, Priority
from voicebox.tts.types import Manner, SpokenPhrase, SpokenWord
from voicebox.vad.types import VadStream

T = TypeVar("T")
E = TypeVar("E")

VOICE = np.random.default_rng(0).uniform(-0.5, 0.5, 512).astype(np.float32)
SILENCE = np.zeros(512, np.float32)
RATE = 16_000


class LoudnessVad:
    """Loud is speech."""

    def stream(self) -> LoudnessVad:
        return self

    def probability(self, frame: NDArray[np.float32]) -> float:
        return 1.0 if np.abs(frame).max() > 0.1 else 0.0

    def reset(self) -> None: ...

    def probabilities(self, streams: list[VadStream], frames: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.array([self.probability(frame) for frame in frames], np.float32)


class ScriptedTranscriber:
    """Hears `says` at once, or nothing until `release` when it is told to hold."""

    load = 0.0

    def __init__(self) -> None:
        self.says: str | Exception = ""
        self.jobs: list[tuple[Priority, Clip]] = []
        self.hold = False
        self._held: list[Callable[[], None]] = []

    def submit(
        self, clip: Clip, *, session: str, priority: Priority, deadline_s: float | None = None
    ) -> Future[Hypothesis]:
        self.jobs.append((priority, clip))
        future: Future[Hypothesis] = Future()

        def finish() -> None:
            if isinstance(self.says, Exception):
                future.set_exception(self.says)
            else:
                future.set_result(
                    Hypothesis(self.says, -0.2, 0.1, "en", len(clip.audio) / RATE, 1.0, rejected=not self.says)
                )

        self._held.append(finish) if self.hold else finish()
        return future

    def release(self) -> None:
        self.hold = False
        for finish in self._held:
            finish()
        self._held.clear()


class ScriptedReflex:
    """Texts are complete requests, answered by "Okay." and an echo, unless told otherwise."""

    def __init__(self) -> None:
        self.complete: Callable[[str], float] = lambda text: 1.0
        self.in_scope = True
        self.done: list[str] = []
        self.released: list[str] = []
        self.prompt = ""

    async def understand(
        self, text: str, *, dialog: Dialog, session: str, now: datetime, skills: tuple[str, ...] | None = None
    ) -> Understanding:
        return Understanding(text, "test.echo", {}, 1.0, self.in_scope, self.complete(text))

    def plan(self, understanding: Understanding, *, dialog: Dialog, now: datetime, session: str) -> Plan | None:
        if not understanding.in_scope:
            return None
        return Plan(f"Okay. {understanding.text}", commit=lambda: self.done.append(understanding.text))

    def next_dialog(
        self, dialog: Dialog, understanding: Understanding, plan: Plan | None, *, now: datetime, session: str
    ) -> Dialog:
        return Dialog(last_reply=plan.reply if plan else "")

    def bias(self, text: str, *, dialog: Dialog, skills: tuple[str, ...] | None = None) -> str:
        return self.prompt

    def release(self, session: str) -> None:
        self.released.append(session)


class ToneSpeaker:
    """100 ms of tone a word, at once."""

    rate = RATE

    def __init__(self) -> None:
        self.phrases: list[str] = []
        self.manners: list[Manner | None] = []
        self.fails = False

    def submit(self, phrase: str, *, speculative: bool = False, manner: Manner | None = None) -> Future[SpokenPhrase]:
        self.phrases.append(phrase)
        self.manners.append(manner)
        future: Future[SpokenPhrase] = Future()
        if self.fails:
            future.set_exception(EngineError("the voice broke"))
            return future
        words = phrase.split()
        step = RATE // 10
        tone = 0.1 * np.sin(2 * np.pi * 440 / RATE * np.arange(step * len(words)))
        spoken = tuple(SpokenWord(word, i * step, (i + 1) * step) for i, word in enumerate(words))
        future.set_result(SpokenPhrase(phrase, tone.astype(np.float32), RATE, spoken, 1.0))
        return future


class ScriptedChat:
    """Answers with fixed pieces; may break off."""

    name = "scripted"

    def __init__(self, pieces: Sequence[str], error: Exception | None = None, *, finish: Finish = "end") -> None:
        self.pieces = pieces
        self.error = error
        self.finish: Finish = finish
        self.asked: list[Mapping[str, Any]] = []
        self.released: list[str] = []
        self.prompts: list[Sequence[Message]] = []
        self.prefilled: list[Sequence[Message]] = []
        self.closed = 0

    async def prefill(self, messages: Sequence[Message], *, session: str, examples: bool = True) -> None:
        self.prefilled.append(messages)

    async def stream(
        self,
        messages: Sequence[Message],
        *,
        session: str,
        max_tokens: int = 96,
        grammar: str | None = None,
        on_done: Callable[[Generation], None] | None = None,
        plain: Cleaner | None = None,
        examples: bool = True,
    ) -> AsyncGenerator[str, None]:
        self.prompts.append(messages)
        self.asked.append({"max_tokens": max_tokens, "grammar": grammar, "examples": examples, "session": session})
        plain = plain or PlainText()
        try:
            for piece in self.pieces:
                await asyncio.sleep(0)
                if text := plain.feed(piece):
                    yield text
            if self.error is not None:
                raise self.error
            if text := plain.finish():
                yield text
            if on_done is not None:
                on_done(Generation("".join(self.pieces), self.finish, len(self.pieces), 30, 20, 1.0, 2.0))
        finally:
            self.closed += 1

    def release(self, session: str) -> None:
        self.released.append(session)


class Call:
    """One caller and the session that hears it."""

    def __init__(
        self, options: SessionOptions | None = None, chat: ScriptedChat | None = None, record: Sink | None = None
    ) -> None:
        self.time = 1000.0
        self.events: list[e.SessionEvent] = []
        self.stt = ScriptedTranscriber()
        self.reflex = ScriptedReflex()
        self.speaker = ToneSpeaker()
        self.silenced: list[str] = []
        answerer = Answerer(
            self.reflex,  # type: ignore[arg-type]
            self.speaker,
            lambda: chat,
            lambda instructions: instructions,
        )
        engines = SessionEngines(LoudnessVad(), self.stt, answerer, silence=self.silenced.append)
        self.session = Session(
            "sess_test",
            engines,
            self.events.append,
            options,
            clock=lambda: self.time,
            today=lambda: datetime(2026, 5, 4, 12, 0),
            record=record,
        )

    async def settle(self) -> None:
        """Let everything happen that can happen without time passing."""
        for _ in range(30):
            await asyncio.sleep(0)

    async def feed(self, frame: NDArray[np.float32], seconds: float) -> None:
        for _ in range(round(seconds / 0.032)):
            self.time += 0.032
            self.session.feed(frame)
            await self.settle()

    async def speak(self, text: str, seconds: float = 1.0) -> None:
        """The caller says something; it is recognised as soon as it is decoded."""
        self.stt.says = text
        await self.feed(VOICE, seconds)

    async def wait(self, seconds: float) -> None:
        """The caller is silent."""
        await self.feed(SILENCE, seconds)

    def seen(self, kind: type[E]) -> list[E]:
        """The events of a kind, in order."""
        return [event for event in self.events if isinstance(event, kind)]
