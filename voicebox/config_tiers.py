"""Settings of what is above the skills: `[tiers.NAME]` and `[tools.NAME]`, any number of each, and `[routing]`."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator

from voicebox.llm.providers import PROVIDERS, provider

__all__ = ["HomeSettings", "RoutingSettings", "TierSettings", "ToolSettings"]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class TierSettings(_Section):
    """One tier. A local one needs `model`, a remote one `provider` and `model`."""

    provider: str = Field("local", description="local (a GGUF in this process) or who serves it over the OpenAI API")
    model: str = Field(description="name at the provider; of a local one: name in the catalog, GGUF file or folder")
    level: Literal["mid", "frontier"] = Field("frontier", description="how much is expected of it")
    base_url: str = Field("", description="address of the API, where it is not the provider's own")
    api_key: SecretStr | None = Field(None, description="the key; default: what the provider's own variable holds")
    headers: dict[str, str] = Field({}, description="further headers, as a gateway wants them")
    body: dict[str, Any] = Field({}, description="further fields of each request")
    prompt_usd: float | None = Field(None, ge=0, description="US dollars for a million prompt tokens")
    completion_usd: float | None = Field(None, ge=0, description="US dollars for a million tokens of the answer")
    cached_usd: float | None = Field(None, ge=0, description="US dollars for a million cached prompt tokens")
    first_s: float = Field(2.5, gt=0, description="seconds to the first useful token")
    stall_s: float = Field(2.0, gt=0, description="longest silence in the middle of an answer")
    total_s: float = Field(30.0, gt=0, description="seconds for a whole answer")
    hedge_s: float | None = Field(None, gt=0, description="seconds after which the next tier is asked beside it")
    tools: bool = Field(True, description="whether it calls tools")
    context_tokens: int = Field(32_768, ge=512, description="tokens that prompt and answer may have together")
    languages: tuple[str, ...] = Field((), description="languages that it speaks; empty: any")
    temperature: float | None = Field(None, ge=0, le=2, description="default: the provider's")
    threads: int = Field(1, ge=1, description="threads of a local one")

    @model_validator(mode="after")
    def _whole(self) -> TierSettings:
        if self.provider != "local":
            if self.provider not in PROVIDERS:
                raise ValueError(f"there is no provider {self.provider!r}: use local or one of {', '.join(PROVIDERS)}")
            if not self.address:
                raise ValueError(f"provider {self.provider!r} needs a base_url")
        if (self.prompt_usd is None) != (self.completion_usd is None):
            raise ValueError("prompt_usd and completion_usd are given together, or neither is")
        return self

    @property
    def address(self) -> str:
        """The address of the API; empty for a local tier."""
        return "" if self.provider == "local" else self.base_url or provider(self.provider).base_url


class RoutingSettings(_Section):
    """Which model answers, and what is said meanwhile."""

    policy: Literal["balanced", "fast", "cheap", "quality", "local"] = Field(
        "balanced", description="how readily a larger model is asked"
    )
    escalate: float | None = Field(None, ge=0, description="weight of signals that asks one; default: the policy's")
    in_scope: float | None = Field(
        None, ge=0, le=1, description="confidence below which a larger model answers what a skill would"
    )
    local_only: bool = Field(False, description="nothing that is said or heard leaves this machine")
    answer_s: float = Field(8.0, gt=0, le=25, description="seconds in which some model must have begun to answer")
    session_usd: float | None = Field(None, ge=0, description="most US dollars that one session may cost")
    speculate: bool = Field(False, description="ask remote tiers before the caller is sure to have finished")
    filler: bool = Field(True, description="say a short phrase while a larger model thinks")
    filler_ms: int = Field(500, ge=100, description="wait after the end of a turn before a filler")
    progress_ms: int = Field(2800, ge=500, description="silence after a filler before the next one")


class HomeSettings(_Section):
    """Home Assistant."""

    url: str = Field("", description="its address, as http://homeassistant.local:8123; empty: none")
    token: SecretStr | None = Field(None, description="a long-lived access token of it")
    refresh_s: float = Field(5.0, ge=1, description="seconds between two looks at how things are there")

    @model_validator(mode="after")
    def _whole(self) -> HomeSettings:
        if self.url and self.token is None:
            raise ValueError("home.url needs home.token")
        return self


class ToolSettings(_Section):
    """One tool of the server, or the tools of one MCP server."""

    kind: Literal["webhook", "mcp"] = Field("webhook", description="an address, or an MCP server")
    url: str = Field("", description="the address; of an MCP server one of streamable HTTP")
    command: str = Field("", description="of an MCP server: the program to start, with its arguments")
    description: str = Field("", description="of a webhook: what it does, for the model")
    parameters: dict[str, Any] = Field({}, description="of a webhook: the JSON Schema of its arguments")
    timeout_s: float = Field(5.0, gt=0, le=20, description="how long a call may take")
    secret: SecretStr | None = Field(None, description="of a webhook: signs each request")
    headers: dict[str, str] = Field({}, description="of a webhook: further headers")
    only: tuple[str, ...] = Field((), description="of an MCP server: the tools that are offered; empty: all")
    variables: tuple[str, ...] = Field((), description="of an MCP server: variables that its program sees")
    small: bool = Field(False, description="whether the small tier may call it, too")

    @model_validator(mode="after")
    def _whole(self) -> ToolSettings:
        if self.kind == "webhook" and not (self.url and self.description):
            raise ValueError("a webhook needs url and description")
        if self.kind == "mcp" and bool(self.url) == bool(self.command):
            raise ValueError("an MCP server needs either url or command")
        return self
