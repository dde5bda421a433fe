"""Who serves models over the OpenAI API, and what is particular about each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from voicebox.errors import ConfigError

__all__ = ["PROVIDERS", "Provider", "provider"]


@dataclass(frozen=True, slots=True)
class Provider:
    """Where a provider is and how it differs.

    Attributes:
        base_url: the address of its OpenAI API; empty where it has to be given.
        key_variable: the environment variable that customarily holds its key; empty where none is needed.
        tokens_field: what it calls the bound on the tokens of a reply.
        usage_in_stream: whether a stream may be asked to end with its usage.
        body: further fields of each request.
        key_header: the header of the key where it is no Bearer token.
    """

    base_url: str = ""
    key_variable: str = ""
    tokens_field: str = "max_tokens"
    usage_in_stream: bool = True
    body: Mapping[str, Any] = field(default_factory=dict, hash=False)
    key_header: str = ""


PROVIDERS: Mapping[str, Provider] = {
    "openai": Provider("https://api.openai.com/v1", "OPENAI_API_KEY", "max_completion_tokens"),
    "openrouter": Provider("https://openrouter.ai/api/v1", "OPENROUTER_API_KEY", body={"usage": {"include": True}}),
    "portkey": Provider("https://api.portkey.ai/v1", "PORTKEY_API_KEY", key_header="x-portkey-api-key"),
    "anthropic": Provider("https://api.anthropic.com/v1", "ANTHROPIC_API_KEY"),
    "gemini": Provider("https://generativelanguage.googleapis.com/v1beta/openai", "GEMINI_API_KEY"),
    "vllm": Provider("http://127.0.0.1:8000/v1"),
    "ollama": Provider("http://127.0.0.1:11434/v1"),
    "llama.cpp": Provider("http://127.0.0.1:8080/v1"),
    "voicebox": Provider(),
    "custom": Provider(),
}
"""Presets by name; addresses as the providers' documentation gives them (2026)."""


def provider(name: str) -> Provider:
    """A preset.

    Raises:
        ConfigError: there is none of that name.
    """
    try:
        return PROVIDERS[name]
    except KeyError:
        raise ConfigError(f"There is no provider {name!r}", cure=f"Use one of {', '.join(PROVIDERS)}") from None
