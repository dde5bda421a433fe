"""Speech as a file that can be played while it is still being written."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Literal

import av
import numpy as np
from av.audio.stream import AudioStream
from numpy.typing import NDArray

from voicebox.audio.formats import AudioFormat

__all__ = ["MEDIA_TYPES", "RATE", "FileFormat", "StreamEncoder"]

FileFormat = Literal["mp3", "opus", "aac", "flac", "wav", "pcm"]

MEDIA_TYPES: dict[FileFormat, str] = {
    "mp3": "audio/mpeg",
    "opus": "audio/ogg",
    "aac": "audio/aac",
    "flac": "audio/flac",
    "wav": "audio/wav",
    "pcm": "audio/pcm",
}

RATE = 24_000
"""Hz of what is encoded: what clients of the OpenAI protocol expect of raw samples."""


@dataclass(frozen=True, slots=True)
class _Container:
    container: str
    codec: str
    options: dict[str, str]
    bit_rate: int | None


# A seek back to complete a header is impossible in a stream: what would need one is left out.
_CONTAINERS = {
    "mp3": _Container("mp3", "libmp3lame", {"write_xing": "0", "id3v2_version": "0"}, 64_000),
    "opus": _Container("ogg", "libopus", {"page_duration": "20000"}, 32_000),
    "aac": _Container("adts", "aac", {}, 64_000),
    "flac": _Container("flac", "flac", {}, None),
}

_UNKNOWN = 0xFFFFFFFF


class _Sink:
    """What PyAV writes to."""

    def __init__(self) -> None:
        self._data = bytearray()

    def write(self, data: bytes) -> int:
        self._data += data
        return len(data)

    def take(self) -> bytes:
        data = bytes(self._data)
        self._data.clear()
        return data


class StreamEncoder:
    """Samples at 24 kHz, piece by piece → the bytes of a file, piece by piece. All bytes together are the file.

    A WAV header that is sent before the length is known says "unknown" as streaming writers do; `pcm` is 16-bit
    little-endian without any header. Not thread-safe; some hundred times faster than real time.
    """

    def __init__(self, file_format: FileFormat) -> None:
        self._pcm = AudioFormat("pcm16", RATE)
        self._head = _wav_header() if file_format == "wav" else b""
        self._container: av.container.OutputContainer | None = None
        known = _CONTAINERS.get(file_format)
        if known is None:
            return
        self._sink = _Sink()
        self._container = av.open(self._sink, "w", format=known.container, options=known.options)
        stream = self._container.add_stream(known.codec, rate=RATE)
        assert isinstance(stream, AudioStream)
        stream.layout = "mono"
        if known.bit_rate is not None:
            stream.bit_rate = known.bit_rate
        self._stream = stream
        self._samples = 0
        context = stream.codec_context
        self._resampler = av.AudioResampler(
            format=context.format.name, layout="mono", rate=RATE, frame_size=context.frame_size or 1024
        )

    def push(self, audio: NDArray[np.float32]) -> bytes:
        """The next samples, float32 in [-1, 1], shape `(samples,)` → what can be sent of the file; perhaps nothing."""
        if self._container is None:
            head, self._head = self._head, b""
            return head + self._pcm.encode(audio)
        if len(audio):
            clean = np.clip(np.nan_to_num(audio, nan=0.0), -1.0, 1.0).astype(np.float32)
            frame = av.AudioFrame.from_ndarray(clean[None], format="fltp", layout="mono")
            frame.rate, frame.pts = RATE, self._samples
            self._samples += len(audio)
            self._mux(frame)
        return self._sink.take()

    def finish(self) -> bytes:
        """The rest of the file. To be called once, also where nothing was pushed."""
        if self._container is None:
            head, self._head = self._head, b""
            return head
        if self._samples:
            self._mux(None)
            for packet in self._stream.encode(None):
                self._container.mux(packet)
        self._container.close()
        self._container = None
        return self._sink.take()

    def _mux(self, frame: av.AudioFrame | None) -> None:
        assert self._container is not None
        for piece in self._resampler.resample(frame):
            for packet in self._stream.encode(piece):
                self._container.mux(packet)


def _wav_header() -> bytes:
    form = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, RATE, 2 * RATE, 2, 16)
    return struct.pack("<4sI4s", b"RIFF", _UNKNOWN, b"WAVE") + form + struct.pack("<4sI", b"data", _UNKNOWN)
