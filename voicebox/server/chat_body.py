"""The body of a chat completion: what has an effect here, what may be sent without one, and what is refused."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from voicebox.llm.types import Message

__all__ = ["ChatBody"]

_MAX_MESSAGES = 512


class _Part(BaseModel):
    model_config = ConfigDict(extra="ignore")

    type: str
    text: str = ""

    @field_validator("type")
    @classmethod
    def _text_only(cls, value: str) -> str:
        if value != "text":
            raise ValueError(f"content of type {value[:40]!r} is not supported, only text")
        return value


class _Turn(BaseModel):
    """A message. `name` is accepted and not shown to the model."""

    model_config = ConfigDict(extra="ignore")

    role: Literal["system", "developer", "user", "assistant"]
    content: str | list[_Part] | None = None

    @property
    def message(self) -> Message:
        content = self.content or ""
        text = content if isinstance(content, str) else "".join(part.text for part in content)
        return Message("system" if self.role == "developer" else self.role, text)


class _StreamOptions(BaseModel):
    model_config = ConfigDict(extra="ignore")

    include_usage: bool = False


class ChatBody(BaseModel):
    """The request. Fields that only tune, route or label (`user`, `metadata`, penalties …) have no effect."""

    model_config = ConfigDict(extra="forbid", strict=True)

    model: Annotated[str, Field(min_length=1, max_length=256)]
    messages: Annotated[list[_Turn], Field(min_length=1, max_length=_MAX_MESSAGES)]
    stream: bool | None = False
    stream_options: _StreamOptions | None = None
    max_tokens: Annotated[int, Field(ge=1)] | None = None
    max_completion_tokens: Annotated[int, Field(ge=1)] | None = None
    stop: Annotated[str, Field(max_length=256)] | Annotated[list[str], Field(max_length=4)] | None = None
    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    top_p: Annotated[float, Field(gt=0, le=1)] | None = None
    seed: int | None = None
    n: int | None = 1
    response_format: dict[str, Any] | None = None
    tools: list[Any] | None = None
    functions: list[Any] | None = None
    logit_bias: dict[str, Any] | None = None
    logprobs: bool | None = None
    modalities: list[str] | None = None
    # Accepted, without effect.
    frequency_penalty: float | None = None
    presence_penalty: float | None = None
    metadata: dict[str, Any] | None = None
    parallel_tool_calls: bool | None = None
    prompt_cache_key: str | None = None
    reasoning_effort: str | None = None
    safety_identifier: str | None = None
    service_tier: str | None = None
    store: bool | None = None
    tool_choice: Any = None
    user: str | None = None
    verbosity: str | None = None

    @field_validator("n")
    @classmethod
    def _one(cls, value: int | None) -> int | None:
        if value not in (None, 1):
            raise ValueError("one answer at a time: only 1 is supported")
        return value

    @field_validator("tools", "functions", "logit_bias", "logprobs")
    @classmethod
    def _none(cls, value: Any) -> Any:
        if value:
            raise ValueError("this is not supported by this server")
        return value

    @field_validator("response_format")
    @classmethod
    def _text(cls, value: dict[str, Any] | None) -> dict[str, Any] | None:
        if value is not None and value.get("type") != "text":
            raise ValueError('only {"type": "text"} is supported')
        return value

    @field_validator("modalities")
    @classmethod
    def _written(cls, value: list[str] | None) -> list[str] | None:
        if value not in (None, ["text"]):
            raise ValueError('only ["text"] is supported; for speech see /v1/realtime')
        return value

    @model_validator(mode="after")
    def _says_something(self) -> ChatBody:
        if not self.turns[-1].content.strip():
            raise ValueError("the last message is empty")
        return self

    @property
    def turns(self) -> list[Message]:
        """The messages."""
        return [turn.message for turn in self.messages]

    @property
    def stops(self) -> list[str]:
        """Texts that end the reply."""
        return [self.stop] if isinstance(self.stop, str) else list(self.stop or ())

    @property
    def most_tokens(self) -> int | None:
        """How long the reply may be."""
        return self.max_completion_tokens or self.max_tokens

    @property
    def wants_usage(self) -> bool:
        """Whether a stream ends with its usage."""
        return self.stream_options is not None and self.stream_options.include_usage
