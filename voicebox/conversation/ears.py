"""The caller's audio: cut into frames, judged by the detector, kept as the utterance that grows."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from voicebox.audio.offset import OffsetRemover
from voicebox.conversation.clock import SessionClock
from voicebox.conversation.echo import EchoDetector, Source
from voicebox.conversation.segmenter import Segmenter, VoicePaused, VoiceStarted
from voicebox.stt.schedule import PartialSchedule
from voicebox.stt.stream import PreRoll
from voicebox.stt.types import SAMPLE_RATE
from voicebox.stt.utterance import Utterance
from voicebox.vad.types import FRAME_SAMPLES, VadStream

__all__ = ["Ears"]

_FRAME_S = FRAME_SAMPLES / SAMPLE_RATE
_ONSET_S = 0.192
"""How late it may be known that a sound is more than an echo."""
_CALLER_S = 0.2
"""After a sound that no echo explains, what cannot be told apart is taken for the caller's for so long."""


class Ears:
    """One session's audio input.

    While nobody speaks only the pre-roll is kept, so that memory stays bounded and first words are not cut. From
    `open` on, all frames go to `utterance`, until `shut`. While the assistant is heard, voice that its echo explains
    is none.

    Args:
        vad: judges the frames.
        wall: seconds on a monotonic clock, now.
        partial_ms: the shortest time between two partial decodes.
    """

    def __init__(self, vad: VadStream, *, wall: float, partial_ms: float = 240.0) -> None:
        self.clock = SessionClock(wall)
        self.segmenter = Segmenter()
        self.utterance = Utterance()
        self.echo = EchoDetector()
        self._caller_s = -math.inf
        self._no_echo_s = math.inf
        """How long ago a frame was surely echo."""
        self._vad = vad
        self._preroll = PreRoll()
        self._partial_ms = partial_ms
        self._partials = PartialSchedule(base_ms=partial_ms)
        self._rest: NDArray[np.float32] = np.zeros(0, np.float32)
        self._offset = OffsetRemover()
        self._open = False

    def frames(self, audio: NDArray[np.float32]) -> Iterator[NDArray[np.float32]]:
        """Cut audio of any length into frames, shape `(512,)`; what is left over waits for the next call."""
        audio = audio.astype(np.float32, copy=False)
        if not np.isfinite(audio).all():
            audio = np.nan_to_num(audio, nan=0.0, posinf=0.0, neginf=0.0)
        if len(self._rest):
            audio = np.concatenate((self._rest, audio))
        whole = len(audio) - len(audio) % FRAME_SAMPLES
        self._rest = audio[whole:].copy()
        for start in range(0, whole, FRAME_SAMPLES):
            yield audio[start : start + FRAME_SAMPLES]

    def hear(self, frame: NDArray[np.float32], *, wall: float) -> tuple[float, VoiceStarted | VoicePaused | None]:
        """Take the next frame; returns the session time of its end, and whether voice began or stopped."""
        end_s = self.clock.advance(wall, _FRAME_S)
        frame = self._offset.remove(frame)
        if self._open:
            self.utterance.append(frame)
        else:
            self._preroll.push(frame)
        fact = self.segmenter.push(self._voice(frame, end_s), end_s)
        if self._open and isinstance(fact, VoiceStarted):
            self.utterance.resumed(end_s - fact.at_s)
        return end_s, fact

    def _voice(self, frame: NDArray[np.float32], end_s: float) -> float:
        """The probability that the caller speaks in a frame."""
        probability = self._vad.probability(frame)
        self._no_echo_s += _FRAME_S
        if not self.echo.audible(end_s):
            return probability
        source = self.echo.hear(frame, end_s)
        if source is Source.ECHO:
            self._no_echo_s = 0.0
        if source is Source.CALLER and probability >= self.segmenter.threshold:
            self._caller_s = end_s
        if source is Source.CALLER or end_s - self._caller_s <= _CALLER_S:
            return probability
        # To begin, a voice must be more than the echo; to go on, it need not be told apart.
        doubted = source is Source.UNSURE and self.segmenter.speaking
        return probability if doubted else 0.0

    def open(self) -> None:
        """A turn begins: its utterance starts with the pre-roll, less what is surely echo: its words would be heard."""
        self.utterance = Utterance(self._preroll.take(1000 * (self._no_echo_s + _ONSET_S)))
        self._partials = PartialSchedule(base_ms=self._partial_ms)
        self._open = True

    def partial_due(self, now: float, *, load: float) -> bool:
        """Whether the growing utterance is to be decoded again, given the recogniser's load; asking counts as doing."""
        return self._partials.poll(now, audio_s=self.utterance.open_s, load=load)

    def partial_took(self, decode_ms: float) -> None:
        """A partial of this utterance took so long to decode: the next ones keep to their share of the time."""
        self._partials.took(decode_ms)

    def shut(self) -> None:
        """The turn is over; its utterance stays readable until the next `open`."""
        self._open = False

    def clear(self) -> None:
        """Forget what was heard and not yet judged."""
        self._rest = np.zeros(0, np.float32)
        self._preroll.take()
        self.segmenter.reset()
