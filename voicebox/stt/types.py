"""What every recogniser gives and takes."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from enum import IntEnum
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

__all__ = ["SAMPLE_RATE", "Audio", "Clip", "Hypothesis", "Priority", "Recognizer", "Transcriber", "Word"]

SAMPLE_RATE = 16_000
"""Hz of all audio that reaches a recogniser or the VAD."""

Audio = NDArray[np.float32]
"""Mono float32 in [-1, 1], shape `(samples,)`, at `SAMPLE_RATE` unless a name says otherwise."""


class Priority(IntEnum):
    """Which decode goes first when several wait."""

    FINAL = 0
    PAUSE = 1
    PARTIAL = 2
    BACKGROUND = 3
    """Recordings, for which nobody listens: when nothing of a call waits."""


@dataclass(frozen=True, slots=True)
class Clip:
    """One piece of speech to recognise.

    `prompt` is text that is taken as spoken before (Whisper's previous text): it biases recognition towards its
    words and spelling; empty for none. `beam` is 1 for greedy search. `word_times` asks for per-word times.
    `language` is what the speaker spoke so far: where the recogniser detects languages it takes another only if it is
    sure; empty if nothing is known. Until `retry_until_s` (monotonic clock; None: never) a text that is doubtful may
    be decoded once more, with more effort.
    """

    audio: Audio
    prompt: str = ""
    beam: int = 1
    word_times: bool = False
    language: str = ""
    retry_until_s: float | None = None


@dataclass(frozen=True, slots=True)
class Word:
    """A word and where it was said, in seconds from the start of the clip."""

    text: str
    start_s: float
    end_s: float
    probability: float = 1.0


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """What a recogniser made of one clip.

    `rejected` means that it was judged to be no speech; then `text` is empty and `raw_text` holds what was thrown away.
    `language_probability` is 1 where the language was given, `retried` tells of a second decode.
    """

    text: str
    avg_logprob: float
    no_speech_prob: float
    language: str
    audio_s: float
    decode_ms: float
    words: tuple[Word, ...] = ()
    rejected: bool = False
    raw_text: str = ""
    language_probability: float = 1.0
    retried: bool = False


class Recognizer(Protocol):
    """A speech recogniser: blocking, called from one thread at a time by a batcher."""

    @property
    def name(self) -> str:
        """The model's name in the catalog."""

    def decode(self, clips: Sequence[Clip]) -> list[Hypothesis]:
        """Recognise clips as one batch; one hypothesis each, in order."""


class Transcriber(Protocol):
    """What sessions see: jobs from many sessions, batched onto one recogniser (see `stt/batcher.py`)."""

    @property
    def load(self) -> float:
        """Share of the recent past (0 to 1) in which the recogniser was busy: sessions stretch partials by it."""

    def submit(
        self, clip: Clip, *, session: str, priority: Priority, deadline_s: float | None = None
    ) -> Future[Hypothesis]:
        """Queue a clip; `deadline_s` is on the monotonic clock and orders jobs of equal priority.

        A newer PARTIAL of a session cancels its older one that still waits (its future is cancelled).
        Cancelling a waiting future removes the job. Raises EngineError when closed or full.
        """
