"""A tier: a model that can answer, with its limits, its price and how it does of late."""

from __future__ import annotations

import ipaddress
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass, field
from typing import Literal, Protocol
from urllib.parse import urlsplit

from voicebox.llm.jobs import Generation
from voicebox.llm.price import Price, Usage
from voicebox.llm.tools import ToolCall
from voicebox.routing.breaker import Breaker
from voicebox.routing.latency import Latency
from voicebox.routing.prompting import Context

__all__ = ["Ask", "Level", "Limits", "Made", "Privacy", "Source", "Tier", "privacy_of"]

Level = Literal["small", "mid", "frontier"]
Privacy = Literal["machine", "network", "cloud"]
"""How far words go: they stay on this machine, on private addresses, or leave."""


@dataclass(frozen=True, slots=True)
class Ask:
    """What is to be answered. `told` is what the caller hears of this answer before the model is asked, or with it."""

    text: str
    context: Context
    told: str = ""


@dataclass(slots=True)
class Made:
    """What a source has made, filled in while it streams. `cut`: the client's bound on tokens ended it."""

    model: str = ""
    usage: Usage | None = None
    call: ToolCall | None = None
    generation: Generation | None = None
    cut: bool = False


class Source(Protocol):
    """Where a tier's words come from."""

    def stream(self, ask: Ask, made: Made) -> AsyncGenerator[str, None]:
        """Stream the answer, ready to be said. Closing the generator stops the model; raises VoiceboxError."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds: to the first useful token, between two pieces, for the whole, and after which another tier is asked
    beside this one (None: never)."""

    first_s: float = 2.5
    stall_s: float = 2.0
    total_s: float = 30.0
    hedge_s: float | None = None


@dataclass(slots=True, eq=False)
class Tier:
    """One tier of the process.

    `ready` says whether its model is there. `price` is None where it is not known, and free for what runs here;
    `languages` is empty for any; `context_tokens` is what prompt and answer may have together.
    """

    name: str
    level: Level
    source: Source
    model: str = ""
    local: bool = False
    privacy: Privacy = "cloud"
    price: Price | None = None
    limits: Limits = field(default_factory=Limits)
    tools: bool = True
    context_tokens: int = 32_768
    languages: tuple[str, ...] = ()
    ready: Callable[[], bool] = lambda: True
    breaker: Breaker = field(default_factory=Breaker)
    latency: Latency = field(default_factory=Latency)


def privacy_of(address: str) -> Privacy:
    """How far words go that are sent to an address; a name other than localhost may be anywhere."""
    host = urlsplit(address).hostname or ""
    if host == "localhost":
        return "machine"
    try:
        ip = ipaddress.ip_address(host)
    except ValueError:
        return "cloud"
    if ip.is_loopback:
        return "machine"
    return "network" if ip.is_private else "cloud"
