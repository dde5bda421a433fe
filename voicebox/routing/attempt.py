"""One try at one tier, and what became of it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass
from typing import Literal

from voicebox.errors import EngineError, VoiceboxError
from voicebox.llm.chat import PromptTooLongError
from voicebox.llm.price import Usage, cost_of
from voicebox.llm.remote import RemoteError
from voicebox.llm.schema_grammar import SchemaError
from voicebox.routing.tier import Ask, Made, Tier

__all__ = ["Attempt", "Outcome", "Try"]

Outcome = Literal["answered", "failed", "late", "stalled", "lost", "cancelled"]
"""What became of a try: "late" had no useful token in time, "stalled" fell silent in the middle, "lost" was overtaken
by a tier that was asked beside it, "cancelled" was not wanted any more."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """The record of a try; times in ms from its begin, `cost_usd` None where the price is not known.

    `heard` says whether anything of it was handed on: what was paid for the rest is waste.
    """

    tier: str
    model: str
    local: bool
    outcome: Outcome
    reason: str
    first_ms: float | None
    total_ms: float
    usage: Usage | None
    cost_usd: float | None
    heard: bool


class Try:
    """A stream that was begun. `first` resolves to its first useful piece, or None for a call of a tool.

    Args:
        tier: who is asked.
        ask: what.
        done: told of the record, once.
    """

    def __init__(self, tier: Tier, ask: Ask, done: Callable[[Attempt], None]) -> None:
        loop = asyncio.get_running_loop()
        self.tier = tier
        self.made = Made(model=tier.model)
        self.began_s = loop.time()
        self._now = loop.time
        self._done: Callable[[Attempt], None] | None = done
        self._stream: AsyncGenerator[str, None] = tier.source.stream(ask, self.made)
        self._first_s: float | None = None
        self._heard = False
        tier.breaker.begin(self.began_s)
        self.first: asyncio.Task[str | None] = asyncio.create_task(self._useful(), name=f"tier-{tier.name}")

    @property
    def deadline_s(self) -> float:
        """When the first useful token has to be there."""
        return self.began_s + self.tier.limits.first_s

    async def rest(self) -> str | None:
        """The next piece; None after the last.

        Raises:
            EngineError: it fell silent, took too long, or broke off; the try is then over.
        """
        self._heard = True
        now = self._now()
        limits = self.tier.limits
        left_s = min(limits.stall_s, self.began_s + limits.total_s - now)
        try:
            async with asyncio.timeout(max(0.0, left_s)):
                return await anext(self._stream, None)
        except TimeoutError:
            await self.end("stalled", f"silent for {left_s:.1f} s")
            raise EngineError(f"{self.tier.name} fell silent in the middle of its answer") from None
        except VoiceboxError as error:
            await self.end("failed", error.message, error)
            raise

    async def end(self, outcome: Outcome, reason: str = "", error: VoiceboxError | None = None) -> None:
        """It is over: stop the model and keep the record. Idempotent."""
        done, self._done = self._done, None
        if done is None:
            return
        breaker, latency, now = self.tier.breaker, self.tier.latency, self._now()
        if outcome == "answered":
            breaker.succeed()
        elif outcome in ("failed", "late", "stalled") and not _is_the_request(error):
            breaker.fail(now, retry_after_s=error.retry_after_s if isinstance(error, RemoteError) else None)
        else:
            breaker.give_up()
        if outcome in ("lost", "late"):
            latency.first_token(now - self.began_s)  # At least so long: without it a slow tier would look fast.
        if outcome not in ("cancelled", "lost") and not _is_the_request(error):
            latency.ended(failed=outcome != "answered")
        try:
            if not self.first.done():
                self.first.cancel()
                await asyncio.wait((self.first,))
            with contextlib.suppress(VoiceboxError, asyncio.CancelledError):
                await self._stream.aclose()
        finally:
            usage = self.made.usage
            free = self.tier.local and usage is not None
            done(
                Attempt(
                    tier=self.tier.name,
                    model=self.made.model,
                    local=self.tier.local,
                    outcome=outcome,
                    reason=reason,
                    first_ms=None if self._first_s is None else round(1000 * (self._first_s - self.began_s), 1),
                    total_ms=round(1000 * (now - self.began_s), 1),
                    usage=usage,
                    cost_usd=0.0 if free else None if usage is None else cost_of(usage, self.tier.price),
                    heard=self._heard,
                )
            )

    async def _useful(self) -> str | None:
        """White space is no answer, nor is a stream that is open and silent."""
        space = ""
        async for piece in self._stream:
            if piece.strip():
                self._first_s = self._now()
                self.tier.latency.first_token(self._first_s - self.began_s)
                return space + piece
            space += piece
        if self.made.call is not None:
            self._first_s = self._now()
            self.tier.latency.first_token(self._first_s - self.began_s)
            return None
        raise EngineError(f"{self.tier.name} had nothing to say")


def _is_the_request(error: VoiceboxError | None) -> bool:
    """Whether the request is at fault, and not the tier: what one caller asks must not take it from the others."""
    if isinstance(error, RemoteError):
        return error.kind == "request"
    return isinstance(error, PromptTooLongError | SchemaError)
