"""Signals, in a process of their own."""

import asyncio
import json
import signal
import socket
import sys
from pathlib import Path

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake

from tests.server.test_app import SPEECH, receive
from voicebox.config import load_settings
from voicebox.server.lifecycle import _listen

ROOT = Path(__file__).parent.parent.parent

SERVER = """
import asyncio, sys
sys.path.insert(0, {root!r})
from tests.scripted import ScriptedEngines
from voicebox.config import load_settings
from voicebox.server.app import create_app
from voicebox.server.lifecycle import serve

settings = load_settings(flags={{"server.port": 0, "server.stop_grace_s": {grace}}})
engines = ScriptedEngines(hold=True)
app = create_app(settings, engines.session)
asyncio.run(serve(app, settings.server, on_ready=lambda url: print(url, flush=True)))
print("closed", sum(session.closed for session in engines.sessions), flush=True)
"""


async def start(grace: float) -> tuple[asyncio.subprocess.Process, str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", SERVER.format(root=str(ROOT), grace=grace), stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    url = (await process.stdout.readline()).decode().strip()
    return process, url.replace("http", "ws") + "/v1/realtime"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_lets_the_reply_end(number: int) -> None:
    process, url = await start(grace=60)
    async with connect(url) as ws:
        await ws.send(SPEECH)
        await receive(ws, "response.created")
        process.send_signal(number)
        # Nobody is let in any more, but the conversation goes on until its reply ends.
        await ws.send(json.dumps({"type": "response.cancel"}))
        await receive(ws, "response.done")
        with pytest.raises(ConnectionClosed):
            await receive(ws, "never")
        assert ws.close_code == 1001
    assert process.stdout is not None
    assert (await process.stdout.read()).decode() == "closed 1\n"
    assert await process.wait() == 0


async def test_a_second_signal_does_not_wait() -> None:
    process, url = await start(grace=600)
    async with connect(url) as ws:
        await ws.send(SPEECH)
        await receive(ws, "response.created")
        process.send_signal(signal.SIGTERM)
        await refused(url)
        process.send_signal(signal.SIGTERM)
        with pytest.raises(ConnectionClosed):
            await receive(ws, "never")
    assert await process.wait() == 0


async def refused(url: str) -> None:
    """Until the server has taken note of the first signal: it listens no more."""
    while True:
        try:
            async with connect(url):
                pass
        except (OSError, InvalidHandshake):
            return


async def test_small_frames_do_not_wait_for_acknowledgements() -> None:
    """asyncio sets TCP_NODELAY by itself, but only on sockets that were made for TCP by name."""
    listener = _listen(load_settings(flags={"server.port": 0}).server)
    accepted: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    def come(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        accepted.set_result(writer.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
        writer.close()

    async with await asyncio.start_server(come, sock=listener):
        _, writer = await asyncio.open_connection(*listener.getsockname())
        assert await accepted
        writer.close()
