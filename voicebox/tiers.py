"""The tiers that the settings name, built once per process."""

from __future__ import annotations

import concurrent.futures
import logging
import os
import threading
import time
from collections.abc import AsyncGenerator, Callable, Mapping
from dataclasses import asdict
from typing import Any

from voicebox.config import RoutingSettings, Settings, TierSettings
from voicebox.conversation.events import TierAsked, ToolUsed
from voicebox.errors import ConfigError, EngineError, VoiceboxError
from voicebox.llm.chat import LlamaChat
from voicebox.llm.persona import EXAMPLES, remote_prompt
from voicebox.llm.price import Price, Usage
from voicebox.llm.providers import provider
from voicebox.llm.remote import RemoteChat
from voicebox.llm.sampling import Sampling
from voicebox.models.fit import check_memory
from voicebox.models.layout import check_role, locate_for
from voicebox.routing.filler import FillerRules, Fillers
from voicebox.routing.ledger import Entry, Use
from voicebox.routing.policy import POLICIES
from voicebox.routing.router import Router
from voicebox.routing.sources import LocalSource, RemoteSource
from voicebox.routing.tier import Ask, Limits, Made, Tier, privacy_of

__all__ = ["Tiers", "check_privacy", "described_router", "told_of"]

_log = logging.getLogger(__name__)

_RESERVED = ("reflex", "small", "none", "voicebox")


class Tiers:
    """All tiers of a process, beside the skills.

    Args:
        settings: what they are.
        small: that of the instruct model in this process.
        system: makes the system message of local models from the client's instructions.
        capabilities: gives what the skills do, in short phrases.
        language: of the callers.
        spare_threads: threads that may help a local model now.

    Raises:
        ConfigError: a tier needs what is not there, or may not be: a key, a price under a budget, an address off this
            machine under `routing.local_only`.
        ModelError: a local tier's model is not here.
    """

    def __init__(
        self,
        settings: Settings,
        small: Tier,
        system: Callable[[str], str],
        capabilities: Callable[[], tuple[str, ...]],
        *,
        language: str = "en",
        spare_threads: Callable[[], int] | None = None,
    ) -> None:
        check_privacy(settings)
        self._system = system
        self._capabilities = capabilities
        self._spare_threads = spare_threads
        self._lock = threading.Lock()
        self._closed = False
        self._local: dict[str, LlamaChat] = {}
        self._remote: list[RemoteChat] = []
        routing = settings.routing
        tiers = [small, *(self._tier(name, tier, routing) for name, tier in settings.tiers.items())]
        policy = POLICIES[routing.policy].changed(escalate=routing.escalate, in_scope=routing.in_scope)
        self.router = Router(tiers, policy, language=language, speculate=routing.speculate)
        rules = FillerRules(
            first_ms=routing.filler_ms,
            latest_ms=routing.filler_ms + 150,
            progress_ms=routing.progress_ms,
            enabled=routing.filler,
        )
        self.fillers = Fillers(rules, language)

    @property
    def any_above(self) -> bool:
        """Whether there are any but the small one."""
        return len(self.router.tiers) > 1

    def health(self) -> dict[str, Any]:
        """How each tier does, by name."""
        now = time.monotonic()
        return {
            tier.name: {
                "model": tier.model,
                "level": tier.level,
                "ready": tier.ready(),
                "breaker": tier.breaker.state(now),
                **asdict(tier.latency.report),
            }
            for tier in self.router.tiers
        }

    async def close_connections(self) -> None:
        """Close the connections to remote tiers, on the loop that used them. Idempotent."""
        for chat in self._remote:
            await chat.close()

    def close(self) -> None:
        """Free the local models. Idempotent."""
        with self._lock:
            self._closed = True
            chats, self._local = self._local, {}
        for chat in chats.values():
            chat.close()

    def _tier(self, name: str, settings: TierSettings, routing: RoutingSettings) -> Tier:
        if name in _RESERVED:
            raise ConfigError(f"A tier cannot be called {name!r}", cure="Choose another name in [tiers.NAME]")
        if settings.provider == "local":
            return self._local_tier(name, settings)
        price = _price(settings)
        if price is None and routing.session_usd is not None and privacy_of(settings.address) == "cloud":
            raise ConfigError(
                f"tiers.{name} has no price, so routing.session_usd cannot be kept",
                cure=f"Set tiers.{name}.prompt_usd and completion_usd",
            )
        where = provider(settings.provider)
        chat = RemoteChat(
            where,
            base_url=settings.address,
            model=settings.model,
            api_key=_key(name, settings, where.key_variable),
            headers=settings.headers,
            body=settings.body,
            total_s=settings.total_s,
        )
        self._remote.append(chat)
        return Tier(
            name,
            settings.level,
            RemoteSource(chat, self._remote_system, temperature=settings.temperature),
            settings.model,
            privacy=privacy_of(settings.address),
            price=price,
            limits=_limits(settings),
            tools=settings.tools,
            context_tokens=settings.context_tokens,
            languages=settings.languages,
        )

    def _local_tier(self, name: str, settings: TierSettings) -> Tier:
        check_role("small", settings.model)
        path = locate_for("small", settings.model)

        def load() -> None:
            chat = None
            try:
                check_memory(path)
                chat = LlamaChat(
                    path,
                    n_ctx=min(settings.context_tokens, 8192),
                    threads=settings.threads,
                    spare_threads=self._spare_threads,
                    sampling=Sampling(temperature=settings.temperature or 0.0),
                    examples=EXAMPLES,
                )
                chat.pin(self._system("")).result()
                with self._lock:
                    if not self._closed:
                        self._local[name], chat = chat, None
                        _log.info("tier %s: %s answers from now on", name, settings.model)
            except (VoiceboxError, concurrent.futures.CancelledError) as error:
                _log.error("tier %s cannot be used: %s", name, error)
            finally:
                if chat is not None:
                    chat.close()

        threading.Thread(target=load, name=f"tier-{name}-load", daemon=True).start()
        return Tier(
            name,
            settings.level,
            LocalSource(lambda: self._local.get(name), self._system),
            settings.model,
            local=True,
            privacy="machine",
            limits=_limits(settings),
            tools=settings.tools,
            context_tokens=settings.context_tokens,
            languages=settings.languages,
            ready=lambda: name in self._local,
        )

    def _remote_system(self, ask: Ask) -> str:
        context = ask.context
        return remote_prompt(self._capabilities(), context.instructions, ask.told, tools=bool(context.tools))


class _Unasked:
    """A source that only stands for its tier."""

    def stream(self, ask: Ask, made: Made) -> AsyncGenerator[str, None]:
        raise EngineError("this tier was described, not built")


def described_router(settings: Settings, *, language: str = "en") -> Router:
    """The router that a server with these settings would have, all tiers ready, without models or connections."""
    tiers = [Tier("small", "small", _Unasked(), settings.chat.model, local=True, privacy="machine")]
    for name, tier in settings.tiers.items():
        local = tier.provider == "local"
        tiers.append(
            Tier(
                name,
                tier.level,
                _Unasked(),
                tier.model,
                local=local,
                privacy="machine" if local else privacy_of(tier.address),
                price=_price(tier),
                tools=tier.tools,
                context_tokens=tier.context_tokens,
                languages=tier.languages,
            )
        )
    routing = settings.routing
    policy = POLICIES[routing.policy].changed(escalate=routing.escalate, in_scope=routing.in_scope)
    return Router(tiers, policy, language=language)


def told_of(entry: Entry | Use) -> TierAsked | ToolUsed:
    """What a session tells of a try, or of a tool."""
    if isinstance(entry, Use):
        use = entry.use
        return ToolUsed(entry.turn, use.name, use.arguments, use.output, use.ms, use.failed)
    attempt = entry.attempt
    usage = attempt.usage or Usage(0, 0, estimated=True)
    return TierAsked(
        turn=entry.turn,
        tier=attempt.tier,
        model=attempt.model,
        outcome=attempt.outcome,
        reason=attempt.reason,
        first_ms=attempt.first_ms,
        total_ms=attempt.total_ms,
        prompt_tokens=usage.prompt_tokens,
        cached_tokens=usage.cached_tokens,
        completion_tokens=usage.completion_tokens,
        cost_usd=attempt.cost_usd,
        estimated=usage.estimated,
        wasted=not attempt.heard,
    )


def check_privacy(settings: Settings) -> None:
    """Hold the settings to `routing.local_only`.

    Raises:
        ConfigError: with it, something that is heard or said would leave this machine.
    """
    if not settings.routing.local_only:
        return
    places: Mapping[str, str] = {
        **{f"tiers.{name}": tier.address for name, tier in settings.tiers.items() if tier.address},
        **({"home.url": settings.home.url} if settings.home.url else {}),
        **({"telemetry.traces": settings.telemetry.traces} if settings.telemetry.traces else {}),
    }
    for key, address in places.items():
        if privacy_of(address) != "machine":
            raise ConfigError(
                f"routing.local_only is set, and {key} is at {address}",
                cure="Leave it out, or use an address of this machine (localhost, 127.0.0.1)",
            )


def _price(settings: TierSettings) -> Price | None:
    if settings.prompt_usd is None or settings.completion_usd is None:
        return None
    return Price(settings.prompt_usd, settings.completion_usd, settings.cached_usd)


def _limits(settings: TierSettings) -> Limits:
    return Limits(settings.first_s, settings.stall_s, settings.total_s, settings.hedge_s)


def _key(name: str, settings: TierSettings, variable: str) -> str:
    if settings.api_key is not None:
        return settings.api_key.get_secret_value()
    key = os.environ.get(variable, "") if variable else ""
    if variable and not key and privacy_of(settings.address) == "cloud":
        raise ConfigError(f"tiers.{name} needs a key", cure=f"Set tiers.{name}.api_key, or the variable {variable}")
    return key
