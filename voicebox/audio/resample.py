"""Sample rate conversion: of a live stream, and of a whole recording."""

from __future__ import annotations

from functools import lru_cache
from math import ceil, gcd

import numpy as np
import soxr
from numpy.typing import NDArray

from voicebox.audio.windows import windows
from voicebox.errors import VoiceboxError

__all__ = ["Resampler", "resample"]

_ZERO_CROSSINGS = 20
_KAISER_BETA = 6.0
_ROLLOFF = 0.94
_BLOCK = 2_048
_MAX_PHASES = 640


def resample(audio: NDArray[np.float32], in_rate: int, out_rate: int) -> NDArray[np.float32]:
    """A whole recording, shape `(samples,)`, at another rate (soxr, high quality)."""
    if in_rate == out_rate:
        return audio
    converted: NDArray[np.float32] = soxr.resample(np.ascontiguousarray(audio, np.float32), in_rate, out_rate)
    return converted


class Resampler:
    """A stream at another rate, 1 to 3 ms late between 8, 16, 24 and 48 kHz (`delay_s` at most, for any pair).

    A polyphase windowed-sinc filter (Kaiser window, stop band about -45 dB at its edge), one matrix product per call.
    soxr's streaming is sharper and cheaper, but works in blocks: it holds back up to 20 ms from 24 kHz and up to 60 ms
    from 8 kHz, which the end of every turn would pay.
    Output sample n stands exactly at input time n / out_rate: nothing is shifted, only held back.

    Args:
        in_rate: Hz of what comes in.
        out_rate: Hz of what goes out; the same rate passes through.

    Raises:
        VoiceboxError: rates that are not positive, or whose ratio is too odd for a filter bank.
    """

    def __init__(self, in_rate: int, out_rate: int) -> None:
        if in_rate <= 0 or out_rate <= 0:
            raise VoiceboxError(f"Cannot resample from {in_rate} to {out_rate} Hz", cure="Rates are positive.")
        divisor = gcd(in_rate, out_rate)
        self._up, self._down = out_rate // divisor, in_rate // divisor
        if self._up > _MAX_PHASES:
            raise VoiceboxError(
                f"Cannot resample from {in_rate} to {out_rate} Hz", cure="Use a usual rate such as 16000 or 48000."
            )
        self._through = in_rate == out_rate
        self._matrix = _period_matrix(self._up, self._down)
        self._half = ceil(_ZERO_CROSSINGS * max(1.0, self._down / self._up))
        self.delay_s = 0.0 if self._through else (self._half + self._down) / in_rate
        self.reset()

    def reset(self) -> None:
        """Begin a new stream."""
        self._buffer = np.zeros(self._half - 1, np.float32)
        self._received = 0
        self._sent = 0

    def process(self, audio: NDArray[np.float32]) -> NDArray[np.float32]:
        """The next samples, shape `(n,)`, any n → those that are ready, shape `(m,)`."""
        if self._through:
            return audio
        self._received += len(audio)
        self._buffer = np.concatenate((self._buffer, audio.astype(np.float32, copy=False)))
        return self._emit()

    def flush(self) -> NDArray[np.float32]:
        """What is held back, at the end of the stream; the next `process` begins a new one."""
        if self._through:
            return np.zeros(0, np.float32)
        due = ceil(self._received * self._up / self._down) - self._sent
        self._buffer = np.concatenate((self._buffer, np.zeros(self._half + self._down, np.float32)))
        rest = self._emit()[:due]
        self.reset()
        return rest

    def _emit(self) -> NDArray[np.float32]:
        """All whole periods that the buffer holds: each is `down` samples in, `up` samples out."""
        span = len(self._matrix)
        periods = max(0, (len(self._buffer) - span) // self._down + 1)
        if not periods:
            return np.zeros(0, np.float32)
        spans = windows(self._buffer, span, self._down)
        parts = [spans[at : at + _BLOCK] @ self._matrix for at in range(0, periods, _BLOCK)]
        out: NDArray[np.float32] = (parts[0] if len(parts) == 1 else np.concatenate(parts)).ravel()
        self._buffer = self._buffer[periods * self._down :].copy()
        self._sent += len(out)
        return out


@lru_cache(maxsize=32)
def _period_matrix(up: int, down: int) -> NDArray[np.float32]:
    """The filters of one period side by side, shape `(inputs, up)`; each has gain 1 at 0 Hz.

    Row 0 is the input `half - 1` samples before the period begins.
    """
    scale = min(1.0, up / down)
    half = ceil(_ZERO_CROSSINGS / scale)
    times = np.arange(up) * down / up
    inputs = np.arange(-(half - 1), (up - 1) * down // up + half + 1)
    offsets = times[None, :] - inputs[:, None]
    window = np.i0(_KAISER_BETA * np.sqrt(np.clip(1 - (offsets / half) ** 2, 0, None)))
    kernel = np.where(np.abs(offsets) < half, np.sinc(scale * _ROLLOFF * offsets) * window, 0.0)
    matrix: NDArray[np.float32] = (kernel / kernel.sum(axis=0)).astype(np.float32)
    return matrix
