"""`voicebox intent`: what the reflex tier makes of a text."""

from __future__ import annotations

import argparse
import asyncio
from datetime import datetime
from pathlib import Path

from voicebox.cli.output import Output, add_json_flag
from voicebox.cli.parts import Understanders
from voicebox.skills.types import Dialog

__all__ = ["add_parser", "run"]


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = subparsers.add_parser(
        "intent",
        help="show what the small tier makes of a text",
        description="What the intent model, the lexicon and the parsers make of a text.",
    )
    parser.add_argument("text", nargs="+", help="what is said; several words are one text")
    parser.add_argument("--model", type=Path, help="another GGUF than the one that ships")
    parser.add_argument("--skills", default="", help="only these skills are on, separated by commas")
    add_json_flag(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Run the command.

    Raises:
        ConfigError: no skill has that name.
        ModelError: the model is not there.
    """
    text = " ".join(args.text)
    names = tuple(name.strip() for name in args.skills.split(",") if name.strip()) or None
    with Understanders.build(intent=args.model) as parts:
        heard = asyncio.run(
            parts.reflex.understand(text, dialog=Dialog(), session="cli", now=datetime.now(), skills=names)
        )
    Output(args.json).summary(
        {
            "intent": heard.intent,
            "slots": {name: slot.value for name, slot in heard.slots.items()},
            "confidence": heard.confidence,
            "in_scope": heard.in_scope,
            "complete": heard.complete,
            "missing": heard.missing,
            "ms": heard.ms,
        }
    )
    return 0
