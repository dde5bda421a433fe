"""Noise added to recordings at a given signal-to-noise ratio."""

from __future__ import annotations

import numpy as np

from voicebox.stt.types import Audio

__all__ = ["mix_noise"]

_FRAME = 2_048
_PEAK = 0.5


def mix_noise(speech: Audio, noise: Audio, snr_db: float, rng: np.random.Generator) -> Audio:
    """Speech with noise from a random place of `noise` (repeated where it is shorter), normalized to a peak of 0.5.

    The ratio is taken between the strongest frames (2,048 samples) of the speech and of the noise that is added, as
    Picovoice's speech-to-intent benchmark takes it. Silent speech or noise stays as it is.
    """
    if not len(speech) or not len(noise):
        return speech
    start = int(rng.integers(len(noise)))
    added = np.take(noise, np.arange(start, start + len(speech)), mode="wrap")
    loudest = _strongest(added)
    if loudest > 0:
        speech = speech + added * np.sqrt(_strongest(speech) / (loudest * 10 ** (snr_db / 10)))
    peak = float(np.abs(speech).max())
    return (speech * (_PEAK / peak)).astype(np.float32) if peak > 0 else speech


def _strongest(audio: Audio) -> float:
    """Mean power of the strongest frame."""
    whole = len(audio) - len(audio) % _FRAME
    if not whole:
        return float(np.mean(audio.astype(np.float64) ** 2))
    return float((audio[:whole].reshape(-1, _FRAME).astype(np.float64) ** 2).mean(axis=1).max())
