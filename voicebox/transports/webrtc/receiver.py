"""The caller's voice from RTP: packets into order, holes filled, decoded to what the recogniser hears.

It takes the place of aiortc's own receive path, whose buffer has a fixed depth that grows with every loss and never
shrinks. aiortc still does the transport, its checks, and the reports to the far end.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from aiortc import RTCRtpReceiver
from numpy.typing import NDArray

from voicebox.audio.formats import PCMA_8K, PCMU_8K
from voicebox.audio.resample import Resampler
from voicebox.errors import VoiceboxError
from voicebox.transports.webrtc.opus import OpusDecoder, OpusError
from voicebox.transports.webrtc.reorder import Packet, Released, Reorder

__all__ = ["RATE", "AudioReceiver", "ReceiverStats", "Voice", "receive_with"]

_log = logging.getLogger(__name__)

RATE = 16_000
_OPUS_CLOCK, _G711_CLOCK = 48_000, 8_000
_CONCEALED_S = 0.12
"""Concealment for longer than this would be made up: what is lost beyond it is silence."""
_LONGEST_GAP_S = 10.0
_PENDING = "_RTCRtpReceiver__jitter_buffer"
_G711 = {0: PCMU_8K, 8: PCMA_8K}
_DTX_BYTES = 2
"""A packet of Opus up to this size says that silence follows, and is followed by none for a while."""


@dataclass(slots=True)
class ReceiverStats:
    """Counts since the beginning. `jitter_ms` is that of RFC 3550, `wait_ms` how long a hole is waited for now."""

    received: int = 0
    lost: int = 0
    late: int = 0
    duplicates: int = 0
    damaged: int = 0
    concealed_ms: float = 0.0
    jitter_ms: float = 0.0
    wait_ms: float = 0.0


class Voice:
    """One stream's packets, in order, as audio. Pure but for its decoder.

    Args:
        payload_type: how the payload is written: 0 and 8 are G.711, all others Opus.
    """

    def __init__(self, payload_type: int) -> None:
        self._g711 = _G711.get(payload_type)
        self.clock = _OPUS_CLOCK if self._g711 is None else _G711_CLOCK
        self._opus = OpusDecoder(RATE) if self._g711 is None else None
        self._resampler = Resampler(_G711_CLOCK, RATE)
        self._expected: int | None = None
        self._frame = round(0.02 * RATE)
        self.silent = False
        """Whether the last packet said that silence follows."""
        self.concealed_s = 0.0
        self.damaged = 0

    def hear(self, released: Released) -> NDArray[np.float32]:
        """A packet's audio, and before it what stands for the hole that it follows: float32 mono at 16 kHz."""
        packet = released.packet
        gap = 0 if self._expected is None or released.restart else self._missing(packet.timestamp)
        parts = [self._fill(gap, packet.payload, lost=released.lost > 0)] if gap else []
        audio = self._decode(packet.payload)
        if len(audio):
            self._frame = len(audio)
        length = round(len(audio) * self.clock / RATE)
        self._expected = (packet.timestamp + length) & 0xFFFFFFFF
        self.silent = self._opus is not None and len(packet.payload) <= _DTX_BYTES
        return np.concatenate((*parts, audio)) if parts else audio

    def wait(self, seconds: float) -> NDArray[np.float32]:
        """Silence that the far end does not send, because it said so."""
        if self._expected is not None:
            self._expected = (self._expected + round(seconds * self.clock)) & 0xFFFFFFFF
        return np.zeros(round(seconds * RATE), np.float32)

    def _missing(self, timestamp: int) -> int:
        """Samples between what was heard and what comes now; 0 where the time of the far end went back."""
        assert self._expected is not None
        ahead = (timestamp - self._expected + 0x80000000 & 0xFFFFFFFF) - 0x80000000
        seconds = min(ahead / self.clock, _LONGEST_GAP_S)
        return max(0, round(seconds * RATE))

    def _fill(self, samples: int, following: bytes, *, lost: bool) -> NDArray[np.float32]:
        out = np.zeros(samples, np.float32)
        if not lost or self._opus is None:
            return out
        # The packet that follows may carry the last frame that was lost; the decoder makes up the first ones.
        last = min(self._frame, samples)
        made_up = min(samples - last, round(_CONCEALED_S * RATE)) // self._frame * self._frame
        for start in range(0, made_up, self._frame):
            out[start : start + self._frame] = self._opus.conceal(self._frame)
        if last == self._frame:
            try:
                out[samples - last :] = self._opus.recover(following, last)
            except OpusError:  # the packet is damaged itself, which is counted when it is decoded
                out[samples - last :] = self._opus.conceal(last)
        self.concealed_s += samples / RATE
        return out

    def _decode(self, payload: bytes) -> NDArray[np.float32]:
        try:
            if self._opus is not None:
                return self._opus.decode(payload) if payload else np.zeros(0, np.float32)
            assert self._g711 is not None
            return self._resampler.process(self._g711.decode(payload))
        except VoiceboxError:
            self.damaged += 1
            return np.zeros(self._frame, np.float32)


class AudioReceiver:
    """One call's. Everything happens on the event loop.

    Args:
        heard: takes audio as it is there: float32 mono at 16 kHz.
        loop: whose time counts.
    """

    def __init__(self, heard: Callable[[NDArray[np.float32]], None], loop: asyncio.AbstractEventLoop) -> None:
        self._heard = heard
        self._loop = loop
        self._source: tuple[int, int] | None = None
        self._reorder = Reorder()
        self._voice: Voice | None = None
        self._stats = ReceiverStats()
        self._before = ReceiverStats()
        """What was counted of sources that are no more."""
        self._transit: float | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._silence: asyncio.TimerHandle | None = None
        self.last_s = loop.time()
        """When the last packet came."""

    @property
    def stats(self) -> ReceiverStats:
        """What was counted so far."""
        now, voice, old = self._loop.time(), self._voice, self._before
        return ReceiverStats(
            received=self._stats.received,
            lost=old.lost + self._reorder.lost,
            late=old.late + self._reorder.late,
            duplicates=old.duplicates + self._reorder.duplicates,
            damaged=old.damaged + (voice.damaged if voice else 0),
            concealed_ms=old.concealed_ms + (round(1000 * voice.concealed_s) if voice else 0),
            jitter_ms=round(self._stats.jitter_ms, 1),
            wait_ms=round(1000 * self._reorder.wait_s(now), 1),
        )

    def take(self, packet: Any) -> None:
        """An RTP packet of aiortc's, as it came."""
        now = self.last_s = self._loop.time()
        if self._source != (source := (packet.ssrc, packet.payload_type)):
            self._begin(source)
        assert self._voice is not None
        self._stats.received += 1
        self._note_jitter(packet.timestamp, now)
        self._stop(self._silence)
        self._hand_on(self._reorder.push(Packet(packet.sequence_number, packet.timestamp, packet._data), now))
        self._wait(now)

    def close(self) -> None:
        """Nothing is heard any more."""
        self._stop(self._timer)
        self._stop(self._silence)
        self._heard = lambda audio: None

    def _begin(self, source: tuple[int, int]) -> None:
        """Another source, or another codec: nothing of what came before goes on."""
        self._before = self.stats
        self._source, self._reorder, self._voice, self._transit = source, Reorder(), Voice(source[1]), None

    def _note_jitter(self, timestamp: int, now: float) -> None:
        assert self._voice is not None
        transit = now - timestamp / self._voice.clock
        if self._transit is not None and abs(change := transit - self._transit) < 1.0:
            self._stats.jitter_ms += (1000 * abs(change) - self._stats.jitter_ms) / 16
        self._transit = transit

    def _hand_on(self, released: list[Released]) -> None:
        assert self._voice is not None
        for each in released:
            audio = self._voice.hear(each)
            if len(audio):
                self._heard(audio)

    def _wait(self, now: float) -> None:
        self._stop(self._timer)
        deadline = self._reorder.deadline(now)
        if deadline is not None:
            self._timer = self._loop.call_at(deadline, self._time_is_up)
        elif self._voice is not None and self._voice.silent:
            self._silence = self._loop.call_later(0.06, self._silent)

    def _time_is_up(self) -> None:
        now = self._loop.time()
        self._hand_on(self._reorder.due(now))
        self._wait(now)

    def _silent(self) -> None:
        """The far end sends nothing because nothing is to be heard: the recogniser must hear that it is silent."""
        assert self._voice is not None
        self._heard(self._voice.wait(0.02))
        self._silence = self._loop.call_later(0.02, self._silent)

    @staticmethod
    def _stop(timer: asyncio.TimerHandle | None) -> None:
        if timer is not None:
            timer.cancel()


class _InPlaceOfTheBuffer:
    """What aiortc takes for its jitter buffer: it never gives a frame to decode."""

    def __init__(self, take: Callable[[Any], None]) -> None:
        self._take = take

    def add(self, packet: Any) -> tuple[Literal[False], None]:
        try:
            self._take(packet)
        except Exception:
            # It runs within aiortc's transport, which would end for all.
            _log.exception("an RTP packet could not be handled")
        return False, None


def receive_with(receiver: RTCRtpReceiver, take: Callable[[Any], None]) -> None:
    """Let `take` have a receiver's packets, in the order in which they come, and aiortc decode none of them.

    Raises:
        RuntimeError: aiortc has changed inside.
    """
    if not hasattr(receiver, _PENDING):
        raise RuntimeError(f"this release of aiortc has no {_PENDING}: pin one that voicebox was tested with")
    setattr(receiver, _PENDING, _InPlaceOfTheBuffer(take))
