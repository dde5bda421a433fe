"""Recordings from clients: the usual formats, told by how they begin and not by what they are called.

FFmpeg also opens play lists and scripts, which name further files and addresses: it is only ever asked for a format
whose file is all there is.
"""

from __future__ import annotations

from typing import BinaryIO

import av
import numpy as np
from numpy.typing import NDArray

from voicebox.errors import VoiceboxError

__all__ = ["FORMATS", "UploadError", "read_upload", "sniff"]

FORMATS = ("wav", "mp3", "flac", "ogg", "webm", "m4a", "mp4", "aac")


class UploadError(VoiceboxError):
    """A recording that cannot be used."""


def sniff(head: bytes) -> str | None:
    """FFmpeg's name for the format of a file that begins with these (at least 12) bytes; None for any other."""
    if head[:4] in (b"RIFF", b"RF64") and head[8:12] == b"WAVE":
        return "wav"
    if head[:4] == b"fLaC":
        return "flac"
    if head[:4] == b"OggS":
        return "ogg"
    if head[:4] == b"\x1a\x45\xdf\xa3":
        return "matroska"
    if head[4:8] == b"ftyp":
        return "mov"
    if head[:3] == b"ID3":
        return "mp3"
    if len(head) >= 2 and head[0] == 0xFF:
        # Eleven set bits begin a frame of MPEG audio; layer 0 is what AAC's frames have.
        if head[1] & 0xF6 == 0xF0:
            return "aac"
        if head[1] & 0xE0 == 0xE0:
            return "mp3"
    return None


def read_upload(file: BinaryIO, *, rate: int = 16_000, max_s: float) -> NDArray[np.float32]:
    """A recording as mono float32 at `rate` Hz, shape `(samples,)`; blocks.

    One that breaks off is read as far as it goes; channels are mixed down.

    Args:
        file: open for reading and seeking, at its beginning.
        rate: Hz of the result.
        max_s: longest recording, however small its file is.

    Raises:
        UploadError: it is of another format, broken, without sound, or too long.
    """
    head = file.read(12)
    file.seek(0)
    kind = sniff(head)
    if kind is None:
        raise UploadError(
            "The recording is empty" if not head else "The recording's format is not known",
            cure=f"Send one of: {', '.join(FORMATS)}.",
        )
    pieces: list[NDArray[np.float32]] = []
    samples = 0
    try:
        with av.open(file, mode="r", format=kind) as container:
            if not container.streams.audio:
                raise UploadError(f"The {kind} file holds no audio", cure="Send one with an audio track.")
            converter = av.AudioResampler(format="fltp", rate=rate)
            try:
                for frame in container.decode(audio=0):
                    for out in converter.resample(frame):
                        pieces.append(_mixed(out))
                        samples += len(pieces[-1])
                    if samples > max_s * rate:
                        raise UploadError(f"The recording is longer than {max_s:.0f} s", cure="Send it in parts.")
            except av.FFmpegError:
                if not pieces:
                    raise
            pieces.extend(_mixed(out) for out in converter.resample(None) if samples)
    except (av.FFmpegError, ValueError, IndexError, OverflowError) as error:
        reason = error.strerror if isinstance(error, av.FFmpegError) else str(error)
        raise UploadError(
            f"The recording begins like {kind} but cannot be decoded ({reason})",
            cure="Check that the file plays, or convert it to WAV.",
        ) from error
    if not pieces:
        raise UploadError("The recording holds no sound", cure="Check that the file plays.")
    return np.concatenate(pieces)


def _mixed(frame: av.AudioFrame) -> NDArray[np.float32]:
    # The mean, as in files.py: FFmpeg's own down-mix raises equal channels by 3 dB and may clip.
    mixed: NDArray[np.float32] = frame.to_ndarray().mean(axis=0, dtype=np.float32)
    return mixed
