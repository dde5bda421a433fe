"""The session as a transport sees it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from voicebox.conversation.events import SessionEvent

__all__ = ["Emit", "SessionOptions", "SessionPort"]

Emit = Callable[[SessionEvent], None]
"""How a session tells its transport something: called on the event loop, must not block."""


@dataclass(frozen=True, slots=True)
class SessionOptions:
    """What a client may set.

    `eagerness` scales the wait at the end of a turn. `respond` false: turns are transcribed and committed, a reply
    comes only on `request_reply`. `interruptible` false: speech over the assistant does not stop it. `server_vad`
    false: push-to-talk, the client commits its audio itself. `speak` false: replies are text. `instructions` are
    added to the instruct model's prompt. `skills` limits the skills to these names. `voice` is a voice's name (empty:
    the server's own), `speed` its speaking rate. After `idle_timeout_ms` in which nobody speaks the assistant does,
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

    def add_user_text(self, text: str) -> str:
        """A turn that was typed; returns its turn id."""

    def request_reply(self, instructions: str = "") -> None:
        """Answer the last user turn (or greet, if there is none)."""

    def cancel_reply(self) -> bool:
        """Stop the current reply; False if there is none."""

    def truncate(self, reply: str, heard_ms: int) -> str:
        """The client played `heard_ms` of the reply and dropped the rest: cut history there; returns the heard text.

        Raises VoiceboxError for an unknown reply or a position past its audio.
        """

    def forget(self, id: str) -> None:
        """The models are not to see a turn or a reply any more; what is not known is ignored."""

    def played(self, reply: str, played_ms: int) -> None:
        """A transport with a real playout clock reports how far it is."""

    async def close(self) -> None:
        """End the session and release what it holds in the engines. Idempotent."""
