"""Runs the Node.js programs of tests/clients: unmodified third-party clients."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

CLIENTS = Path(__file__).parent / "clients"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")


def need_node() -> None:
    """Skip where the clients are not installed: `make test` installs them where Node.js is there."""
    node = shutil.which("node")
    version = "" if node is None else subprocess.run([node, "--version"], capture_output=True, text=True).stdout
    if not version or int(version.removeprefix("v").partition(".")[0]) < 20:
        pytest.skip(f"Node.js 20 or newer is not installed{version and f' ({version.strip()})'}")
    if not (CLIENTS / "node_modules").is_dir():
        pytest.skip("the clients are not installed: npm ci --prefix tests/clients")


async def run_node(program: str, *args: str, within_s: float = 90.0, **environment: str) -> Any:
    """What a program prints, as JSON."""
    process = await asyncio.create_subprocess_exec(
        "node",
        str(CLIENTS / program),
        *args,
        env={**os.environ, "OPENAI_AGENTS_DISABLE_TRACING": "1", **environment},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        out, err = await asyncio.wait_for(process.communicate(), within_s)
    except TimeoutError:
        process.kill()
        await process.communicate()
        pytest.fail(f"{program} did not end in {within_s:g} s")
    assert process.returncode == 0, err.decode()[-2000:]
    return json.loads(out.decode().splitlines()[-1])
