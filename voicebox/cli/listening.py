"""A recording heard as the server hears a caller, in virtual time.

The very parts of the live session (detector, segmenter, turn machine, recogniser, reflex tier) work on frames of
32 ms, but time is the position in the audio: it stands still while an engine works. So a benchmark runs as fast as
the machine can, and its result does not depend on the machine's load. What latency does to a conversation is the
business of `voicebox bench turn`.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace
from datetime import datetime
from math import inf
from typing import Protocol

import numpy as np

from voicebox.conversation import facts as f
from voicebox.conversation.ears import Ears
from voicebox.conversation.endpoint import Hints, hints
from voicebox.conversation.states import Quiet, Rules, Speech, State
from voicebox.conversation.turn import step
from voicebox.routing.reflex import Reflex
from voicebox.skills.types import Dialog, Request, Understanding
from voicebox.stt.types import SAMPLE_RATE, Audio, Clip, Recognizer
from voicebox.vad.types import FRAME_SAMPLES, VoiceActivityDetector

__all__ = ["HeardPause", "Listener", "Session", "SoundJudge", "Turn"]

_FRAME_S = FRAME_SAMPLES / SAMPLE_RATE
_TAIL_S = 2.5
"""Silence after a recording, as a caller who waits for an answer leaves it: longer than the longest endpoint wait."""


class SoundJudge(Protocol):
    """Tells from the sound of a turn whether it is over (`vad/smart_turn.py`)."""

    def probability(self, audio: Audio) -> float:
        """Probability (0 to 1) that a turn, shape `(samples,)`, is over."""


@dataclass(frozen=True, slots=True)
class Turn:
    """A committed turn: its words, how long after the last voiced frame it was taken, and why then."""

    text: str
    understanding: Understanding
    endpoint_ms: float
    reason: str = ""


@dataclass(frozen=True, slots=True)
class HeardPause:
    """A pause, and what was known in it: all that an endpoint policy decides on.

    `spoke_s` is the end of the last voiced frame before it, `noticed_s` when it was noticed, `resumed_s` when the first
    voiced frame of what followed had been heard (None: nothing followed), in seconds of the recording. `done` is what
    the sound says.
    """

    spoke_s: float
    noticed_s: float
    text: str
    complete: float | None
    hints: Hints
    done: float | None = None
    resumed_s: float | None = None


@dataclass(frozen=True, slots=True)
class Session:
    """What came of one recording. `request` is the last one, with what later turns answered or amended."""

    turns: tuple[Turn, ...]
    request: Request | None
    decodes: int
    pauses: tuple[HeardPause, ...] = ()

    @property
    def text(self) -> str:
        """The words of all turns."""
        return " ".join(turn.text for turn in self.turns)


class Listener:
    """Hears recordings, each as a new caller.

    `skills` limits the skills; `bias` off decodes without prompts; `partials` off decodes at pauses only, which then
    begin with a text that nothing was expected for, as the live session's last partial is; `judge` listens to pauses
    beside the recogniser; `tail_s` is the silence after each recording.
    """

    def __init__(
        self,
        vad: VoiceActivityDetector,
        recognizer: Recognizer,
        reflex: Reflex,
        *,
        skills: tuple[str, ...] | None = None,
        bias: bool = True,
        rules: Rules | None = None,
        partials: bool = True,
        judge: SoundJudge | None = None,
        tail_s: float = _TAIL_S,
    ) -> None:
        self.vad = vad
        self.recognizer = recognizer
        self.reflex = reflex
        self.skills = skills
        self.bias = bias
        self.rules = replace(rules or Rules(), judged=judge is not None)
        self.partials = partials
        self.judge = judge
        self.tail_s = tail_s
        self._heard = 0

    async def hear(self, audio: Audio) -> Session:
        """Everything that a session makes of a recording and the silence after it.

        Raises:
            EngineError: an engine failed.
        """
        self._heard += 1
        call = _Call(self, f"bench-{self._heard}")
        try:
            return await call.run(audio)
        finally:
            self.reflex.release(call.session)


class _Call:
    """One recording on its way through the turn machine."""

    def __init__(self, listener: Listener, session: str) -> None:
        self.session = session
        self._with = listener
        self._ears = Ears(listener.vad.stream(), wall=0.0)
        self._state = State()
        self._dialog = Dialog()
        self._today = datetime.now()
        self._now = 0.0
        self._understood: Understanding | None = None
        self._turns: list[Turn] = []
        self._pauses: list[HeardPause] = []
        self._decodes = 0
        self._stirred_s: float | None = None

    async def run(self, audio: Audio) -> Session:
        tail = round(self._with.tail_s * SAMPLE_RATE)
        for frame in self._ears.frames(np.pad(audio, (0, tail + -(len(audio) + tail) % FRAME_SAMPLES))):
            # The wall clock of a caller whose frames come exactly in time.
            self._now, fact = self._ears.hear(frame, wall=self._now + _FRAME_S)
            stirring = self._ears.segmenter.stirring
            self._note_resumption(fact, stirring)
            await self._tell(fact or (f.Stirred() if stirring else f.Tick()))
            caller = self._state.caller
            speaking = isinstance(caller, Speech) and not caller.paused
            if self._with.partials and speaking and self._ears.partial_due(self._now, load=0.0):
                assert isinstance(caller, Speech)
                await self._tell(await self._recognise(caller.turn, f.Kind.PARTIAL, 0))
        return Session(tuple(self._turns), self._dialog.last, self._decodes, tuple(self._pauses))

    def _note_resumption(self, fact: f.Fact | None, stirring: bool) -> None:
        began = isinstance(fact, f.VoiceStarted)
        if stirring and self._stirred_s is None:
            self._stirred_s = self._now
        if began and self._pauses and self._pauses[-1].resumed_s is None:
            self._pauses[-1] = replace(self._pauses[-1], resumed_s=self._stirred_s or self._now)
        if began or not stirring:
            self._stirred_s = None

    async def _tell(self, first: f.Fact) -> None:
        """Give the machine a fact, and the facts that its orders bring about at once."""
        facts = deque([first])
        while facts:
            self._state, effects = step(self._state, facts.popleft(), self._now, self._with.rules)
            for effect in effects:
                match effect:
                    case f.Opened():
                        self._ears.open()
                    case f.Decode(turn, kind, pause):
                        facts.append(await self._decode(turn, kind, pause))
                    case f.Judge(turn, pause):
                        facts.append(self._judge(turn, pause))
                    case f.Prepare(turn):
                        # A skill's answer is there within the frame; the caller is then free to go on.
                        facts.append(f.NothingToSay(turn))
                    case f.Commit():
                        await self._commit(effect)
            if isinstance(self._state.caller, Quiet):
                self._ears.shut()

    async def _decode(self, turn: str, kind: f.Kind, pause: int) -> f.Heard:
        """What the words up to a pause are."""
        if not self._with.partials and self._understood is None:
            await self._recognise(turn, f.Kind.PARTIAL, 0)
        heard = await self._recognise(turn, kind, pause)
        if isinstance(speech := self._state.caller, Speech):
            self._pauses.append(HeardPause(speech.last_voice_s, self._now, heard.text, heard.complete, heard.hints))
        return heard

    def _judge(self, turn: str, pause: int) -> f.Voted:
        """What a pause sounds like."""
        assert self._with.judge is not None, "the rules ask for a judge only where there is one"
        done = self._with.judge.probability(self._ears.utterance.audio)
        self._pauses[-1] = replace(self._pauses[-1], done=done)
        return f.Voted(turn, pause, done)

    async def _recognise(self, turn: str, kind: f.Kind, pause: int) -> f.Heard:
        utterance = self._ears.utterance
        stretch = utterance.stretch(partial=kind is f.Kind.PARTIAL)
        prompt = stretch.context
        if self._with.bias and kind is not f.Kind.PARTIAL and not prompt:
            so_far = self._understood.text if self._understood else ""
            prompt = self._with.reflex.bias(so_far, dialog=self._dialog, skills=self._with.skills)
        # Virtual time waits: a doubtful final may always be decoded once more.
        retry_until_s = None if kind is f.Kind.PARTIAL else inf
        clip = Clip(stretch.audio, prompt=prompt, retry_until_s=retry_until_s)
        hypothesis = self._with.recognizer.decode([clip])[0]
        self._decodes += 1
        words = "" if hypothesis.rejected else hypothesis.text
        text = utterance.heard(stretch, words, at_pause=kind is f.Kind.PAUSE).text
        if not text:
            return f.Heard(turn, kind, pause, "", noise=True)
        self._understood = await self._understand(text)
        said = hints(self._understood, utterance.duration_s)
        return f.Heard(turn, kind, pause, text, self._understood.complete, hints=said)

    async def _understand(self, text: str) -> Understanding:
        return await self._with.reflex.understand(
            text, dialog=self._dialog, session=self.session, now=self._today, skills=self._with.skills
        )

    async def _commit(self, commit: f.Commit) -> None:
        reflex = self._with.reflex
        understanding = await self._understand(commit.text)
        plan = reflex.plan(understanding, dialog=self._dialog, now=self._today, session=self.session)
        self._dialog = reflex.next_dialog(self._dialog, understanding, plan, now=self._today, session=self.session)
        self._understood = None
        endpoint_ms = (commit.closed_s - commit.last_voice_s) * 1000
        self._turns.append(Turn(commit.text, understanding, endpoint_ms, commit.reason))
