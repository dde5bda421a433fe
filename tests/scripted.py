"""A session that follows a script, for tests of what lies in front of sessions: no engines, no clock."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from voicebox.conversation.events import (
    PartialTranscript,
    ReplyAudio,
    ReplyDone,
    ReplyStarted,
    ReplyText,
    SpeechStarted,
    Tokens,
    Transcript,
    TurnCommitted,
    TurnRecord,
)
from voicebox.conversation.ports import Emit, ReplyWish, Role, SessionOptions, ToolCall
from voicebox.errors import EngineError, VoiceboxError

RATE = 16_000
LOUD = 0.1
TEXT = "Okay, ten minutes."


def tone(seconds: float, rate: int, level: float = 0.5) -> NDArray[np.float32]:
    return (level * np.sin(2 * np.pi * 440 * np.arange(round(seconds * rate)) / rate)).astype(np.float32)


@dataclass
class ScriptedSession:
    """Loud audio is speech; 200 ms of quiet after it end the turn; each turn gets the same reply.

    `reply_s` is the length of the reply, `hold` keeps it open (no ReplyDone) until it is cancelled.
    """

    emit: Emit
    options: SessionOptions
    reply_s: float = 0.5
    hold: bool = False
    id: str = "session"
    configured: list[SessionOptions] = field(default_factory=list)
    calls: list[tuple[object, ...]] = field(default_factory=list)
    samples: int = 0
    closed: int = 0
    heard_ms: dict[str, int] = field(default_factory=dict)
    _speaking: bool = False
    _quiet: int = 0
    _turns: int = 0
    _lines: int = 0
    _asides: int = 0
    _reply: str | None = None

    def configure(self, options: SessionOptions) -> None:
        self.options = options
        self.configured.append(options)

    def feed(self, audio: NDArray[np.float32]) -> None:
        assert audio.dtype == np.float32
        if len(audio) > 60 * RATE:
            raise EngineError("audio comes too fast")
        for start in range(0, len(audio), 160):
            self._frame(audio[start : start + 160])

    def _frame(self, audio: NDArray[np.float32]) -> None:
        self.samples += len(audio)
        if np.abs(audio).max(initial=0.0) > LOUD:
            self._quiet = 0
            if not self._speaking:
                self._speaking = True
                self._turns += 1
                self.emit(SpeechStarted(f"turn{self._turns}", self._ms))
                self.emit(PartialTranscript(f"turn{self._turns}", "set a timer", "set a"))
        elif self._speaking:
            self._quiet += len(audio)
            if self._quiet >= 0.2 * RATE and self.options.server_vad:
                self.commit_audio()

    @property
    def _ms(self) -> int:
        return round(1000 * self.samples / RATE)

    def commit_audio(self) -> None:
        if not self._speaking:
            raise VoiceboxError("there is no speech to commit")
        self._speaking = False
        turn = f"turn{self._turns}"
        self.emit(TurnCommitted(turn, self._ms - 200))
        self.emit(Transcript(turn, "Set a timer for ten minutes.", -0.2, "en", 1.5))
        if self.options.respond:
            self.reply(turn)

    def reply(self, turn: str | None, wish: ReplyWish | None = None) -> None:
        wish = wish or ReplyWish()
        speaks = self.options.speak if wish.speak is None else wish.speak
        self._reply = f"reply-{turn}"
        self.emit(ReplyStarted(self._reply, turn, "reflex", speaks, wish.tag))
        self.emit(ReplyText(self._reply, "Okay,"))
        if speaks:
            silence = np.zeros(round(0.05 * 22_050), np.float32)
            self.emit(ReplyAudio(self._reply, np.concatenate((silence, tone(self.reply_s, 22_050))), 22_050))
        self.emit(ReplyText(self._reply, "ten minutes."))
        if turn is not None:
            self.emit(
                TurnRecord(
                    turn=turn,
                    reply=self._reply,
                    transcript="set a timer for ten minutes",
                    intent="timer.set",
                    slots={"duration": 600},
                    confidence=0.98,
                    tier="reflex",
                    reasons=("confident",),
                    speculated=True,
                    reply_text=TEXT,
                    stages={"endpoint_ms": 200.0, "stt_ms": 0.0, "decision_ms": 0.5, "tts_first_ms": 2.0},
                )
            )
        if not self.hold:
            self.emit(ReplyDone(self._reply, "completed", TEXT))
            self._reply = None

    def clear_audio(self) -> None:
        self.calls.append(("clear",))
        self._speaking = False

    def add_text(self, role: Role, text: str, *, after: str | None = None) -> str:
        self._lines += 1
        self.calls.append(("text", role, text, after))
        return f"typed{self._lines}"

    def add_tool_call(self, call: ToolCall) -> None:
        self.calls.append(("call", call))

    def add_tool_result(self, call_id: str, output: str) -> None:
        if call_id != "call_1":
            raise VoiceboxError("no such call waits for a result")
        self.calls.append(("result", call_id, output))

    def request_reply(self, wish: ReplyWish | None = None) -> None:
        self.calls.append(("reply", wish))
        self.reply("typed1", wish or ReplyWish())

    def reply_aside(self, wish: ReplyWish) -> None:
        self.calls.append(("aside", wish))
        self._asides += 1
        reply = f"aside{self._asides}"
        speaks = self.options.speak if wish.speak is None else wish.speak
        self.emit(ReplyStarted(reply, None, "small", speaks, wish.tag, aside=True))
        self.emit(ReplyText(reply, "Aside."))
        if not self.hold:
            self.emit(ReplyDone(reply, "completed", "Aside.", usage=Tokens(20, 5, 3)))

    def cancel_aside(self, reply: str) -> bool:
        self.emit(ReplyDone(reply, "cancelled", "", "cancelled"))
        return True

    def cancel_reply(self) -> bool:
        reply, self._reply = self._reply, None
        if reply is not None:
            self.emit(ReplyDone(reply, "cancelled", "Okay,", "cancelled"))
        return reply is not None

    def truncate(self, reply: str, heard_ms: int) -> str:
        self.calls.append(("truncate", reply, heard_ms))
        return "Okay,"

    def forget(self, id: str) -> None:
        self.calls.append(("forget", id))

    def played(self, reply: str, played_ms: int) -> None:
        self.heard_ms[reply] = played_ms

    async def close(self) -> None:
        self.closed += 1


@dataclass
class ScriptedEngines:
    """A factory of scripted sessions that keeps them for a look."""

    reply_s: float = 0.5
    hold: bool = False
    sessions: list[ScriptedSession] = field(default_factory=list)

    def session(self, emit: Emit, options: SessionOptions) -> ScriptedSession:
        session = ScriptedSession(emit, options, reply_s=self.reply_s, hold=self.hold)
        self.sessions.append(session)
        return session
