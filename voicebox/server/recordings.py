"""Whole recordings through the recogniser that calls use, behind all that calls need.

A short recording is decoded at once. A longer one is cut at pauses: the voice detector finds them, `stt/utterance.py`
decides which are cuts and hands each piece the words before it, as in a call. As the pauses are known beforehand, each
piece is decoded once.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass
from math import inf

import numpy as np

from voicebox.conversation.segmenter import Segmenter, VoicePaused, VoiceStarted
from voicebox.stt.types import SAMPLE_RATE, Audio, Clip, Hypothesis, Priority, Transcriber, Word
from voicebox.stt.utterance import Stretch, Utterance
from voicebox.vad.types import FRAME_SAMPLES, VadStream

__all__ = ["Heard", "Manuscript", "Request", "transcribe", "voiced"]

_WHOLE_S = 24.0
"""Recordings up to this long are decoded in one pass: the recogniser sees all of the context."""
_LEAD_S = 0.3
_TAIL_S = 0.1


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked of a recording: `prompt` is text that was spoken before, `language` a hint (empty: none)."""

    audio: Audio
    session: str
    prompt: str = ""
    language: str = ""
    word_times: bool = False


@dataclass(frozen=True, slots=True)
class Heard:
    """A piece of a recording: where it lies in seconds, and what was said in it; words have times of the recording."""

    start_s: float
    end_s: float
    hypothesis: Hypothesis
    words: tuple[Word, ...]

    @property
    def text(self) -> str:
        """What was said; empty if it was no speech."""
        return self.hypothesis.text


def voiced(audio: Audio, stream: VadStream, threshold: float) -> list[tuple[int, int]]:
    """Where voice is: samples from and to, in order; blocks. Pauses of a frame or two are no pauses."""
    segmenter = Segmenter(threshold=threshold)
    spans: list[tuple[int, int]] = []
    start: int | None = None
    frame = np.zeros(FRAME_SAMPLES, np.float32)
    for at in range(0, len(audio), FRAME_SAMPLES):
        piece = audio[at : at + FRAME_SAMPLES]
        frame[: len(piece)] = piece
        frame[len(piece) :] = 0.0
        end_s = (at + FRAME_SAMPLES) / SAMPLE_RATE
        match segmenter.push(stream.probability(frame), end_s):
            case VoiceStarted(at_s=at_s):
                start = max(0, round(at_s * SAMPLE_RATE))
            case VoicePaused(last_s=last_s) if start is not None:
                spans.append((start, min(round(last_s * SAMPLE_RATE), len(audio))))
                start = None
    if start is not None:
        spans.append((start, len(audio)))
    return spans


class Manuscript:
    """Decodes the pieces of one recording, one after the other.

    Args:
        transcriber: the recogniser of all calls.
        request: the recording and what is known of it.
        calm: whether nobody talks to the server now, so that doubtful pieces may be decoded twice.
    """

    def __init__(self, transcriber: Transcriber, request: Request, *, calm: Callable[[], bool]) -> None:
        self._transcriber = transcriber
        self._request = request
        self._calm = calm
        self._language = request.language

    async def decode(self, audio: Audio, offset: int, context: str) -> Heard:
        """One piece that begins at sample `offset`, said after the words `context`.

        Raises:
            VoiceboxError: the recogniser failed, or is closed or full.
        """
        request = self._request
        clip = Clip(
            audio,
            prompt=context or request.prompt,
            word_times=request.word_times,
            language=self._language,
            retry_until_s=inf if self._calm() else None,
        )
        future = self._transcriber.submit(clip, session=request.session, priority=Priority.BACKGROUND)
        hypothesis = await asyncio.wrap_future(future)
        if not hypothesis.rejected and not self._language and hypothesis.language_probability >= 0.6:
            self._language = hypothesis.language
        at_s = offset / SAMPLE_RATE
        words = tuple(Word(w.text, w.start_s + at_s, w.end_s + at_s, w.probability) for w in hypothesis.words)
        return Heard(at_s, at_s + len(audio) / SAMPLE_RATE, hypothesis, words)


async def transcribe(
    transcriber: Transcriber,
    request: Request,
    *,
    stream: Callable[[], VadStream],
    threshold: float = 0.5,
    calm: Callable[[], bool] = lambda: True,
) -> AsyncGenerator[Heard, None]:
    """What is said in a recording, piece by piece as it is decoded; pieces that hold no speech are left out.

    Args:
        transcriber: the recogniser of all calls; it is given one piece at a time, behind all that calls need.
        request: the recording and what is known of it.
        stream: a fresh voice detector.
        threshold: speech probability that counts as voice.
        calm: see `Manuscript`.

    Raises:
        VoiceboxError: the recogniser failed, or is closed or full.
    """
    audio = request.audio
    manuscript = Manuscript(transcriber, request, calm=calm)
    if len(audio) <= _WHOLE_S * SAMPLE_RATE:
        heard = await manuscript.decode(audio, 0, "")
        if heard.text:
            yield heard
        return
    spans = await asyncio.to_thread(voiced, audio, stream(), threshold)
    if not spans:
        return
    base = max(0, spans[0][0] - round(_LEAD_S * SAMPLE_RATE))
    utterance = Utterance()
    fed = base
    for number, (start, end) in enumerate(spans):
        if number:
            # What was silent belongs to no piece, if the pause was a cut.
            utterance.append(audio[fed:start])
            fed = start
            utterance.resumed()
        following = spans[number + 1][0] if number + 1 < len(spans) else len(audio)
        tail = min(end + round(_TAIL_S * SAMPLE_RATE), following)
        utterance.append(audio[fed:tail])
        fed = tail
        while (stretch := utterance.stretch(partial=True)).settles:
            heard = await _settle(manuscript, utterance, stretch, base)
            if heard.text:
                yield heard
        last = number + 1 == len(spans)
        if last or utterance.would_settle((following - fed) / SAMPLE_RATE):
            heard = await _settle(manuscript, utterance, utterance.stretch(), base)
            if heard.text:
                yield heard


async def _settle(manuscript: Manuscript, utterance: Utterance, stretch: Stretch, base: int) -> Heard:
    heard = await manuscript.decode(stretch.audio, base + stretch.start, stretch.context)
    utterance.heard(stretch, heard.text, at_pause=not stretch.settles)
    return heard
