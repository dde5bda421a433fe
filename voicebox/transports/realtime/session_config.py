"""A session's configuration as it is in effect: changed by `session.update`, echoed in `session.updated`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from voicebox.audio.formats import PCM16_24K, PCMA_8K, PCMU_8K, AudioFormat
from voicebox.conversation.ports import NO_TOOLS, SessionOptions, Tools
from voicebox.errors import EngineError, VoiceboxError
from voicebox.transports.realtime.protocol import ProtocolError, new_id
from voicebox.transports.realtime.session_patch import (
    FunctionChoice,
    FunctionTool,
    InputPatch,
    SemanticVad,
    ServerVad,
    SessionPatch,
)
from voicebox.transports.realtime.tools_config import choice_resource, read_tools, tools_resource

__all__ = ["SessionConfig"]

_FORMATS: dict[str, AudioFormat] = {"audio/pcm": PCM16_24K, "audio/pcmu": PCMU_8K, "audio/pcma": PCMA_8K}

Eagerness = Literal["low", "medium", "high", "auto"]


@dataclass
class SessionConfig:
    """What is in effect, nothing that was only wished for.

    `kind` "transcription" is a session that only writes down what it hears.
    `model` is the name that the client asked for: clients compare it. `turn_detection` is None for push-to-talk.
    `voice` and `stt_model` name what really speaks and listens. `find_voice` gives the name of the voice that speaks
    for one that a client asks for; without it there is one voice, whatever is asked for.
    """

    kind: Literal["realtime", "transcription"] = "realtime"
    model: str = "voicebox"
    voice: str = "default"
    speed: float = 1.0
    stt_model: str = "whisper"
    instructions: str = ""
    modality: Literal["audio", "text"] = "audio"
    input_type: str = "audio/pcm"
    output_type: str = "audio/pcm"
    transcription: dict[str, Any] | None = field(default_factory=dict)
    turn_detection: ServerVad | SemanticVad | None = field(
        default_factory=lambda: SemanticVad(
            type="semantic_vad", eagerness="auto", create_response=True, interrupt_response=True
        )
    )
    skills: tuple[str, ...] | None = None
    tools: Tools = NO_TOOLS
    max_tokens: int | None = None
    vad_threshold: float = 0.5
    find_voice: Callable[[str], str] | None = None
    id: str = field(default_factory=lambda: new_id("sess"))
    declared: list[FunctionTool] = field(default_factory=list)

    @property
    def input_format(self) -> AudioFormat:
        """How input audio is written."""
        return _FORMATS[self.input_type]

    @property
    def output_format(self) -> AudioFormat:
        """How reply audio is written."""
        return _FORMATS[self.output_type]

    def format_of(self, kind: str | None) -> AudioFormat:
        """How reply audio of this type is written; None: of the session's."""
        return _FORMATS[kind or self.output_type]

    def output(
        self, *, kind: str | None = None, voice: str | None = None, speed: float | None = None
    ) -> dict[str, Any]:
        """The output's audio as clients see it, with a reply's own settings in place of the session's."""
        return {
            "format": _format_resource(kind or self.output_type),
            "voice": voice or self.voice,
            "speed": self.speed if speed is None else speed,
        }

    def apply(self, patch: SessionPatch) -> None:
        """Change what the patch gives; all of it or nothing.

        Raises:
            ProtocolError: something that is not offered, without the client's event id.
        """
        if patch.type != self.kind:
            raise ProtocolError(
                "invalid_value",
                f"This is a {self.kind} session; connect with ?intent=transcription for one that only transcribes.",
                param="session.type",
            )
        tools = self._tools(patch)
        output = patch.audio.output if patch.audio is not None else None
        voice = self.find(output.voice) if output is not None and output.voice is not None else self.voice
        given = patch.model_fields_set
        self.tools, self.declared = tools
        if patch.max_output_tokens is not None:
            self.max_tokens = None if patch.max_output_tokens == "inf" else patch.max_output_tokens
        if patch.model:
            self.model = patch.model
        if "instructions" in given:
            self.instructions = patch.instructions or ""
        if patch.output_modalities:
            self.modality = patch.output_modalities[0]
        if patch.voicebox is not None:
            self.skills = None if patch.voicebox.skills is None else tuple(patch.voicebox.skills)
        if patch.audio is not None and patch.audio.input is not None:
            self._apply_input(patch.audio.input)
        if output is not None:
            self.voice = voice
            self.speed = self.speed if output.speed is None else output.speed
            self.output_type = self.output_type if output.format is None else output.format.type

    def _tools(self, patch: SessionPatch) -> tuple[Tools, list[FunctionTool]]:
        """The tools with the patch applied, and as they were declared; a new list resets the choice of one that is
        not in it."""
        declared = self.declared if patch.tools is None else patch.tools
        choice = patch.tool_choice
        if choice is None:
            kept = self.tools.choice
            name = kept.name if kept.name in {tool.name for tool in declared} else None
            choice = FunctionChoice(type="function", name=name) if name else "auto" if kept.name else kept.mode
            choice = "auto" if choice == "required" and not declared else choice
        return read_tools(declared, choice, "session"), declared

    def find(self, asked: str | dict[str, Any]) -> str:
        """The voice that will speak. A custom voice, as the protocol has them, is an object with its name as `id`.

        Raises:
            ProtocolError: there is no such voice.
        """
        name = asked.get("id") if isinstance(asked, dict) else asked
        if self.find_voice is None:
            return self.voice
        param = "session.audio.output.voice"
        if not isinstance(name, str):
            raise ProtocolError("invalid_type", "A voice is a name, or an object with a name as its id.", param=param)
        try:
            return self.find_voice(name)
        except EngineError:
            raise
        except VoiceboxError as error:
            raise ProtocolError("invalid_value", str(error), param=param) from None

    def _apply_input(self, patch: InputPatch) -> None:
        given = patch.model_fields_set
        if patch.format is not None:
            self.input_type = patch.format.type
        if "transcription" in given:
            self.transcription = patch.transcription
        if "turn_detection" in given:
            self.turn_detection = _effective(patch.turn_detection)

    def resource(self) -> dict[str, Any]:
        """The session as clients see it."""
        if self.kind == "transcription":
            return {
                "type": "transcription",
                "object": "realtime.transcription_session",
                "id": self.id,
                "audio": {"input": self._input()},
            }
        return {
            "type": "realtime",
            "object": "realtime.session",
            "id": self.id,
            "model": self.model,
            "instructions": self.instructions,
            "output_modalities": [self.modality],
            "audio": {
                "input": self._input(),
                "output": self.output(),
            },
            "tools": tools_resource(self.tools),
            "tool_choice": choice_resource(self.tools.choice),
            "max_output_tokens": "inf" if self.max_tokens is None else self.max_tokens,
            "tracing": None,
            "voicebox": {"skills": None if self.skills is None else list(self.skills)},
        }

    def _input(self) -> dict[str, Any]:
        return {
            "format": _format_resource(self.input_type),
            "noise_reduction": None,
            "transcription": None if self.transcription is None else self._transcription(),
            "turn_detection": self.turn_detection and self.turn_detection.model_dump(),
        }

    def _transcription(self) -> dict[str, Any]:
        """Our recogniser transcribes, whichever the client asked for."""
        asked = self.transcription or {}
        return {"model": self.stt_model, "language": asked.get("language"), "prompt": asked.get("prompt", "")}

    def options(self) -> SessionOptions:
        """The same for the session behind the transport."""
        detection = self.turn_detection
        fixed = isinstance(detection, ServerVad)
        return SessionOptions(
            eagerness=(detection.eagerness or "auto") if isinstance(detection, SemanticVad) else "auto",
            server_vad=detection is not None,
            vad_threshold=detection.threshold
            if isinstance(detection, ServerVad) and detection.threshold is not None
            else self.vad_threshold,
            silence_ms=detection.silence_duration_ms if isinstance(detection, ServerVad) and fixed else None,
            respond=self.kind == "realtime" and detection is not None and detection.create_response is not False,
            interruptible=detection is None or detection.interrupt_response is not False,
            idle_timeout_ms=detection.idle_timeout_ms if isinstance(detection, ServerVad) else None,
            speak=self.modality == "audio",
            instructions=self.instructions,
            voice=self.voice if self.find_voice is not None else "",
            speed=self.speed,
            # What a client declares is what the assistant can do, unless it asks for skills of the server besides.
            skills=() if self.tools.tools and self.skills is None else self.skills,
            tools=self.tools,
            max_tokens=self.max_tokens,
        )


def _effective(wished: ServerVad | SemanticVad | None) -> ServerVad | SemanticVad | None:
    """Turn detection with the protocol's defaults filled in: clients act on what they see in the echo."""
    if wished is None:
        return None
    both = {
        "create_response": wished.create_response is not False,
        "interrupt_response": wished.interrupt_response is not False,
    }
    if isinstance(wished, SemanticVad):
        return wished.model_copy(update={"eagerness": wished.eagerness or "auto", **both})
    return wished.model_copy(
        update={
            "threshold": 0.5 if wished.threshold is None else wished.threshold,
            "prefix_padding_ms": 300 if wished.prefix_padding_ms is None else wished.prefix_padding_ms,
            "silence_duration_ms": 500 if wished.silence_duration_ms is None else wished.silence_duration_ms,
            **both,
        }
    )


def _format_resource(kind: str) -> dict[str, Any]:
    return {"type": kind, "rate": 24_000} if kind == "audio/pcm" else {"type": kind}
