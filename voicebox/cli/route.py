"""`voicebox route`: who would answer a text, and why; and what a threshold would cost."""

from __future__ import annotations

import argparse
import asyncio
from datetime import datetime
from pathlib import Path

from voicebox.cli import route_evaluate, route_replay
from voicebox.cli.output import Output, add_json_flag
from voicebox.cli.parts import Understanders
from voicebox.cli.settings_flags import add_settings_flags, settings_from
from voicebox.llm.types import Message
from voicebox.routing.prompting import Context
from voicebox.skills.types import Dialog
from voicebox.tiers import described_router

__all__ = ["add_parser", "run"]


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = subparsers.add_parser(
        "route",
        help="show which model would answer a text, and why",
        description="Which tier would answer a text under these settings, and why; nothing is asked of any. "
        "`voicebox route evaluate FILE` measures and calibrates the threshold on labelled texts; `voicebox route "
        "replay` decides stored turns (store.path) again, and shows what these settings would change.",
    )
    parser.add_argument("text", nargs="+", help="what is said, or `evaluate FILE`, or `replay`")
    parser.add_argument("--before", action="append", default=[], metavar="TEXT", help="what the caller said before")
    parser.add_argument("--model", help="another intent model than the one that ships: a name or a GGUF file")
    route_evaluate.add_arguments(parser)
    add_json_flag(parser)
    add_settings_flags(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Run the command.

    Raises:
        ConfigError: the settings or the file cannot be used.
        ModelError: the model is not there.
    """
    settings = settings_from(args)
    if args.text[0] == "evaluate" and len(args.text) == 2:
        return route_evaluate.run(args, Path(args.text[1]), settings)
    if args.text == ["replay"]:
        return route_replay.run(args, settings)
    text = " ".join(args.text)
    router = described_router(settings)
    history = tuple(
        message for said in args.before for message in (Message("user", said), Message("assistant", "All right."))
    )
    context = Context("cli", Dialog(), history, datetime.now())
    with Understanders.build(intent=args.model) as parts:
        heard = asyncio.run(
            parts.reflex.understand(text, dialog=context.dialog, session=context.session, now=context.now)
        )
        plan = parts.reflex.plan(heard, dialog=context.dialog, now=context.now, session=context.session)
    decision = router.decide(heard, plan, context, now=0.0)
    Output(args.json).summary(
        {
            "tier": decision.tier,
            "reasons": decision.reasons,
            "order": decision.order,
            "left_out": dict(decision.left_out),
            "weight": decision.weight,
            "intent": heard.intent,
            "confidence": heard.confidence,
            "in_scope": heard.in_scope,
            "policy": settings.routing.policy,
        }
    )
    return 0
