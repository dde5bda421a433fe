from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from voicebox.client.speech import voiced_ends

Say = Callable[[str], NDArray[np.float32]]


def test_silence_and_nothing_hold_no_speech() -> None:
    assert len(voiced_ends(np.zeros(24_000, np.float32), 24_000)) == 0
    assert len(voiced_ends(np.zeros(0, np.float32), 24_000)) == 0


@pytest.mark.models
def test_the_end_of_speech_does_not_move_with_the_silence_after_it(say: Say) -> None:
    speech = say("What time is it?")
    before, after = np.zeros(8_000, np.float32), np.zeros(16_000, np.float32)
    ends = voiced_ends(np.concatenate((before, speech, after)), 16_000)
    assert len(ends) > 10
    assert (np.diff(ends) > 0).all()
    assert 0.5 < ends[0] < 0.9
    assert ends[-1] == pytest.approx(0.5 + len(speech) / 16_000, abs=0.25)
    assert voiced_ends(np.concatenate((before, speech)), 16_000)[-1] == pytest.approx(ends[-1], abs=0.1)
