from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from voicebox.audio.windows import windows


@given(st.integers(0, 200), st.integers(1, 50), st.integers(1, 40))
def test_the_same_as_numpys_own(length: int, size: int, step: int) -> None:
    audio = np.arange(length, dtype=np.float32)
    got = windows(audio, size, step)
    if length < size:
        assert got.shape == (0, size)
    else:
        assert np.array_equal(got, np.lib.stride_tricks.sliding_window_view(audio, size)[::step])
