"""What a session tells its transport. Facts only; a transport turns them into its own wire format."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from voicebox.llm.tools import ToolCall

if TYPE_CHECKING:
    from voicebox.llm.jobs import Generation

__all__ = [
    "Ducked",
    "IdleTimeout",
    "Interrupted",
    "PartialTranscript",
    "ReplyAudio",
    "ReplyDone",
    "ReplyStarted",
    "ReplyText",
    "SessionError",
    "SessionEvent",
    "SpeechStarted",
    "TierAsked",
    "Tokens",
    "ToolCalled",
    "ToolUsed",
    "Transcript",
    "TurnCommitted",
    "TurnDropped",
    "TurnRecord",
    "tokens_of",
]


@dataclass(frozen=True, slots=True)
class SpeechStarted:
    """The caller began to speak; `audio_ms` counts the session's input audio from its start, pre-roll included."""

    turn: str
    audio_ms: int


@dataclass(frozen=True, slots=True)
class PartialTranscript:
    """Words so far; `stable` is the leading part that two successive hypotheses agree on."""

    turn: str
    text: str
    stable: str


@dataclass(frozen=True, slots=True)
class TurnDropped:
    """The speech came to nothing: noise, the assistant's own echo, a listener's "mm-hm", or cleared by the client."""

    turn: str
    reason: Literal["no_speech", "echo", "backchannel", "cleared"]


@dataclass(frozen=True, slots=True)
class TurnCommitted:
    """The caller's turn is over for good; `audio_ms` is where the speech ended in the session's input audio."""

    turn: str
    audio_ms: int


@dataclass(frozen=True, slots=True)
class Transcript:
    """The final words of a committed turn; `audio_s` is the length of the speech that they came from."""

    turn: str
    text: str
    avg_logprob: float
    language: str
    audio_s: float


@dataclass(frozen=True, slots=True)
class IdleTimeout:
    """Nobody spoke from `audio_start_ms` to `audio_end_ms` of the session's input audio: the assistant will."""

    audio_start_ms: int
    audio_end_ms: int


@dataclass(frozen=True, slots=True)
class Tokens:
    """What a model read (`cached` of it it had read before) and wrote."""

    read: int
    cached: int
    written: int


def tokens_of(generation: Generation | None) -> Tokens | None:
    """The counts of a finished generation."""
    if generation is None:
        return None
    return Tokens(generation.prompt_tokens, generation.reused_tokens, generation.tokens)


@dataclass(frozen=True, slots=True)
class ReplyStarted:
    """The assistant takes its turn; `turn` is what it answers, or None if it speaks unasked.

    `speaks` is false for text alone. `tag` is that of the client's wish for this reply. An `aside` is no part of the
    conversation.
    """

    reply: str
    turn: str | None
    tier: str
    speaks: bool = True
    tag: object = None
    aside: bool = False


@dataclass(frozen=True, slots=True)
class ReplyText:
    """The next words of the reply; they may run ahead of the audio."""

    reply: str
    text: str


@dataclass(frozen=True, slots=True)
class ReplyAudio:
    """The next audio of the reply: float32 mono, shape `(samples,)`, at `rate` Hz, sent as soon as it is there."""

    reply: str
    audio: NDArray[np.float32]
    rate: int


@dataclass(frozen=True, slots=True)
class Ducked:
    """The caller's voice may be an interruption: play the reply more quietly (`on`), or at full level again."""

    reply: str
    on: bool


@dataclass(frozen=True, slots=True)
class Interrupted:
    """The caller took over: drop what is not played yet. `heard_text` is what the caller had heard of the reply."""

    reply: str
    heard_ms: int
    heard_text: str


@dataclass(frozen=True, slots=True)
class ReplyDone:
    """Nothing more comes for this reply; `text` is all that was said (heard words only when interrupted).

    "incomplete": the client's bound on tokens ended it. `usage` is None where no model wrote it.
    """

    reply: str
    status: Literal["completed", "cancelled", "failed", "incomplete"]
    text: str
    reason: str = ""
    usage: Tokens | None = None


@dataclass(frozen=True, slots=True)
class ToolCalled:
    """The client is to call a tool of its own; nothing else is said in this reply. `turn` is None in an aside."""

    reply: str
    turn: str | None
    call: ToolCall
    usage: Tokens | None = None
    tag: object = None


@dataclass(frozen=True, slots=True)
class TurnRecord:
    """The waterfall of one answered turn, for people who tune: sent once its first audio is on the way.

    `stages` holds milliseconds that add up to `total_ms`: `endpoint_ms` (last voiced frame → end of turn), `stt_ms`
    (→ final text), `decision_ms` (→ who answers), `first_text_ms` (→ reply text), `tts_first_ms` (→ first audio) and
    `send_ms` (→ sent). `moments` holds when things happened, in ms after the last voiced frame, whether somebody
    waited for them or not; what did not happen is left out. `endpoint` is why the turn was taken to be over. `guesses`
    counts the answers that were begun on a guess in this turn, `wasted` those that were thrown away. `cost` is in
    dollars; None where it is not known yet, as the answer is still being made (`TierAsked` tells it), 0 for what runs
    here. `filler` is what was said while a larger model thought, if the turn began with that.
    """

    turn: str
    reply: str
    transcript: str
    intent: str
    slots: Mapping[str, Any]
    confidence: float
    tier: str
    reasons: tuple[str, ...]
    speculated: bool
    reply_text: str
    stages: Mapping[str, float]
    endpoint: str = ""
    moments: Mapping[str, float] = field(default_factory=dict)
    guesses: int = 0
    wasted: int = 0
    cost: float | None = 0.0
    filler: str = ""
    data: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TierAsked:
    """A model was asked for an answer to a turn, and what became of that.

    `outcome` is "answered", "failed", "late", "stalled", "lost" (another was faster) or "cancelled", `reason` says why;
    times are in ms. `cost_usd` is None where the price is not known; `estimated` says that the tokens were counted from
    the texts, `wasted` that nothing of it was heard.
    """

    turn: str
    tier: str
    model: str
    outcome: str
    reason: str
    first_ms: float | None
    total_ms: float
    prompt_tokens: int
    cached_tokens: int
    completion_tokens: int
    cost_usd: float | None
    estimated: bool
    wasted: bool


@dataclass(frozen=True, slots=True)
class ToolUsed:
    """A tool of the server was called for the answer to a turn; `failed` says why there is no result."""

    turn: str
    name: str
    arguments: str
    output: str
    ms: float
    failed: str = ""


@dataclass(frozen=True, slots=True)
class SessionError:
    """Something failed inside; the session lives on."""

    code: str
    message: str


SessionEvent = (
    SpeechStarted
    | PartialTranscript
    | TurnDropped
    | TurnCommitted
    | Transcript
    | IdleTimeout
    | ReplyStarted
    | ReplyText
    | ReplyAudio
    | Ducked
    | Interrupted
    | ReplyDone
    | ToolCalled
    | TierAsked
    | ToolUsed
    | TurnRecord
    | SessionError
)
