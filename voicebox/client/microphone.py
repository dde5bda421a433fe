"""A conversation by microphone and loudspeaker, through the optional `sounddevice` package."""

from __future__ import annotations

import asyncio
import base64
import json
import threading
from collections import deque
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake

from voicebox.audio.formats import PCM16_24K
from voicebox.client.realtime_client import realtime_url
from voicebox.errors import VoiceboxError

__all__ = ["Loudspeaker", "converse"]

_BLOCK = 480


class Loudspeaker:
    """Samples on their way to the device; counts what was played of the reply at hand.

    `fill` is called by the device's thread, the rest by the event loop.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: deque[tuple[str, NDArray[np.float32]]] = deque()
        self._played = 0
        self._item = ""

    def add(self, item_id: str, data: bytes) -> None:
        """Queue audio of a reply."""
        with self._lock:
            self._waiting.append((item_id, PCM16_24K.decode(data)))

    def fill(self, out: NDArray[np.float32]) -> None:
        """The device asks for samples; silence where there are none."""
        out[:] = 0.0
        at = 0
        with self._lock:
            while at < len(out) and self._waiting:
                item_id, audio = self._waiting.popleft()
                taken = min(len(audio), len(out) - at)
                out[at : at + taken] = audio[:taken]
                at += taken
                if item_id != self._item:
                    self._item, self._played = item_id, 0
                self._played += taken
                if taken < len(audio):
                    self._waiting.appendleft((item_id, audio[taken:]))

    def stop(self) -> tuple[str, int] | None:
        """Throw away what waits; returns the reply that was playing and the ms of it that were heard."""
        with self._lock:
            if not self._waiting:
                return None
            item_id = self._waiting[0][0]
            self._waiting.clear()
            played = self._played if item_id == self._item else 0
            return item_id, 1000 * played // PCM16_24K.rate


async def converse(
    url: str, *, api_key: str | None = None, on_event: Callable[[dict[str, Any]], None] = lambda _: None
) -> None:
    """Talk until Ctrl-C.

    Raises:
        VoiceboxError: no sounddevice package, no audio device, or no server.
    """
    try:
        import sounddevice
    except (ImportError, OSError) as error:
        raise VoiceboxError(
            f"The microphone needs the sounddevice package ({error})",
            cure="Install it with `pip install 'voicebox[mic]'` (and PortAudio), or use --wav FILE.",
        ) from None
    loop = asyncio.get_running_loop()
    heard: asyncio.Queue[bytes] = asyncio.Queue(maxsize=100)
    speaker = Loudspeaker()

    def put(data: bytes) -> None:
        if not heard.full():
            heard.put_nowait(data)

    def callback(indata: Any, outdata: Any, frames: int, time: Any, status: Any) -> None:
        loop.call_soon_threadsafe(put, PCM16_24K.encode(indata[:, 0]))
        speaker.fill(outdata[:, 0])

    headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
    try:
        async with connect(realtime_url(url), additional_headers=headers, compression=None, proxy=None) as socket:
            await socket.send(json.dumps({"type": "session.update", "session": {"type": "realtime"}}))
            stream = sounddevice.Stream(
                samplerate=PCM16_24K.rate, blocksize=_BLOCK, channels=1, dtype="float32", callback=callback
            )
            with stream:
                sending = asyncio.create_task(_send(socket, heard), name="microphone")
                try:
                    async for message in socket:
                        await _receive(socket, json.loads(message), speaker, on_event)
                finally:
                    sending.cancel()
    except sounddevice.PortAudioError as error:
        raise VoiceboxError(f"No audio device: {error}", cure="Connect one, or use --wav FILE.") from None
    except (OSError, InvalidHandshake, ConnectionClosed) as error:
        raise VoiceboxError(f"No conversation with {url}: {error}") from None


async def _send(socket: Any, heard: asyncio.Queue[bytes]) -> None:
    while True:
        audio = base64.b64encode(await heard.get()).decode("ascii")
        await socket.send(json.dumps({"type": "input_audio_buffer.append", "audio": audio}))


async def _receive(
    socket: Any, event: dict[str, Any], speaker: Loudspeaker, on_event: Callable[[dict[str, Any]], None]
) -> None:
    kind = event["type"]
    if kind == "response.output_audio.delta":
        speaker.add(event["item_id"], base64.b64decode(event["delta"]))
        return
    if kind == "input_audio_buffer.speech_started" and (stopped := speaker.stop()) is not None:
        item_id, ms = stopped
        cut = {"type": "conversation.item.truncate", "item_id": item_id, "content_index": 0, "audio_end_ms": ms}
        await socket.send(json.dumps(cut))
    on_event(event)
