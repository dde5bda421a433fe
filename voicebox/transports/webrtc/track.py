"""The assistant's voice as a media track: paced by a clock of its own, with an exact account of what has left."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from fractions import Fraction

import numpy as np
from aiortc.mediastreams import MediaStreamError, MediaStreamTrack
from av import AudioFrame, Packet
from av.stream import Stream
from numpy.typing import NDArray

from voicebox.audio.resample import Resampler
from voicebox.transports.webrtc.opus import OpusEncoder

__all__ = ["ReplyTrack"]

RATE = 48_000
_FRAME_S = 0.02
_FRAME = round(_FRAME_S * RATE)
_FAR_BUFFER_S = 0.06
"""What the far end's jitter buffer holds back, about: what has left was not heard yet."""


class ReplyTrack(MediaStreamTrack):
    """Frames of 20 ms at 48 kHz, each due at a fixed time after the first: late ones do not shift those after them.

    Args:
        started: is told of a reply when its first sample leaves.
        played: is told of a reply and how many ms of it were heard, after each frame.
        stopped: is told of a reply when its last sample has left.
        clock: seconds, monotonic.
        sleep: waits.
    """

    kind = "audio"

    def __init__(
        self,
        started: Callable[[str], None],
        played: Callable[[str, int], None],
        stopped: Callable[[str], None],
        *,
        clock: Callable[[], float] | None = None,
        sleep: Callable[[float], object] = asyncio.sleep,
    ) -> None:
        super().__init__()
        self._tell_started, self._tell_played, self._tell_stopped = started, played, stopped
        self._clock = clock or asyncio.get_running_loop().time
        self._sleep = sleep
        self._began_s: float | None = None
        self._frames = 0
        self._queue: deque[tuple[str, NDArray[np.float32]]] = deque()
        self._resampler: tuple[str, int, Resampler] | None = None
        self._sent: dict[str, int] = {}
        self._complete: set[str] = set()
        self._encoder: OpusEncoder | None = None

    def add(self, reply: str, audio: NDArray[np.float32], rate: int) -> None:
        """The next audio of a reply: float32 mono, shape `(samples,)`, at `rate` Hz."""
        if self._resampler is None or self._resampler[:2] != (reply, rate):
            self._flush()
            self._resampler = (reply, rate, Resampler(rate, RATE))
        self._queue.append((reply, self._resampler[2].process(audio)))

    def end(self, reply: str) -> None:
        """No more audio comes for a reply."""
        self._flush()
        self._complete.add(reply)
        if not any(name == reply for name, _ in self._queue):
            self._over(reply)

    def clear(self, reply: str) -> bool:
        """Throw away what waits of a reply; whether any of it was to be heard still."""
        if self._resampler is not None and self._resampler[0] == reply:
            self._resampler = None
        before = len(self._queue)
        self._queue = deque(piece for piece in self._queue if piece[0] != reply)
        known = self._sent.pop(reply, None) is not None
        self._complete.discard(reply)
        return known or len(self._queue) < before

    def played_ms(self, reply: str) -> int:
        """How much of a reply was heard."""
        return max(0, round(1000 * (self._sent.get(reply, 0) / RATE - _FAR_BUFFER_S)))

    def write_opus(self) -> None:
        """Give packets of Opus from now on, with FEC, instead of frames for aiortc's encoder, which has none."""
        self._encoder = OpusEncoder(RATE)

    async def recv(self) -> AudioFrame | Packet[Stream]:
        """The next frame, when it is due; silence where there is nothing to say."""
        if self.readyState != "live":
            raise MediaStreamError
        if self._began_s is None:
            self._began_s = self._clock()
        wait_s = self._began_s + self._frames * _FRAME_S - self._clock()
        if wait_s > 0:
            await self._sleep(wait_s)  # type: ignore[misc]
        audio = self._take()
        piece: AudioFrame | Packet[Stream]
        if self._encoder is not None:
            piece = Packet(self._encoder.encode(audio))
        else:
            pcm = np.round(np.clip(audio, -1.0, 1.0) * 32767).astype(np.int16)[np.newaxis]
            piece = AudioFrame.from_ndarray(pcm, format="s16", layout="mono")
            piece.sample_rate = RATE
        piece.pts = self._frames * _FRAME
        piece.time_base = Fraction(1, RATE)
        self._frames += 1
        return piece

    def _take(self) -> NDArray[np.float32]:
        out = np.zeros(_FRAME, np.float32)
        at, replies = 0, []
        while self._queue and at < _FRAME:
            reply, audio = self._queue.popleft()
            size = min(len(audio), _FRAME - at)
            out[at : at + size] = audio[:size]
            at += size
            if size < len(audio):
                self._queue.appendleft((reply, audio[size:]))
            if reply not in self._sent:
                self._sent[reply] = 0
                self._tell_started(reply)
            self._sent[reply] += size
            if reply not in replies:
                replies.append(reply)
        for reply in replies:
            self._tell_played(reply, self.played_ms(reply))
            if reply in self._complete and not any(name == reply for name, _ in self._queue):
                self._over(reply)
        return out

    def _over(self, reply: str) -> None:
        self._complete.discard(reply)
        if self._sent.pop(reply, None) is not None:
            self._tell_stopped(reply)

    def _flush(self) -> None:
        if self._resampler is not None:
            reply, _, resampler = self._resampler
            self._queue.append((reply, resampler.flush()))
            self._resampler = None
