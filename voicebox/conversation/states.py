"""The states of the turn machine: the caller's side and the assistant's, and the rules that they live under."""

from __future__ import annotations

from dataclasses import dataclass, field

from voicebox.conversation.endpoint import EndpointPolicy, Hints
from voicebox.conversation.habits import Habits
from voicebox.conversation.overlap import Overlap

__all__ = ["Closing", "Held", "Listening", "Quiet", "Rules", "Silent", "Speaking", "Speech", "State", "Voice"]


@dataclass(frozen=True, slots=True)
class Rules:
    """What the client may set, and limits.

    Voice that goes on over a reply for `hold_s` breaks it off for the time being, and is an interruption after
    `voice_decides_s` even without words; a reply that was ducked is loud again after `duck_decide_s` without voice.
    `max_turn_s` and `max_prepare_s` make every turn end. After `idle_timeout_s` of silence on both sides the assistant
    speaks by itself (None: never). `judged` says that a model listens to how turns end.
    """

    endpoint: EndpointPolicy = field(default_factory=EndpointPolicy)
    server_vad: bool = True
    interruptible: bool = True
    hold_s: float = 0.25
    duck_decide_s: float = 0.6
    voice_decides_s: float = 1.5
    max_turn_s: float = 120.0
    max_prepare_s: float = 30.0
    idle_timeout_s: float | None = None
    judged: bool = False


@dataclass(frozen=True, slots=True)
class Quiet:
    """The caller is silent."""


@dataclass(frozen=True, slots=True)
class Speech:
    """The caller has the turn; `pause` counts its pauses, `paused` says whether we are in one.

    `heard_pause` is the pause whose decode gave `text`, `complete`, `hints` and `noise`; 0 while only partials came.
    `held_s` is until when this pause is not taken for the end, as voice may be about to begin again; `voice` is what
    the turn's sound said of it (asked for at the pause `judged_pause`), `reason` why the turn was taken to be over.
    `spoken` is false for words that were typed, or said before: there is no audio that could go on. `noticed` says that
    the client was told of the turn: over a reply it is once that is broken off. `over` says that it began over a reply.
    """

    turn: str
    started_s: float
    last_voice_s: float
    paused: bool = False
    pause: int = 0
    text: str = ""
    heard_pause: int = 0
    complete: float | None = None
    hints: Hints = field(default_factory=Hints)
    voice: float | None = None
    held_s: float = 0.0
    judged_pause: int = 0
    noise: bool = False
    overlap: Overlap = Overlap.NONE
    spoken: bool = True
    noticed: bool = False
    over: bool = False
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Closing:
    """The turn is at its end; its last words (`text`, None while they are decoded) or its answer are awaited."""

    speech: Speech
    closed_s: float
    text: str | None

    @property
    def turn(self) -> str:
        """The turn's name."""
        return self.speech.turn


Listening = Quiet | Speech | Closing


@dataclass(frozen=True, slots=True)
class Silent:
    """The assistant is silent."""


@dataclass(frozen=True, slots=True)
class Speaking:
    """The assistant speaks; `ends_s` is when all that was sent will have been played, `said` that nothing follows."""

    reply: str
    ends_s: float
    said: bool = False
    ducked_s: float | None = None


@dataclass(frozen=True, slots=True)
class Held:
    """The reply is broken off, since `held_s`; if the voice over it comes to nothing, it goes on from the cut word."""

    reply: str
    held_s: float


Voice = Silent | Speaking | Held


@dataclass(frozen=True, slots=True)
class State:
    """The whole machine.

    `waiting` holds what the assistant wants to say by itself when there is room; `deferred` is a typed question (turn
    and text) whose answer was given up when the caller began to speak: it is made again if that speech was nothing.
    `quiet_s` is when a turn or a reply last ended: nobody has spoken since, if nobody speaks. `nudged` says that the
    caller's silence has been remarked upon, which is done once.
    """

    caller: Listening = field(default_factory=Quiet)
    assistant: Voice = field(default_factory=Silent)
    turns: int = 0
    replies: int = 0
    waiting: tuple[str, ...] = ()
    deferred: tuple[str, str] | None = None
    quiet_s: float = 0.0
    nudged: bool = False
    habits: Habits = field(default_factory=Habits)

    @property
    def quiet(self) -> bool:
        """Whether nobody speaks, and the assistant has nothing to say."""
        return isinstance(self.caller, Quiet) and isinstance(self.assistant, Silent) and not self.waiting
