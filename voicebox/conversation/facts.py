"""What the turn machine is told (facts), and what it orders (effects). Data only."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal

from voicebox.conversation.endpoint import Hints
from voicebox.conversation.overlap import Overlap
from voicebox.conversation.segmenter import VoicePaused, VoiceStarted

__all__ = [
    "Abandon",
    "Asked",
    "CallTool",
    "Cancelled",
    "Cleared",
    "Commit",
    "Committed",
    "Configured",
    "Decode",
    "Drop",
    "Duck",
    "Effect",
    "Fact",
    "Fail",
    "FinishReply",
    "Heard",
    "HoldReply",
    "IdleTimedOut",
    "Judge",
    "Kind",
    "NothingToSay",
    "Noticed",
    "Nudged",
    "Opened",
    "Prepare",
    "Queued",
    "Reopen",
    "ReplyFailed",
    "ReplyReady",
    "ResumeReply",
    "Said",
    "Speculate",
    "StartReply",
    "Stirred",
    "StopReply",
    "Tick",
    "ToolChosen",
    "Truncated",
    "Unasked",
    "Unduck",
    "VoicePaused",
    "VoiceStarted",
    "Voted",
    "WakeAt",
]


class Kind(StrEnum):
    """Why a piece of audio was decoded."""

    PARTIAL = "partial"
    PAUSE = "pause"
    FINAL = "final"


# Facts


@dataclass(frozen=True, slots=True)
class Heard:
    """A decode of the turn's audio came back and was understood.

    `pause` names the pause that the audio reached up to (partials: 0, they settle nothing). `complete` is the
    probability that all is said; None where nobody judged. `noise` means no speech was found in it. `hints` is what
    else the words tell about the end of the turn.
    """

    turn: str
    kind: Kind
    pause: int
    text: str
    complete: float | None = None
    noise: bool = False
    overlap: Overlap = Overlap.NONE
    hints: Hints = field(default_factory=Hints)


@dataclass(frozen=True, slots=True)
class Voted:
    """The turn's sound up to a pause was judged: `done` is the probability (0 to 1) that the turn is over."""

    turn: str
    pause: int
    done: float


@dataclass(frozen=True, slots=True)
class Stirred:
    """A first frame of voice was heard in a pause: the next one will tell whether it is more than a click."""


@dataclass(frozen=True, slots=True)
class Tick:
    """Time passed; nothing else happened."""


@dataclass(frozen=True, slots=True)
class ReplyReady:
    """The first audio (or text, where nothing is spoken) of the answer to a turn is there."""

    turn: str


@dataclass(frozen=True, slots=True)
class NothingToSay:
    """The turn wants no answer."""

    turn: str


@dataclass(frozen=True, slots=True)
class ToolChosen:
    """The answer to a turn begins with a call of a tool of the client."""

    turn: str


@dataclass(frozen=True, slots=True)
class ReplyFailed:
    """The answer to a turn could not be made."""

    turn: str
    reason: str


@dataclass(frozen=True, slots=True)
class Queued:
    """Audio of the reply was sent; all of it will have been played at `ends_s`."""

    reply: str
    ends_s: float


@dataclass(frozen=True, slots=True)
class Said:
    """The reply's last audio was sent."""

    reply: str


@dataclass(frozen=True, slots=True)
class Committed:
    """The client says that the caller is done (push-to-talk)."""


@dataclass(frozen=True, slots=True)
class Cleared:
    """The client throws the caller's audio away."""


@dataclass(frozen=True, slots=True)
class Cancelled:
    """The client stops the reply, or what is being prepared of it."""


@dataclass(frozen=True, slots=True)
class Truncated:
    """The far end stopped playing the reply."""

    reply: str


@dataclass(frozen=True, slots=True)
class Asked:
    """The client wants an answer to these words, typed or said before; `turn` is their name in the history."""

    turn: str
    text: str


@dataclass(frozen=True, slots=True)
class Unasked:
    """The assistant has something to say by itself (a timer rings)."""

    text: str


@dataclass(frozen=True, slots=True)
class Nudged:
    """There are words for a caller who has been silent for long: said at once, or never."""

    text: str


@dataclass(frozen=True, slots=True)
class Configured:
    """The rules are new from now on; the session begins with this."""


Fact = (
    VoiceStarted
    | VoicePaused
    | Heard
    | Voted
    | Stirred
    | Tick
    | ReplyReady
    | NothingToSay
    | ToolChosen
    | ReplyFailed
    | Queued
    | Said
    | Committed
    | Cleared
    | Cancelled
    | Truncated
    | Asked
    | Unasked
    | Nudged
    | Configured
)

# Effects


@dataclass(frozen=True, slots=True)
class Opened:
    """A turn began; its audio starts at `at_s` (less the pre-roll)."""

    turn: str
    at_s: float


@dataclass(frozen=True, slots=True)
class Noticed:
    """The client may know that the caller speaks, from `at_s` on: it will stop playing what it has."""

    turn: str
    at_s: float


@dataclass(frozen=True, slots=True)
class Decode:
    """Decode the turn's audio up to now; answer with `Heard`."""

    turn: str
    kind: Kind
    pause: int


@dataclass(frozen=True, slots=True)
class Judge:
    """Listen to the turn's audio up to now, whether it sounds like an end; answer with `Voted`, or not at all."""

    turn: str
    pause: int


@dataclass(frozen=True, slots=True)
class Speculate:
    """Prepare an answer to these words on a guess; with `aloud` up to its first audio."""

    turn: str
    text: str
    aloud: bool


@dataclass(frozen=True, slots=True)
class Prepare:
    """The turn's words are final: make the answer, from the speculation if it fits, else afresh."""

    turn: str
    text: str


@dataclass(frozen=True, slots=True)
class Reopen:
    """The caller goes on: what was prepared is void."""

    turn: str


@dataclass(frozen=True, slots=True)
class Commit:
    """The turn is over for good: side effects, history, and the client may know.

    `reason` is why it was taken to be over: an `endpoint.Wait.reason`, "client", or "too_long"; empty for typed words.
    """

    turn: str
    text: str
    last_voice_s: float
    closed_s: float
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Drop:
    """The turn came to nothing."""

    turn: str
    reason: Literal["no_speech", "echo", "backchannel", "cleared"]


@dataclass(frozen=True, slots=True)
class Abandon:
    """Void what is being prepared for a turn that stays committed without an answer."""

    turn: str


@dataclass(frozen=True, slots=True)
class Fail:
    """Tell the client that the turn cannot be answered."""

    turn: str
    reason: str


@dataclass(frozen=True, slots=True)
class CallTool:
    """Tell the client to call the tool that was chosen for a committed turn."""

    turn: str


@dataclass(frozen=True, slots=True)
class StartReply:
    """Speak: the prepared answer to `turn`, or `text` if nobody asked."""

    reply: str
    turn: str | None
    text: str = ""


@dataclass(frozen=True, slots=True)
class StopReply:
    """Be silent now, clear the far buffer, cut history at what was heard."""

    reply: str
    reason: Literal["interrupted", "cancelled", "replaced"]


@dataclass(frozen=True, slots=True)
class HoldReply:
    """Be silent now, and keep what was not heard: it may go on."""

    reply: str


@dataclass(frozen=True, slots=True)
class ResumeReply:
    """It was nothing: say the rest of the held `reply`, from the cut word on, as `next_reply`."""

    reply: str
    next_reply: str


@dataclass(frozen=True, slots=True)
class FinishReply:
    """All of the reply was heard."""

    reply: str


@dataclass(frozen=True, slots=True)
class Duck:
    """Speak more quietly while it is unclear what the caller's voice means."""

    reply: str


@dataclass(frozen=True, slots=True)
class Unduck:
    """It was nothing: go on at full level."""

    reply: str


@dataclass(frozen=True, slots=True)
class IdleTimedOut:
    """Nobody has spoken since `since_s`: tell the client, and find words for the caller (`Nudged`)."""

    since_s: float


@dataclass(frozen=True, slots=True)
class WakeAt:
    """Send a `Tick` at this session time."""

    at_s: float


Effect = (
    Opened
    | Noticed
    | Decode
    | Judge
    | Speculate
    | Prepare
    | Reopen
    | Commit
    | Drop
    | Abandon
    | Fail
    | CallTool
    | StartReply
    | StopReply
    | HoldReply
    | ResumeReply
    | FinishReply
    | Duck
    | Unduck
    | IdleTimedOut
    | WakeAt
)
