"""One call for as long as one likes: a caller of moods, an assistant with troubles, in virtual time."""

from __future__ import annotations

import asyncio
import gc
import resource
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from random import Random

import numpy as np
from numpy.typing import NDArray

from tests.simulation.engines import RATE, WORD_S, Chat, Judge, Recogniser, Reflex, Speaker, Trouble, Vad
from tests.simulation.watch import Watch
from voicebox.conversation import events as e
from voicebox.conversation.log import Sink
from voicebox.conversation.ports import SessionOptions
from voicebox.conversation.session import Session, SessionEngines
from voicebox.errors import VoiceboxError
from voicebox.routing.answerer import Answerer

__all__ = ["Call", "Report", "simulate"]

FRAME = 512
FRAME_S = FRAME / RATE
NOUNS = "light lamp radio heater kettle fan blind door music timer oven clock window garden kitchen hall".split()


@dataclass
class Report:
    """What became of a call; times in seconds. `rss_mb` is resident memory at the tenths of the call."""

    simulated_s: float = 0.0
    wall_s: float = 0.0
    turns: int = 0
    replies: int = 0
    counts: dict[str, int] = field(default_factory=dict)
    sizes: list[dict[str, int]] = field(default_factory=list)
    rss_mb: list[float] = field(default_factory=list)
    objects: list[int] = field(default_factory=list)


class Call:
    """The caller, the microphone and the session. All chance comes from `seed`."""

    def __init__(
        self,
        seed: int,
        *,
        trouble: Trouble | None = None,
        options: SessionOptions | None = None,
        record: Sink | None = None,
    ) -> None:
        self.random = random = Random(seed)
        self.noise = np.random.default_rng(seed).uniform(-0.4, 0.4, RATE).astype(np.float32)
        self.loop = asyncio.get_running_loop()
        self.watch = Watch(self.loop.time)
        trouble = trouble or Trouble()
        self.words: list[tuple[float, str]] = []
        """When the middle of each word was said, and the word."""
        self.stt = Recogniser(random, trouble, self._words)
        self.speaker = Speaker(random, trouble)
        self.chat = Chat(random, trouble)
        self.reflex = Reflex(random, trouble, self.watch.acted)
        answerer = Answerer(self.reflex, self.speaker, lambda: self.chat, lambda instructions: "You talk.")  # type: ignore[arg-type]
        engines = SessionEngines(Vad(), self.stt, answerer, judge=Judge(random, trouble))
        options = options or SessionOptions(idle_timeout_ms=8000)
        self.session = Session(
            "sess_sim",
            engines,
            self._event,
            options,
            clock=self.loop.time,
            today=lambda: datetime(2026, 5, 4, 12, 0),
            record=record,
        )
        self.watch.session = self.session
        self.echo = 0.0
        self._count = 0
        self._clip = self.loop.time()

    def _event(self, event: e.SessionEvent) -> None:
        if self.watch.session is None:
            self.watch.session = self.session
        self.watch(event)

    def _words(self, seconds: float) -> str:
        now = self.loop.time()
        words = [(at, word) for at, word in self.words if now - seconds <= at <= now]
        if self.echo > 0.1:
            for played in self.watch.far.replies.values():
                words += [(now, word.lower()) for word in played.audible(now - seconds, now)]
        return " ".join(word for _, word in sorted(words, key=lambda pair: pair[0]))

    async def frame(self, voice: NDArray[np.float32] | None = None) -> None:
        """32 ms pass; sometimes the network holds them back, and sometimes they are lost."""
        self.watch.check()
        now = self.loop.time()
        sound = self.watch.far.echo(now, FRAME, self.echo)
        if voice is not None:
            sound = sound + voice
        await asyncio.sleep(FRAME_S)
        fate = self.random.random()
        if fate < 0.0005:
            await asyncio.sleep(self.random.uniform(0.05, 1.0))
        if fate < 0.9995:
            self.session.feed(sound)

    def sound(self) -> NDArray[np.float32]:
        at = self.random.randrange(RATE - FRAME)
        return self.noise[at : at + FRAME]

    async def silence(self, seconds: float) -> None:
        for _ in range(round(seconds / FRAME_S)):
            await self.frame()

    async def say(self, text: str, *, pauses: float = 0.1) -> None:
        """Speak, with a pause after a word now and then."""
        for word in text.split():
            self.words.append((self.loop.time() + WORD_S / 2, word))
            for _ in range(round(WORD_S / FRAME_S)):
                await self.frame(self.sound())
            if self.random.random() < pauses:
                await self.silence(self.random.uniform(0.1, 1.2))
        self.words = [pair for pair in self.words if pair[0] > self.loop.time() - 60.0]

    async def noise_burst(self) -> None:
        for _ in range(self.random.randint(1, 40)):
            await self.frame(self.sound())

    async def reply(self, *, longest_s: float = 15.0) -> None:
        """Wait until the assistant is heard and done."""
        far, began = self.watch.far, self.loop.time()
        while self.loop.time() - began < longest_s:
            await self.silence(0.25)
            if far.sounding(self.loop.time()) is not None:
                break
        while far.sounding(self.loop.time()) is not None:
            await self.silence(0.1)

    def request(self) -> str:
        self._count += 1
        begins = self.random.choice(["please turn on the", "please", "what about the", "tell me of the"])
        nouns = " ".join(self.random.choice(NOUNS) for _ in range(self.random.randint(1, 4)))
        return f"{begins} {nouns} {self._count}{self.random.choice(['', '', ' and'])}"

    async def act(self) -> None:
        """Do one of the things that callers and clients do."""
        kind = self.random.choices(
            ["ask", "barge", "hum", "noise", "idle", "type", "cancel", "truncate", "clear", "announce", "options"],
            [30, 12, 10, 6, 3, 3, 2, 3, 1, 3, 1],
        )[0]
        self.echo = self.random.choice([0.0, 0.0, 0.1, 0.4])
        session, far = self.session, self.watch.far
        match kind:
            case "ask":
                await self.say(self.request())
                await self.reply()
            case "barge" | "hum" | "cancel" | "truncate":
                await self.say(self.request())
                await self.silence(self.random.uniform(0.3, 2.5))
                sounding = far.sounding(self.loop.time())
                if kind == "barge":
                    await self.say(self.random.choice(["no wait", "stop", "stop it now", self.request()]))
                elif kind == "hum":
                    await self.say(self.random.choice(["yeah", "mm hm", "okay"]))
                elif kind == "cancel":
                    session.cancel_reply()
                elif sounding is not None:
                    self.truncate(sounding.reply)
                await self.reply()
            case "noise":
                await self.noise_burst()
                await self.silence(1.0)
            case "idle":
                await self.silence(self.random.uniform(8.0, 25.0))
            case "type":
                text = "please " + self.request()
                self.watch.typed(session.add_text("user", text), text)
                session.request_reply()
                await self.reply()
            case "clear":
                await self.say("please turn on")
                session.clear_audio()
                await self.silence(1.0)
            case "announce":
                session.announce(f"Your timer {self._count} is done.")
                await self.silence(self.random.uniform(0.0, 2.0))
            case "options":
                eagerness = self.random.choice(["low", "medium", "high", "auto"])
                session.configure(SessionOptions(eagerness=eagerness, idle_timeout_ms=8000))  # type: ignore[arg-type]
        await self.silence(self.random.uniform(0.1, 2.0))

    def truncate(self, reply: str) -> None:
        """The client stopped the reply itself, and says where; sometimes it is wrong about it."""
        played = self.watch.far.replies[reply]
        now = self.loop.time()
        ms = round(1000 * sum(min(max(0.0, now - start), seconds) for start, seconds, _ in played.pieces))
        try:
            self.session.truncate(reply, ms + self.random.choice([0, 0, 0, 60_000]))
        except VoiceboxError:
            return
        self.watch.far.cut(reply, now)


def rss_mb() -> float:
    """Resident memory now."""
    with open("/proc/self/statm", encoding="ascii") as statm:
        return int(statm.read().split()[1]) * resource.getpagesize() / 2**20


async def simulate(
    seconds: float,
    seed: int = 0,
    *,
    trouble: Trouble | None = None,
    turns: int | None = None,
    record: Sink | None = None,
    progress: Callable[[float], None] = lambda part: None,
) -> Report:
    """Let a call go on for `seconds` of virtual time (or until so many turns were committed), and end in silence.

    Raises:
        AssertionError: a promise was broken.
    """
    began, loop = time.perf_counter(), asyncio.get_running_loop()
    call, report = Call(seed, trouble=trouble, record=record), Report()
    start = marked = loop.time()
    while loop.time() - start < seconds and (turns is None or call.watch.counts["TurnCommitted"] < turns):
        await call.act()
        call.watch.look()
        if loop.time() - marked >= min(seconds / 10, 360.0):
            marked = loop.time()
            gc.collect()
            report.sizes.append(call.watch.sizes())
            report.rss_mb.append(round(rss_mb(), 1))
            report.objects.append(len(gc.get_objects()))
            progress((marked - start) / seconds)
    call.echo = 0.0
    await call.silence(200.0)
    call.watch.end()
    await call.session.close()
    assert call.chat.opened == call.chat.closed, "an answer of the instruct model was left open"
    counts = call.watch.counts
    report.simulated_s = round(loop.time() - start, 1)
    report.wall_s = round(time.perf_counter() - began, 2)
    report.turns, report.replies = counts["TurnCommitted"], counts["ReplyStarted"]
    report.counts = dict(sorted(counts.items()))
    report.counts["speculated"], report.counts["used"] = call.session.speculation.made, call.session.speculation.used
    return report
