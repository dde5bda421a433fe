"""Recordings on disk: read in any usual format, written as WAV."""

from __future__ import annotations

import wave
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from voicebox.audio.formats import AudioFormat
from voicebox.errors import VoiceboxError

__all__ = ["read_audio", "write_wav"]


def read_audio(path: str | Path, rate: int = 16_000) -> NDArray[np.float32]:
    """A recording as mono float32 at `rate` Hz, shape `(samples,)`: WAV, FLAC, OGG, MP3 and what else FFmpeg reads.

    A recording that breaks off is read as far as it goes; channels are mixed down.

    Raises:
        VoiceboxError: no such file, or no audio in it.
    """
    path = Path(path)
    if not path.is_file():
        raise VoiceboxError(f"There is no recording {path}")
    pieces: list[NDArray[np.float32]] = []
    try:
        with av.open(str(path), mode="r") as container:
            if not container.streams.audio:
                raise VoiceboxError(f"{path} holds no audio")
            converter = av.AudioResampler(format="fltp", rate=rate)
            try:
                for frame in container.decode(audio=0):
                    pieces.extend(_samples(out) for out in converter.resample(frame))
            except av.FFmpegError:
                if not pieces:
                    raise
            pieces.extend(_samples(out) for out in converter.resample(None))
    except av.FFmpegError as error:
        raise VoiceboxError(f"{path} cannot be read as audio ({error.strerror})") from error
    if not pieces:
        return np.zeros(0, np.float32)
    return np.concatenate(pieces)


def _samples(frame: av.AudioFrame) -> NDArray[np.float32]:
    # The mean over channels: FFmpeg's own down-mix raises equal channels by 3 dB and may clip.
    channels = frame.to_ndarray().astype(np.float32, copy=False)
    mixed: NDArray[np.float32] = channels[0] if len(channels) == 1 else channels.mean(axis=0, dtype=np.float32)
    return mixed


def write_wav(path: str | Path, audio: NDArray[np.float32], rate: int) -> None:
    """Write float samples, shape `(samples,)`, as a mono 16-bit WAV file.

    Raises:
        VoiceboxError: the file cannot be written.
    """
    data = AudioFormat("pcm16", rate).encode(audio)
    try:
        with open(path, "wb") as raw, wave.open(raw, "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(rate)
            file.writeframes(data)
    except OSError as error:
        raise VoiceboxError(f"Cannot write {path} ({error.strerror})") from error
