"""Engines for the HTTP endpoints that are quick and know what they will say."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator, Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import numpy as np

from tests.scripted import tone
from voicebox.errors import ConfigError
from voicebox.llm.chat import PromptTooLongError
from voicebox.llm.jobs import Generation
from voicebox.llm.plain import Cleaner
from voicebox.llm.sampling import Sampling
from voicebox.llm.types import Message
from voicebox.server.backends import Backends
from voicebox.server.http_tiers import TierReplies
from voicebox.skills.types import Plan, Understanding
from voicebox.stt.types import SAMPLE_RATE, Clip, Hypothesis, Priority, Word
from voicebox.tts.types import Manner, SpokenPhrase

VOICE = "piper-test"


@dataclass
class FakeTranscriber:
    """Hears "word1 word2 …", one for each half second of a clip that is not silent, and one at least."""

    clips: list[Clip] = field(default_factory=list)
    priorities: list[Priority] = field(default_factory=list)
    hold: bool = False
    said: int = 0
    submitted: threading.Event = field(default_factory=threading.Event)
    cancelled: threading.Event = field(default_factory=threading.Event)

    def submit(
        self, clip: Clip, *, session: str, priority: Priority, deadline_s: float | None = None
    ) -> Future[Hypothesis]:
        self.clips.append(clip)
        self.priorities.append(priority)
        future: Future[Hypothesis] = Future()
        future.add_done_callback(lambda done: self.cancelled.set() if done.cancelled() else None)
        self.submitted.set()
        if not self.hold:
            future.set_result(self.hear(clip))
        return future

    def hear(self, clip: Clip) -> Hypothesis:
        audio_s = len(clip.audio) / SAMPLE_RATE
        count = max(1, int(audio_s * 2)) if len(clip.audio) and float(np.abs(clip.audio).max()) > 0.01 else 0
        names = [f"word{self.said + i + 1}" for i in range(count)]
        self.said += count
        words = tuple(Word(name, i / 2, i / 2 + 0.4) for i, name in enumerate(names)) if clip.word_times else ()
        return Hypothesis(
            " ".join(names), -0.2, 0.01, clip.language or "en", audio_s, 1.0, words=words, rejected=not count
        )


class EnergyVad:
    """Voice is what is not silent."""

    def probability(self, frame: np.ndarray[Any, Any]) -> float:
        return float(np.abs(frame).mean() > 0.01)

    def reset(self) -> None:
        pass


@dataclass
class FakeSpeaker:
    """A tone as long as the phrase has letters, 50 ms each."""

    rate: int = 22_050
    phrases: list[str] = field(default_factory=list)
    manners: list[Manner | None] = field(default_factory=list)

    def submit(self, phrase: str, *, speculative: bool = False, manner: Manner | None = None) -> Future[SpokenPhrase]:
        self.phrases.append(phrase)
        self.manners.append(manner)
        future: Future[SpokenPhrase] = Future()
        future.set_result(SpokenPhrase(phrase, tone(0.05 * len(phrase), self.rate), self.rate, (), 1.0))
        return future


@dataclass
class FakeChat:
    """Answers with the words of its text; `hold` makes it wait after the first for ever."""

    text: str = "Hello there, how are you?"
    name: str = "tiny-instruct"
    hold: bool = False
    asked: list[tuple[Message, ...]] = field(default_factory=list)
    samplings: list[Sampling | None] = field(default_factory=list)
    released: list[str] = field(default_factory=list)
    begun: asyncio.Event = field(default_factory=asyncio.Event)
    ended: asyncio.Event = field(default_factory=asyncio.Event)

    async def stream(
        self,
        messages: Sequence[Message],
        *,
        session: str,
        max_tokens: int = 96,
        on_done: Callable[[Generation], None] | None = None,
        plain: Cleaner | None = None,
        sampling: Sampling | None = None,
        examples: bool = True,
    ) -> AsyncGenerator[str, None]:
        assert plain is not None
        self.asked.append(tuple(messages))
        self.samplings.append(sampling)
        self.begun.set()
        if sum(len(message.content) for message in messages) > 20_000:
            raise PromptTooLongError("The prompt has too many tokens")
        words = [word + " " for word in self.text.split(" ")]
        words[-1] = words[-1].strip()
        made = 0
        try:
            for word in words[:max_tokens]:
                made += 1
                if piece := plain.feed(word):
                    yield piece
                if plain.done:
                    break
                if self.hold:
                    await asyncio.Event().wait()
            if rest := plain.finish():
                yield rest
            finish = "stopped" if plain.done else "length" if made < len(words) else "end"
            if on_done is not None:
                on_done(Generation(self.text, finish, made, 7, 0, 1.0, 1.0))
        finally:
            self.ended.set()

    def release(self, session: str) -> None:
        self.released.append(session)


class FakeReflex:
    """Knows the time, and can set a timer."""

    def __init__(self) -> None:
        self.done: list[str] = []

    async def understand(self, text: str, **_: Any) -> Understanding:
        known = {"what time is it": "clock.time", "set a timer": "timer.set"}.get(text.lower().strip("?. "))
        return Understanding(text, known or "oos", {}, 1.0, known is not None, 1.0)

    def plan(self, understanding: Understanding, **_: Any) -> Plan | None:
        if understanding.intent == "clock.time":
            return Plan("It is noon.")
        if understanding.intent == "timer.set":
            return Plan("Done.", commit=lambda: self.done.append("timer"))
        return None

    def release(self, session: str) -> None:
        pass


def find_voice(name: str) -> str:
    if name in ("", VOICE, "alloy", "nova"):
        return VOICE
    raise ConfigError(f"There is no voice {name!r} here", cure=f"Installed: {VOICE}.")


@dataclass
class Fakes:
    transcriber: FakeTranscriber = field(default_factory=FakeTranscriber)
    speaker: FakeSpeaker = field(default_factory=FakeSpeaker)
    chat: FakeChat | None = field(default_factory=FakeChat)
    reflex: FakeReflex = field(default_factory=FakeReflex)
    language: str = "en"
    late_s: float = 0.0
    tiers: TierReplies | None = None

    @property
    def backends(self) -> Backends:
        reflex: Any = self.reflex
        transcriber: Any = self.transcriber
        return Backends(
            transcriber=transcriber,
            vad=EnergyVad,
            speaker=self.speaker,
            find_voice=find_voice,
            chat=lambda: self.chat,
            chat_state=lambda: "missing",
            reflex=reflex,
            system=lambda extra: f"You are a test. {extra}",
            now=lambda: datetime(2025, 1, 1, 12),
            waiting_s=lambda: self.late_s,
            language=self.language,
            tiers=self.tiers,
        )
