"""What callers hear while the providers of larger models fail at random.

    python -m scripts.bench.tiers [--turns 500] [--together 10] [--seed 1]

Two remote tiers, a frontier and a mid one, are a real HTTP server on loopback, asked through the product's own client,
chain, fillers and ledger. Of ten requests to the frontier about four are good; the others answer 429 or 503, open a
stream and stay silent, break off, stall in the middle, or send an error. The mid tier fails one time in ten. Voices are
tones: their time is not measured. Prints one line of JSON.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import datetime
from random import Random
from typing import Any

import numpy as np

from tests.conversation.call import ScriptedReflex, ToneSpeaker
from tests.frontier import Act, Frontier, frontier
from voicebox.llm.price import Price
from voicebox.llm.providers import PROVIDERS
from voicebox.llm.remote import RemoteChat
from voicebox.routing.answerer import FALLBACK, LOST_THE_REST, Answerer
from voicebox.routing.breaker import Breaker
from voicebox.routing.filler import Fillers
from voicebox.routing.ledger import Entry, Ledger, Use
from voicebox.routing.prompting import Context
from voicebox.routing.router import Router
from voicebox.routing.sources import RemoteSource
from voicebox.routing.tier import Limits, Tier
from voicebox.skills.types import Dialog

_ANSWER = ("Heat pumps ", "use less energy. ", "Boilers cost ", "less at first.")
_AUDIO_S = 0.1
"""A tone for each word."""


@dataclass
class Report:
    """What came of the turns."""

    first_ms: list[float] = field(default_factory=list)
    dead_air_s: float = 0.0
    answered: int = 0
    broke_off: int = 0
    apologies: int = 0
    silent: int = 0
    two_voices: int = 0
    fillers: int = 0
    earliest_filler_ms: float | None = None
    entries: list[Entry] = field(default_factory=list)
    opened_after: list[int] = field(default_factory=list)
    probed_after_s: list[float] = field(default_factory=list)

    def note(self, entry: Entry | Use) -> None:
        """A try has ended."""
        assert isinstance(entry, Entry), "there are no tools here"
        self.entries.append(entry)

    @property
    def row(self) -> dict[str, Any]:
        """For machines."""
        p50, p95, p99 = (round(float(x), 1) for x in np.percentile(self.first_ms, [50, 95, 99]))
        return {
            "turns": len(self.first_ms) + self.silent,
            "first_audio_ms": {"p50": p50, "p95": p95, "p99": p99, "max": round(max(self.first_ms), 1)},
            "longest_dead_air_s": round(self.dead_air_s, 2),
            "answered": self.answered,
            "broke_off": self.broke_off,
            "apologies": self.apologies,
            "silent": self.silent,
            "two_voices": self.two_voices,
            "fillers": self.fillers,
            "earliest_filler_ms": self.earliest_filler_ms,
            "breaker_opened_after": max(self.opened_after, default=None),
            "probed_after_s": round(max(self.probed_after_s), 2) if self.probed_after_s else None,
        }


def _act(random: Random) -> Any:
    def act(body: dict[str, Any]) -> Act:
        if body["model"] == "mid":
            return Act(status=503) if random.random() < 0.1 else Act(_ANSWER, first_s=random.uniform(0.1, 0.8))
        fate = random.random()
        first_s = random.choice([0.05, 0.2, 0.45, 0.55, 0.9, 1.8])
        if fate < 0.4:
            return Act(_ANSWER, first_s=first_s, gap_s=0.01, cached=random.choice([0, 64]))
        if fate < 0.5:
            return Act(status=429, retry_after=random.choice([None, "1"]))
        if fate < 0.6:
            return Act(status=503, first_s=0.1)
        if fate < 0.7:
            return Act((), then="silence")
        if fate < 0.8:
            return Act(_ANSWER[:3], first_s=first_s, then="drop")
        if fate < 0.9:
            return Act(_ANSWER[:3], first_s=first_s, then="silence")
        return Act(_ANSWER[:1], first_s=first_s, then="error")

    return act


def _tier(side: Frontier, name: str, level: Any, price: Price) -> Tier:
    chat = RemoteChat(PROVIDERS["custom"], base_url=side.url, model=name, api_key="k")
    limits = Limits(first_s=1.5, stall_s=1.0, total_s=10.0)
    return Tier(name, level, RemoteSource(chat, lambda ask: "You talk."), name, price=price, limits=limits)


async def storm(turns: int, together: int, seed: int) -> tuple[Report, Frontier, Ledger]:
    """Ask so many questions, some at the same time."""
    random, report = Random(seed), Report()
    async with frontier(_act(random)) as side:
        tiers = [
            _tier(side, "frontier", "frontier", Price(2.5, 10.0, 1.25)),
            _tier(side, "mid", "mid", Price(0.1, 0.4)),
        ]
        reflex = ScriptedReflex()
        reflex.in_scope = False
        ledger = Ledger()
        answerer = Answerer(
            reflex,  # type: ignore[arg-type]
            ToneSpeaker(),
            lambda: None,
            str,
            router=Router(tiers),
            fillers=Fillers(),
            ledger=ledger,
        )
        tiers[0].breaker = _Watched(report)
        numbers = iter(range(turns))

        async def caller(name: str) -> None:
            ledger.open(name, report.note)
            for number in numbers:
                await _turn(answerer, name, f"turn_{number}", report)
                await asyncio.sleep(random.uniform(0.0, 0.3))

        await asyncio.gather(*(caller(f"caller_{n}") for n in range(together)))
        for tier in tiers:
            assert isinstance(tier.source, RemoteSource)
            await tier.source.close()
    return report, side, ledger


async def _turn(answerer: Answerer, session: str, turn: str, report: Report) -> None:
    now = asyncio.get_running_loop().time
    context = Context(session, Dialog(), (), datetime(2026, 3, 4), turn=turn)
    question = f"{turn} compare and explain heat pumps and gas boilers"
    answer = answerer.draft(await answerer.understand(question, context), context)
    began = now()
    answerer.start(answer, context)
    said: list[tuple[float, str]] = []
    async with aclosing(answer.pieces()) as pieces:  # type: ignore[type-var]
        async for piece in pieces:
            said.append((now() - began, piece.text))
    if not said:
        report.silent += 1
        return
    report.first_ms.append(1000 * said[0][0])
    heard_until = 0.0
    for at_s, text in said:
        report.dead_air_s = max(report.dead_air_s, at_s - heard_until)
        heard_until = max(heard_until, at_s) + _AUDIO_S * len(text.split())
    words = [text for _, text in said if text not in answer.fillers]
    report.fillers += bool(answer.fillers)
    if answer.fillers:
        began_ms = round(1000 * said[0][0], 1)
        report.earliest_filler_ms = min(began_ms, report.earliest_filler_ms or began_ms)
    report.apologies += words == [FALLBACK]
    report.broke_off += words[-1] == LOST_THE_REST
    report.answered += words[-1] not in (FALLBACK, LOST_THE_REST)
    heard = [entry for entry in report.entries if entry.turn == turn and entry.attempt.heard]
    report.two_voices += len(heard) > 1


class _Watched(Breaker):
    """Notes after how many failures in a row it opens, and how soon it lets a probe through."""

    def __init__(self, report: Report) -> None:
        super().__init__()
        self._report = report
        self._failures = 0
        self._since_s: float | None = None

    def begin(self, now: float) -> None:
        if self.state(now) == "half-open" and self._since_s is not None:
            self._report.probed_after_s.append(now - self._since_s)
            self._since_s = None
        Breaker.begin(self, now)

    def fail(self, now: float, *, retry_after_s: float | None = None) -> None:
        before = self.state(now)
        Breaker.fail(self, now, retry_after_s=retry_after_s)
        self._failures += 1
        if before == "closed" and self.state(now) == "open":
            self._report.opened_after.append(self._failures)
            self._since_s = now

    def succeed(self) -> None:
        self._failures = 0
        Breaker.succeed(self)


def compared(report: Report, side: Frontier) -> dict[str, Any]:
    """The ledger beside what the server itself counted, for answers whose usage it sent."""
    known = [
        entry.attempt.usage for entry in report.entries if entry.attempt.usage and not entry.attempt.usage.estimated
    ]
    mine = [
        sum(getattr(usage, name) for usage in known) for name in ("prompt_tokens", "cached_tokens", "completion_tokens")
    ]
    return {"ledger": mine, "server": [sum(each) for each in zip(*side.told, strict=True)]}


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description="Failing providers, and what callers hear.")
    parser.add_argument("--turns", type=int, default=500)
    parser.add_argument("--together", type=int, default=10)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    logging.disable(logging.CRITICAL)
    report, side, ledger = asyncio.run(storm(args.turns, args.together, args.seed))
    costs = {"known_usd": round(ledger.total.known_usd, 6), "wasted_usd": round(ledger.total.wasted_usd, 6)}
    print(json.dumps(report.row | {"tokens": compared(report, side)} | costs))


if __name__ == "__main__":
    main()
