"""An answer from the first of several tiers that gives one in time.

A tier that fails, or has said nothing useful by its deadline, is followed by the next; one that is merely slow may be
hedged: the next is asked beside it, and the first useful token wins (J. Dean, L. A. Barroso, The Tail at Scale, CACM
2013). Once something was handed on, nothing is switched: what a caller hears is one voice with one thought.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable, Sequence

from voicebox.errors import EngineError, VoiceboxError
from voicebox.routing.attempt import Attempt, Try
from voicebox.routing.tier import Ask, Made, Tier

__all__ = ["BrokeOffError", "Chain", "NoAnswerError"]

_log = logging.getLogger(__name__)


class NoAnswerError(EngineError):
    """No tier had an answer in time."""


class BrokeOffError(EngineError):
    """The answer ended in the middle, after something of it was handed on."""


class Chain:
    """One answer's way through the tiers. Use it once.

    Args:
        tiers: whom to ask, in this order.
        ask: what.
        answer_s: seconds in which somebody must have said something useful.
        done: told of each try as it ends.
    """

    def __init__(self, tiers: Sequence[Tier], ask: Ask, *, answer_s: float, done: Callable[[Attempt], None]) -> None:
        self._waiting = list(tiers)
        self._ask = ask
        self._answer_s = answer_s
        self._done = done
        self._racing: list[Try] = []
        self.winner: Tier | None = None
        self.made: Made | None = None
        """What the tier that answers has made, complete once the stream is over."""

    async def stream(self) -> AsyncGenerator[str, None]:
        """Stream the answer; closing the generator closes all that is open.

        Raises:
            NoAnswerError: nobody answered.
            BrokeOffError: the answer broke off after something was handed on.
        """
        try:
            winner, piece = await self._race()
            self.winner, self.made = winner.tier, winner.made
            while piece is not None:
                yield piece
                try:
                    piece = await winner.rest()
                except VoiceboxError as error:
                    _log.warning("%s broke off: %s", winner.tier.name, error.message)
                    raise BrokeOffError(error.message) from error
            await winner.end("answered")
        finally:
            # Shielded from a second cancellation: an open connection would go on costing money.
            await asyncio.shield(asyncio.gather(*(each.end("cancelled") for each in self._racing)))

    async def _race(self) -> tuple[Try, str | None]:
        now = asyncio.get_running_loop().time
        deadline_s = now() + self._answer_s
        self._ask_next(now())
        running = list(self._racing)
        while running:
            hedge_s = self._hedge_at(running)
            until_s = min([deadline_s, *(each.deadline_s for each in running), *([] if hedge_s is None else [hedge_s])])
            await asyncio.wait(
                [each.first for each in running],
                timeout=max(0.0, until_s - now()),
                return_when=asyncio.FIRST_COMPLETED,
            )
            for each in [each for each in running if each.first.done()]:
                error = each.first.exception()
                if error is None:
                    await self._lose([other for other in running if other is not each])
                    return each, each.first.result()
                running.remove(each)
                await self._failed(each, error)
            if now() >= deadline_s:
                for each in running:
                    await each.end("late", f"no answer within {self._answer_s:g} s")
                break
            for each in [each for each in running if now() >= each.deadline_s]:
                running.remove(each)
                await each.end("late", f"nothing useful within {each.tier.limits.first_s:g} s")
                _log.warning("%s was too slow", each.tier.name)
            hedged = hedge_s is not None and now() >= hedge_s
            if (not running or hedged) and (begun := self._ask_next(now())) is not None:
                running.append(begun)
        raise NoAnswerError("no tier had an answer in time")

    async def _failed(self, each: Try, error: BaseException) -> None:
        if not isinstance(error, VoiceboxError):
            _log.error("%s failed", each.tier.name, exc_info=error)
            error = EngineError(str(error))
        else:
            _log.warning("%s failed: %s", each.tier.name, error.message)
        await each.end("failed", error.message, error)

    async def _lose(self, others: Sequence[Try]) -> None:
        for each in others:
            await each.end("lost", "another tier was faster")

    def _hedge_at(self, running: Sequence[Try]) -> float | None:
        """When to ask the next one beside the one that is asked; None if nobody is to be, or is already."""
        hedge_s = running[0].tier.limits.hedge_s
        return None if hedge_s is None or len(running) > 1 or not self._waiting else running[0].began_s + hedge_s

    def _ask_next(self, now_s: float) -> Try | None:
        """Begin with the next tier that is there."""
        while self._waiting:
            tier = self._waiting.pop(0)
            if tier.ready() and tier.breaker.allows(now_s):
                begun = Try(tier, self._ask, self._done)
                self._racing.append(begun)
                return begun
        return None
