"""`voicebox serve`: the server."""

from __future__ import annotations

import argparse
import asyncio
import signal
import time
from typing import Any

from voicebox.cli.output import Output, add_json_flag
from voicebox.cli.settings_flags import add_settings_flags, settings_from
from voicebox.config import Settings

__all__ = ["add_parser"]


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = subparsers.add_parser(
        "serve",
        help="run the server",
        description="Run the server until SIGINT or SIGTERM; SIGHUP makes it read skill files and models again. "
        "Prints its address once it takes callers.",
    )
    add_json_flag(parser)
    add_settings_flags(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Serve; returns when the server was told to stop."""
    from voicebox.server.auth import check_exposure
    from voicebox.server.keys import KeyStore, keys_file
    from voicebox.telemetry.logs import configure_logging

    settings = settings_from(args)
    check_exposure(settings.server, KeyStore(keys_file(settings.server.keys_file)))
    configure_logging(settings.server.log_level, settings.server.log_format)
    asyncio.run(_serve(settings, Output(args.json)))
    return 0


async def _serve(settings: Settings, output: Output) -> None:
    from voicebox.engines import Engines
    from voicebox.server.app import create_app
    from voicebox.server.keys import KeyStore, keys_file
    from voicebox.server.lifecycle import serve

    started = time.monotonic()
    engines = Engines.build(settings)
    try:
        app = create_app(
            settings,
            engines.session,
            health=engines.health,
            find_voice=engines.find_voice,
            backends=engines.backends,
            keys=KeyStore(keys_file(settings.server.keys_file)),
            limit=engines.ledger.limit,
        )

        def ready(url: str) -> None:
            row: dict[str, Any] = {"event": "ready", "url": url, "ready_s": time.monotonic() - started}
            output.row(row, f"voicebox is ready at {url} (Ctrl-C stops it)")

        # Skill files are looked at all the while; the signal is for those who do not want to wait.
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, engines.reload_skills)
        await serve(app, settings.server, on_ready=ready)
    finally:
        await engines.close()
