"""What `session.update` and `response.create` may carry. A field that is absent stays as it is; null is a value."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

__all__ = [
    "Choice",
    "FormatPatch",
    "FunctionChoice",
    "FunctionTool",
    "InputPatch",
    "OutputPatch",
    "ResponsePatch",
    "SemanticVad",
    "ServerVad",
    "SessionPatch",
]


class _Patch(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class PcmFormat(_Patch):
    """16-bit little-endian PCM."""

    type: Literal["audio/pcm"]
    rate: Literal[24000] | None = None


class PcmuFormat(_Patch):
    """G.711 µ-law, 8 kHz."""

    type: Literal["audio/pcmu"]


class PcmaFormat(_Patch):
    """G.711 A-law, 8 kHz."""

    type: Literal["audio/pcma"]


FormatPatch = Annotated[PcmFormat | PcmuFormat | PcmaFormat, Field(discriminator="type")]


class ServerVad(_Patch):
    """Turns end after a fixed silence."""

    type: Literal["server_vad"]
    threshold: Annotated[float, Field(ge=0, le=1)] | None = None
    prefix_padding_ms: Annotated[int, Field(ge=0, le=5_000)] | None = None
    silence_duration_ms: Annotated[int, Field(ge=0, le=10_000)] | None = None
    idle_timeout_ms: Annotated[int, Field(ge=5_000, le=30_000)] | None = None
    create_response: bool | None = None
    interrupt_response: bool | None = None


class SemanticVad(_Patch):
    """Turns end when what was said is complete."""

    type: Literal["semantic_vad"]
    eagerness: Literal["low", "medium", "high", "auto"] | None = None
    create_response: bool | None = None
    interrupt_response: bool | None = None


class InputPatch(_Patch):
    """Input audio."""

    format: FormatPatch | None = None
    noise_reduction: dict[str, Any] | None = None
    transcription: dict[str, Any] | None = None
    turn_detection: Annotated[ServerVad | SemanticVad, Field(discriminator="type")] | None = None


class OutputPatch(_Patch):
    """Output audio."""

    format: FormatPatch | None = None
    voice: str | dict[str, Any] | None = None
    speed: Annotated[float, Field(ge=0.25, le=2.0)] | None = None


class AudioPatch(_Patch):
    """Both directions."""

    input: InputPatch | None = None
    output: OutputPatch | None = None


class ResponseAudioPatch(_Patch):
    """Output of one reply."""

    output: OutputPatch | None = None


Modalities = Annotated[list[Literal["audio", "text"]], Field(min_length=1, max_length=1)]
"""One of both, never both."""

MaxTokens = Annotated[int, Field(ge=1, le=4096)] | Literal["inf"]


class FunctionTool(_Patch):
    """A function of the client: `parameters` is the JSON Schema of its arguments."""

    type: Literal["function"]
    name: Annotated[str, Field(pattern=r"^[a-zA-Z0-9_.-]{1,64}$")]
    description: Annotated[str, Field(max_length=4_096)] | None = None
    parameters: dict[str, Any] | None = None
    strict: bool | None = None


class FunctionChoice(_Patch):
    """This function, whatever was said."""

    type: Literal["function"]
    name: str


ToolList = Annotated[list[FunctionTool], Field(max_length=64)]
Choice = Literal["auto", "none", "required"] | FunctionChoice


class VoiceboxPatch(_Patch):
    """Our own extension: which skills are on in this session (null: all that the server has)."""

    skills: list[str] | None = None


class SessionPatch(_Patch):
    """A session as a client wants it. What has no meaning here (tracing, noise reduction …) is read and ignored."""

    type: Literal["realtime", "transcription"]
    model: str | None = None
    instructions: Annotated[str, Field(max_length=32_768)] | None = None
    output_modalities: Modalities | None = None
    audio: AudioPatch | None = None
    tools: ToolList | None = None
    tool_choice: Choice | None = None
    max_output_tokens: MaxTokens | None = None
    voicebox: VoiceboxPatch | None = None
    id: str | None = None
    object: str | None = None
    expires_at: int | None = None
    include: list[str] | None = None
    parallel_tool_calls: bool | None = None
    prompt: dict[str, Any] | None = None
    reasoning: dict[str, Any] | None = None
    tracing: str | dict[str, Any] | None = None
    truncation: str | dict[str, Any] | None = None


class ResponsePatch(_Patch):
    """What one `response.create` may ask for."""

    instructions: Annotated[str, Field(max_length=32_768)] | None = None
    output_modalities: Modalities | None = None
    audio: ResponseAudioPatch | None = None
    metadata: Annotated[dict[str, str], Field(max_length=16)] | None = None
    conversation: Literal["auto", "none"] | None = None
    input: list[dict[str, Any]] | None = None
    tools: ToolList | None = None
    tool_choice: Choice | None = None
    max_output_tokens: MaxTokens | None = None
    parallel_tool_calls: bool | None = None
    prompt: dict[str, Any] | None = None
    reasoning: dict[str, Any] | None = None
