"""Wire audio: bytes with a format, to and from float samples."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from voicebox.audio import g711
from voicebox.errors import VoiceboxError

__all__ = ["PCM16_16K", "PCM16_24K", "PCMA_8K", "PCMU_8K", "AudioFormat", "Encoding"]

Encoding = Literal["pcm16", "pcmu", "pcma"]

_MIN_RATE, _MAX_RATE = 8_000, 192_000
_FULL_SCALE = np.float32(1 / 32_768)


@dataclass(frozen=True, slots=True)
class AudioFormat:
    """How mono audio is written as bytes: 16-bit little-endian PCM at `rate` Hz, or G.711 at 8 kHz.

    Raises:
        VoiceboxError: an unknown encoding, or a rate that it does not have.
    """

    encoding: Encoding
    rate: int

    def __post_init__(self) -> None:
        if self.encoding not in ("pcm16", "pcmu", "pcma"):
            raise VoiceboxError(f"Unknown audio encoding {self.encoding!r}", cure="Use pcm16, pcmu or pcma.")
        if self.encoding != "pcm16" and self.rate != 8_000:
            raise VoiceboxError(f"{self.encoding} audio has 8000 Hz, not {self.rate}", cure="Send it at 8000 Hz.")
        if not _MIN_RATE <= self.rate <= _MAX_RATE:
            raise VoiceboxError(
                f"A sample rate of {self.rate} Hz is not supported", cure=f"Use {_MIN_RATE} to {_MAX_RATE} Hz."
            )

    @property
    def sample_bytes(self) -> int:
        """Bytes per sample."""
        return 2 if self.encoding == "pcm16" else 1

    @property
    def bytes_per_second(self) -> int:
        """Bytes of one second of audio."""
        return self.rate * self.sample_bytes

    def decode(self, data: bytes) -> NDArray[np.float32]:
        """Bytes → float32 samples in [-1, 1), shape `(len(data) // sample_bytes,)`.

        Raises:
            VoiceboxError: half a sample at the end.
        """
        if self.encoding == "pcmu":
            samples = g711.ulaw_decode(data)
        elif self.encoding == "pcma":
            samples = g711.alaw_decode(data)
        else:
            if len(data) % 2:
                raise VoiceboxError(
                    f"{len(data)} bytes of 16-bit audio end in half a sample", cure="Send an even number of bytes."
                )
            samples = np.frombuffer(data, "<i2")
        audio = samples.astype(np.float32)
        audio *= _FULL_SCALE
        return audio

    def encode(self, audio: NDArray[np.float32]) -> bytes:
        """Float samples, shape `(samples,)` → bytes. What is out of range clips; NaN is silence."""
        scaled = np.nan_to_num(np.clip(audio, -1.0, 1.0), nan=0.0) * np.float32(32_768)
        samples: NDArray[np.int16] = np.minimum(np.rint(scaled), 32_767).astype(np.int16)
        if self.encoding == "pcmu":
            return g711.ulaw_encode(samples)
        if self.encoding == "pcma":
            return g711.alaw_encode(samples)
        return samples.astype(np.dtype("<i2")).tobytes()


PCM16_16K = AudioFormat("pcm16", 16_000)
PCM16_24K = AudioFormat("pcm16", 24_000)
PCMU_8K = AudioFormat("pcmu", 8_000)
PCMA_8K = AudioFormat("pcma", 8_000)
