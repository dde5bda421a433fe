"""How fast a recogniser is on this machine."""

from __future__ import annotations

import time
from statistics import median

import numpy as np

from voicebox.stt.types import SAMPLE_RATE, Audio, Clip, Recognizer

__all__ = ["PROBE_SECONDS", "PROBE_TEXT", "partial_ms"]

PROBE_SECONDS = 3.0
PROBE_TEXT = "Please set a timer for ten minutes and turn on the kitchen light."
"""Speech of about the probe's length when a voice says it: decoding silence would tell nothing of decoding words."""


def partial_ms(recognizer: Recognizer, speech: Audio, *, rounds: int = 3, one_cpu_thread: bool = True) -> float:
    """Milliseconds of decoding 3 s of speech alone: the median of some rounds after one that is not counted.

    With one thread on a CPU no decode can take longer than the processor time of the process, unless others took the
    core: the lesser of both is taken, so that a busy moment at start does not decide for the life of a server.

    Args:
        speech: some speech, 16 kHz; cut or repeated to 3 s.
        one_cpu_thread: whether the recogniser runs so; otherwise the wall clock alone counts.
    """
    probe = np.resize(speech, int(PROBE_SECONDS * SAMPLE_RATE)).astype(np.float32)
    times = []
    for _ in range(rounds + 1):
        began = time.process_time()
        wall_ms = recognizer.decode([Clip(probe)])[0].decode_ms
        cpu_ms = (time.process_time() - began) * 1000
        times.append(min(wall_ms, cpu_ms) if one_cpu_thread else wall_ms)
    return median(times[1:])
