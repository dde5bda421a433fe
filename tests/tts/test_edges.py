from __future__ import annotations

import numpy as np
import pytest

from voicebox.tts.edges import pause_s, trim

RATE = 16_000


def _speech(lead_s: float, speech_s: float, trail_s: float) -> np.ndarray:
    tone = np.sin(np.arange(int(speech_s * RATE)) * 0.3).astype(np.float32) * 0.5
    return np.concatenate([np.zeros(int(lead_s * RATE), np.float32), tone, np.zeros(int(trail_s * RATE), np.float32)])


def test_five_milliseconds_stay_before_speech() -> None:
    audio, cut = trim(_speech(0.3, 1.0, 0.0), RATE, "word")
    assert abs(int(np.flatnonzero(np.abs(audio) > 0.01)[0]) - 0.005 * RATE) <= 2
    assert abs(cut - 0.295 * RATE) <= 2


@pytest.mark.parametrize(("text", "pause"), [("one", 0.03), ("one,", 0.12), ("one.", 0.24), ("“one?” ", 0.24)])
def test_the_pause_behind_follows_the_punctuation(text: str, pause: float) -> None:
    audio, _ = trim(_speech(0.1, 0.5, 1.0), RATE, text)
    assert pause_s(text) == pause
    assert abs(len(audio) - (0.505 + pause) * RATE) <= 4


def test_a_short_pause_is_not_stretched() -> None:
    audio, cut = trim(_speech(0.0, 0.5, 0.01), RATE, "one.")
    assert (len(audio), cut) == (int(0.51 * RATE), 0)


def test_silence_is_nothing() -> None:
    audio, cut = trim(np.zeros(1_000, np.float32), RATE, "one.")
    assert (len(audio), cut) == (0, 0)
    assert len(trim(np.zeros(0, np.float32), RATE, "")[0]) == 0


def test_cuts_do_not_click_and_the_input_is_untouched() -> None:
    noise = np.random.default_rng(1).normal(0, 0.001, 2 * RATE).astype(np.float32)
    noise[RATE : RATE + 4_000] += 0.5
    before = noise.copy()
    audio, _ = trim(noise, RATE, "one")
    assert audio[0] == 0.0
    assert audio[-1] == 0.0
    assert np.array_equal(noise, before)
