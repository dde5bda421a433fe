"""A server of a benchmark's own."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from voicebox.cli.output import Output
from voicebox.cli.settings_flags import setting_arguments
from voicebox.errors import VoiceboxError

__all__ = ["own_server"]

_START_S = 300.0
"""A first start may have to load everything from a cold disk."""


@asynccontextmanager
async def own_server(
    args: argparse.Namespace, output: Output, *, sessions: int, more: Sequence[str] = ()
) -> AsyncIterator[tuple[str, int | None]]:
    """The server that `--url` names, or a process of its own, so that callers and server share no interpreter.

    Args:
        args: the command's, with its settings flags and `url`.
        output: tells people that it starts.
        sessions: how many callers there will be at once.
        more: further settings flags.

    Raises:
        VoiceboxError: it does not start.
    """
    if args.url:
        yield args.url, None
        return
    words = ["serve", "--json", *setting_arguments(args), *more, "--server.host", "127.0.0.1", "--server.port", "0"]
    # Its only callers are ours: keys that others were given do not matter.
    words += ["--server.keys_file", f"{os.devnull}/none"]
    words += ["--server.max_sessions", str(sessions + 1), "--server.log_level", "warning"]
    output.note("[dim]starting a server …[/dim]")
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "voicebox.cli.main", *words, stdout=asyncio.subprocess.PIPE
    )
    try:
        assert process.stdout is not None
        try:
            line = await asyncio.wait_for(process.stdout.readline(), _START_S)
        except TimeoutError:
            raise VoiceboxError("The server did not start in time") from None
        if not line:
            raise VoiceboxError("The server did not start", cure="Its message is above; try `voicebox doctor`.")
        url = json.loads(line)["url"]
        await _until_small_is_up(url)
        yield url, process.pid
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


async def _until_small_is_up(url: str) -> None:
    """Wait until the instruct model has been loaded: a start is not what is measured. A pull is not waited for."""
    import httpx

    async with httpx.AsyncClient(base_url=url, timeout=5, trust_env=False) as client:
        deadline = time.monotonic() + _START_S
        while time.monotonic() < deadline:
            if (await client.get("/health")).json().get("small") != "loading":
                return
            await asyncio.sleep(0.5)
