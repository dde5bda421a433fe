from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from voicebox.stt.speed import partial_ms
from voicebox.stt.types import Clip, Hypothesis


class Scripted:
    """A recogniser that takes as long as it is told."""

    name = "scripted"

    def __init__(self, times: list[float]) -> None:
        self.times = times
        self.clips: list[Clip] = []

    def decode(self, clips: Sequence[Clip]) -> list[Hypothesis]:
        self.clips += clips
        return [Hypothesis("", 0.0, 0.0, "en", 3.0, self.times.pop(0)) for _ in clips]


def test_the_first_round_does_not_count_and_the_median_does() -> None:
    recognizer = Scripted([9_000.0, 30.0, 10.0, 20.0])
    assert partial_ms(recognizer, np.ones(100, np.float32), one_cpu_thread=False) == 20.0


def test_three_seconds_are_decoded_whatever_the_speech() -> None:
    recognizer = Scripted([1.0] * 4)
    partial_ms(recognizer, np.arange(5, dtype=np.float32))
    assert {len(clip.audio) for clip in recognizer.clips} == {48_000}
    assert list(recognizer.clips[0].audio[:7]) == [0, 1, 2, 3, 4, 0, 1]


def test_waiting_for_a_core_does_not_count_with_one_thread() -> None:
    # The script claims hours of wall time, of which the process has used next to none.
    assert partial_ms(Scripted([1e7] * 4), np.ones(100, np.float32)) < 1e6
