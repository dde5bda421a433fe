"""The engines of the process, as a session takes them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from voicebox.conversation.endpoint import EndpointPolicy
from voicebox.routing.answerer import Answerer
from voicebox.stt.types import Transcriber
from voicebox.vad.types import TurnJudge, VoiceActivityDetector

__all__ = ["SessionEngines"]


@dataclass(frozen=True, slots=True)
class SessionEngines:
    """What a session needs of the process.

    `silence` silences what rings for a session; `gain` is the factor by which it wants the voice louder. `partial_ms`
    is the shortest time between two partial decodes. `judge` listens to pauses beside the recogniser.
    """

    vad: VoiceActivityDetector
    transcriber: Transcriber
    answerer: Answerer
    endpoint: EndpointPolicy = field(default_factory=EndpointPolicy)
    silence: Callable[[str], None] = lambda session: None
    gain: Callable[[str], float] = lambda session: 1.0
    partial_ms: float = 240.0
    judge: TurnJudge | None = None
