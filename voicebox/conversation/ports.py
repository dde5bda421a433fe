"""The session as a transport sees it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from voicebox.conversation.events import SessionEvent
from voicebox.llm.tools import NO_TOOLS, Tool, ToolCall, ToolChoice, Tools
from voicebox.llm.types import Message

__all__ = [
    "NO_TOOLS",
    "Emit",
    "Message",
    "ReplyWish",
    "Role",
    "SessionOptions",
    "SessionPort",
    "Tool",
    "ToolCall",
    "ToolChoice",
    "Tools",
]

Role = Literal["user", "assistant", "system"]

Emit = Callable[[SessionEvent], None]
"""How a session tells its transport something: called on the event loop, must not block."""


@dataclass(frozen=True, slots=True)
class SessionOptions:
    """What a client may set.

    `eagerness` scales the wait at the end of a turn. `respond` false: turns are transcribed and committed, a reply
    comes only on `request_reply`. `interruptible` false: speech over the assistant does not stop it. `server_vad`
    false: push-to-talk, the client commits its audio itself. `speak` false: replies are text. `instructions` are
    added to the instruct model's prompt. `skills` limits the skills to these names. `voice` is a voice's name (empty:
    the server's own), `speed` its speaking rate. `tools` are the client's, `max_tokens` bounds what a
    model may write. After `idle_timeout_ms` in which nobody speaks the assistant does,
    once for each silence of the caller (None: never; with `server_vad` only).
    """

    eagerness: Literal["low", "medium", "high", "auto"] = "auto"
    server_vad: bool = True
    vad_threshold: float = 0.5
    silence_ms: int | None = None
    respond: bool = True
    interruptible: bool = True
    idle_timeout_ms: int | None = None
    speak: bool = True
    instructions: str = ""
    voice: str = ""
    speed: float = 1.0
    skills: tuple[str, ...] | None = None
    tools: Tools = NO_TOOLS
    max_tokens: int | None = None


@dataclass(frozen=True, slots=True)
class ReplyWish:
    """What one reply is to be like where that differs from the options of the session; None: as they say.

    `messages` are all that a reply outside of the conversation is made from (None: the conversation). `tag` comes back
    with the events of the reply.
    """

    instructions: str | None = None
    speak: bool | None = None
    voice: str | None = None
    speed: float | None = None
    tools: Tools | None = None
    max_tokens: int | None = None
    messages: tuple[Message, ...] | None = None
    tag: object = None

    def over(self, options: SessionOptions) -> SessionOptions:
        """The options with what is wished for in their place."""
        wished = {
            name: value
            for name in ("instructions", "speak", "voice", "speed", "tools", "max_tokens")
            if (value := getattr(self, name)) is not None
        }
        return replace(options, **wished)


class SessionPort(Protocol):
    """One conversation. All methods are called on the event loop and return at once."""

    @property
    def id(self) -> str:
        """Unguessable name of the session."""

    def configure(self, options: SessionOptions) -> None:
        """Change the options, from the next turn on."""

    def feed(self, audio: NDArray[np.float32]) -> None:
        """Input audio: float32 mono 16 kHz, any length.

        Raises EngineError when audio comes so much faster than real time that the bounded queue is full.
        """

    def commit_audio(self) -> None:
        """End the turn now (push-to-talk). Raises VoiceboxError when there is no audio."""

    def clear_audio(self) -> None:
        """Forget the audio of the turn so far."""

    def add_text(self, role: Role, text: str, *, after: str | None = None) -> str:
        """Words that were typed, or said elsewhere; returns the id of their line in the history.

        They are put behind the line of the id `after`, at the front if it is empty, and at the end if it is None.
        """

    def add_tool_call(self, call: ToolCall) -> None:
        """A call that was made elsewhere, for the last user turn."""

    def add_tool_result(self, call_id: str, output: str) -> None:
        """What a tool answered. Raises VoiceboxError when no such call waits for a result."""

    def request_reply(self, wish: ReplyWish | None = None) -> None:
        """Answer: the turn whose tools have answered, else the last user turn; greet if there is none.

        A caller who is speaking goes first: the reply is then to what is being said, or comes once that was nothing.
        """

    def reply_aside(self, wish: ReplyWish) -> None:
        """Make a reply outside of the conversation. Raises EngineError when too many are being made."""

    def cancel_aside(self, reply: str) -> bool:
        """Stop a reply outside of the conversation; False if there is none of that id."""

    def cancel_reply(self) -> bool:
        """Stop the current reply; False if there is none."""

    def truncate(self, reply: str, heard_ms: int) -> str:
        """The client played `heard_ms` of the reply and dropped the rest: cut history there; returns the heard text.

        Raises VoiceboxError for an unknown reply or a position past its audio.
        """

    def forget(self, id: str) -> None:
        """The models are not to see a turn, a reply or a tool's call any more; what is not known is ignored."""

    def played(self, reply: str, played_ms: int) -> None:
        """A transport with a real playout clock reports how far it is."""

    async def close(self) -> None:
        """End the session and release what it holds in the engines. Idempotent."""
