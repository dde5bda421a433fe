"""Larger models, asked in writing over `/v1/chat/completions`: by name, or because the router says so."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from datetime import datetime

from voicebox.llm.plain import PlainText
from voicebox.llm.types import Message
from voicebox.routing.attempt import Attempt
from voicebox.routing.chain import Chain, NoAnswerError
from voicebox.routing.ledger import Ledger
from voicebox.routing.prompting import Context
from voicebox.routing.router import Budget, Decision, Router
from voicebox.routing.tier import Ask
from voicebox.server.http_errors import HttpError
from voicebox.server.quotas import Quotas
from voicebox.skills.types import Dialog, Understanding

__all__ = ["End", "TierReplies"]

_DEFAULT_TOKENS = 1024


@dataclass(frozen=True, slots=True)
class End:
    """How a reply ended, and who gave it."""

    reason: str
    prompt_tokens: int
    tokens: int
    tier: str

    @property
    def usage(self) -> dict[str, int]:
        """As the API has it."""
        return {
            "prompt_tokens": self.prompt_tokens,
            "completion_tokens": self.tokens,
            "total_tokens": self.prompt_tokens + self.tokens,
        }


class TierReplies:
    """The tiers other than the small one.

    Args:
        router: decides, and holds them.
        ledger: told of what was asked.
        answer_s: seconds in which one of them must have begun to answer.
    """

    def __init__(self, router: Router, ledger: Ledger, *, answer_s: float) -> None:
        self._router = router
        self._ledger = ledger
        self._answer_s = answer_s

    @property
    def names(self) -> list[str]:
        """What may be asked for by name."""
        return [tier.name for tier in self._router.tiers if tier.name != "small"]

    def decide(
        self, understanding: Understanding, messages: Sequence[Message], quotas: Quotas, *, now: datetime
    ) -> Decision:
        """Who answers the last message, which no skill does."""
        moment = asyncio.get_running_loop().time()
        context, budget = _context(messages, now, None), Budget(quotas.left_usd)
        return self._router.decide(understanding, None, context, now=moment, budget=budget)

    async def stream(
        self,
        order: Sequence[str],
        messages: Sequence[Message],
        quotas: Quotas,
        *,
        now: datetime,
        stops: Sequence[str],
        max_tokens: int | None,
    ) -> AsyncGenerator[str | End, None]:
        """The answer of the first of these tiers that gives one, then how it ended.

        Raises:
            HttpError: none did, or the key has no dollars left.
        """
        if quotas.left_usd is not None and quotas.left_usd <= 0:
            raise HttpError(429, "This key has used its dollars of today", "quota_exceeded")
        context = _context(messages, now, max_tokens or _DEFAULT_TOKENS)

        def paid(attempt: Attempt) -> None:
            self._ledger.add(context.session, "", attempt)
            quotas.pay(attempt.cost_usd or 0.0)

        chain = Chain(
            self._router.named(order),
            Ask(messages[-1].content, context),
            answer_s=self._answer_s,
            done=paid,
        )
        stop = PlainText(stops)
        try:
            async with aclosing(chain.stream()) as pieces:
                async for piece in pieces:
                    if text := stop.feed(piece):
                        yield text
                    if stop.done:
                        break
        except NoAnswerError:
            cure = "Try again later; /health says how the tiers do."
            raise HttpError(503, "No model answered in time", "model_unavailable", cure=cure) from None
        if text := stop.finish():
            yield text
        made = chain.made
        usage = None if made is None else made.usage
        tier = order[0] if chain.winner is None else chain.winner.name
        cut = made is not None and made.generation is not None and made.generation.finish == "length"
        yield End(
            "length" if cut else "stop",
            0 if usage is None else usage.prompt_tokens,
            0 if usage is None else usage.completion_tokens,
            tier,
        )


def _context(messages: Sequence[Message], now: datetime, max_tokens: int | None) -> Context:
    return Context(
        session=f"http-{secrets.token_hex(8)}",
        dialog=Dialog(),
        history=tuple(message for message in messages[:-1] if message.role != "system"),
        now=now,
        instructions=" ".join(message.content for message in messages if message.role == "system"),
        speak=False,
        max_tokens=max_tokens,
        aside=True,
    )
