"""One session's decodes: when a growing utterance is decoded, and what a text means once it is there."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Coroutine
from concurrent.futures import Future
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from voicebox.conversation import events as e
from voicebox.conversation import facts as f
from voicebox.conversation.ears import Ears
from voicebox.conversation.endpoint import hints
from voicebox.conversation.overlap import judge
from voicebox.conversation.ports import Emit
from voicebox.conversation.states import Listening, Speech
from voicebox.stt.stream import normalize
from voicebox.stt.types import SAMPLE_RATE, Clip, Hypothesis, Priority, Transcriber

if TYPE_CHECKING:
    from voicebox.routing.answerer import Answerer
    from voicebox.routing.prompting import Context
    from voicebox.skills.types import Understanding

__all__ = ["Recognition", "Words"]

_URGENCY = {
    f.Kind.PARTIAL: (Priority.PARTIAL, 0.4),
    f.Kind.PAUSE: (Priority.PAUSE, 0.15),
    f.Kind.FINAL: (Priority.FINAL, 0.1),
}
"""Priority of a decode, and the seconds in which it is wanted."""


_DOUBTFUL_LOGPROB, _SHORT_S = -0.9, 1.5
"""Average log-probability below which few single words are that were recognised right, and the longest such sound with
its pre-roll."""


@dataclass(frozen=True, slots=True)
class Words:
    """A decode that was understood.

    `key` is its normalized text, `asked_s` and `at_s` are the session times at which it was asked for and there.
    """

    key: str
    understanding: Understanding
    hypothesis: Hypothesis
    asked_s: float
    at_s: float


class Recognition:
    """The decodes of one session.

    Args:
        session: the session's name in the engines.
        ears: its audio.
        transcriber: the process's recogniser.
        answerer: who understands a text.
        context: what a text may refer to, now.
        playing: the words that the caller has heard in the last so many seconds, and hears next.
        now: session time.
        emit: tells the transport.
        tell: gives the turn machine a fact.
        spawn: runs a coroutine as a task of the session.
        wait: makes an engine's future one that can be awaited.
    """

    def __init__(
        self,
        session: str,
        ears: Ears,
        transcriber: Transcriber,
        answerer: Answerer,
        *,
        context: Callable[[], Context],
        playing: Callable[[float], str],
        now: Callable[[], float],
        emit: Emit,
        tell: Callable[[f.Fact], None],
        spawn: Callable[[Coroutine[Any, Any, None]], None],
        wait: Callable[[Future[Hypothesis]], Awaitable[Hypothesis]],
    ) -> None:
        self.words: Words | None = None
        """The newest decode of this turn that was understood: what a speculation or an answer is made from."""
        self._session = session
        self._ears = ears
        self._transcriber = transcriber
        self._answerer = answerer
        self._context = context
        self._playing = playing
        self._now = now
        self._emit = emit
        self._tell = tell
        self._spawn = spawn
        self._wait = wait
        self._partial_runs = False

    def frame_heard(self, caller: Listening, end_s: float) -> None:
        """A frame was taken, up to session time `end_s`: decode a partial if one is due."""
        if not isinstance(caller, Speech) or caller.paused or self._partial_runs:
            return
        if self._ears.partial_due(end_s, load=self._transcriber.load):
            self._partial_runs = True
            self.decode(caller.turn, f.Kind.PARTIAL, 0)

    def decode(self, turn: str, kind: f.Kind, pause: int) -> None:
        """Decode the turn's audio up to now; ends in a `Heard`, whatever happens."""
        self._spawn(self._decode(turn, kind, pause))

    async def _decode(self, turn: str, kind: f.Kind, pause: int) -> None:
        heard = f.Heard(turn, kind, pause, "", noise=True)
        try:
            heard = await self._recognise(turn, kind, pause)
        finally:
            if kind is f.Kind.PARTIAL:
                self._partial_runs = False
            self._tell(heard)

    async def _recognise(self, turn: str, kind: f.Kind, pause: int) -> f.Heard:
        utterance, context = self._ears.utterance, self._context()
        stretch = utterance.stretch(partial=kind is f.Kind.PARTIAL)
        prompt, short = stretch.context, utterance.duration_s < _SHORT_S
        # A hum over a reply would be written down as words that the skills expect.
        expects = not (short and self._playing(0.0))
        if kind is not f.Kind.PARTIAL and not prompt and expects:
            so_far = self.words.understanding.text if self.words else ""
            prompt = self._answerer.reflex.bias(so_far, dialog=context.dialog, skills=context.skills)
        priority, within_s = _URGENCY[kind]
        asked_s = self._now()
        future = self._transcriber.submit(
            Clip(stretch.audio, prompt=prompt),
            session=self._session,
            priority=priority,
            deadline_s=time.monotonic() + within_s,
        )
        hypothesis = await self._wait(future)
        if kind is f.Kind.PARTIAL and utterance is self._ears.utterance:
            self._ears.partial_took(hypothesis.decode_ms)
        said = utterance.heard(stretch, "" if hypothesis.rejected else hypothesis.text, at_pause=kind is f.Kind.PAUSE)
        text = said.text
        if not text or (kind is f.Kind.PARTIAL and not said.newest):
            return f.Heard(turn, kind, pause, "", noise=True)
        understanding = await self._answerer.understand(text, context)
        if utterance is self._ears.utterance and said.newest:
            hypothesis = replace(hypothesis, text=text, audio_s=stretch.end / SAMPLE_RATE)
            self.words = Words(normalize(text), understanding, hypothesis, asked_s, self._now())
            self._emit(e.PartialTranscript(turn, text, said.stable))
        # The first moments of a sentence are as doubtful as a hum.
        doubtful = short and kind is not f.Kind.PARTIAL and hypothesis.avg_logprob < _DOUBTFUL_LOGPROB
        overlap = judge(text, self._playing(utterance.duration_s), doubtful=doubtful)
        spoken = hints(understanding, utterance.duration_s)
        return f.Heard(turn, kind, pause, text, understanding.complete, overlap=overlap, hints=spoken)
