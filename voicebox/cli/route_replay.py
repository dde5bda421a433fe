"""`voicebox route replay`: stored turns, decided again under other settings."""

from __future__ import annotations

import argparse
import asyncio
from collections import Counter
from datetime import datetime

from voicebox.cli.output import Output
from voicebox.cli.parts import Understanders
from voicebox.config import Settings
from voicebox.errors import ConfigError
from voicebox.llm.types import Message
from voicebox.routing.prompting import Context
from voicebox.routing.router import Decision, Router
from voicebox.skills.types import Dialog
from voicebox.store.calls import StoredTurn, read_turns
from voicebox.tiers import described_router

__all__ = ["run"]

_TURNS = 100_000


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Run the command.

    Raises:
        ConfigError: there is no database, or nothing was kept of what was said.
        ModelError: the model is not there.
    """
    if settings.store.path is None:
        raise ConfigError("Calls are not stored", cure="Set store.path, and store.texts = full")
    turns = [
        turn for turn in read_turns(settings.store.path.expanduser(), limit=_TURNS) if turn.record.get("transcript")
    ]
    if not turns:
        raise ConfigError("No stored turn has its words", cure="Set store.texts = full for the server")
    output, router = Output(args.json), described_router(settings)
    counts: Counter[tuple[str, str]] = Counter()
    with Understanders.build(intent=args.model) as parts:
        for turn, decision in asyncio.run(_decide(parts, router, turns)):
            counts[turn.tier, decision.tier] += 1
            if turn.tier != decision.tier:
                text, why = turn.record["transcript"], "; ".join(decision.reasons)
                row = {"text": text, "was": turn.tier, "would_be": decision.tier, "reasons": decision.reasons}
                output.row(row, f"{turn.tier:10} → {decision.tier:10} {text}  [dim]{why}[/]")
    changed = sum(count for (was, now), count in counts.items() if was != now)
    output.summary(
        {
            "turns": len(turns),
            "changed": changed,
            "was": dict(Counter(turn.tier for turn in turns)),
            "would_be": {tier: sum(n for (_, now), n in counts.items() if now == tier) for _, tier in counts},
        }
    )
    return 0


async def _decide(parts: Understanders, router: Router, turns: list[StoredTurn]) -> list[tuple[StoredTurn, Decision]]:
    """Each turn after those of its call that came before it."""
    said: dict[str, list[Message]] = {}
    dialogs: dict[str, Dialog] = {}
    decided = []
    for turn in turns:
        history, dialog = said.setdefault(turn.call, []), dialogs.get(turn.call, Dialog())
        text, now = turn.record["transcript"], datetime.fromtimestamp(turn.at)
        context = Context(turn.call, dialog, tuple(history), now)
        heard = await parts.reflex.understand(text, dialog=dialog, session=turn.call, now=now)
        plan = parts.reflex.plan(heard, dialog=dialog, now=now, session=turn.call)
        decided.append((turn, router.decide(heard, plan, context, now=0.0)))
        history += [Message("user", text), Message("assistant", str(turn.record.get("reply_text", "")))]
        dialogs[turn.call] = parts.reflex.next_dialog(dialog, heard, plan, now=now, session=turn.call)
    return decided
