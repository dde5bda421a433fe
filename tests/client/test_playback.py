import numpy as np
import pytest

from voicebox.client.playback import Heard, Playback

RATE = 1_000


def silence(samples: int) -> np.ndarray:
    return np.zeros(samples, np.float32)


def loud(samples: int) -> np.ndarray:
    return np.full(samples, 0.5, np.float32)


def test_leading_silence_counts() -> None:
    heard, playback = Heard("r"), Playback(RATE)
    playback.add(heard, np.concatenate((silence(50), loud(100))), 1.0)
    assert heard.first_audible_s == pytest.approx(1.05)


def test_silence_over_several_deltas_that_come_faster_than_they_play() -> None:
    heard, playback = Heard("r"), Playback(RATE)
    playback.add(heard, silence(100), 1.0)
    assert heard.first_audible_s is None
    playback.add(heard, silence(100), 1.01)
    playback.add(heard, loud(100), 1.02)
    assert heard.first_audible_s == pytest.approx(1.2)
    assert playback.end_s == pytest.approx(1.3)


def test_a_delta_that_comes_late_is_heard_late() -> None:
    heard, playback = Heard("r"), Playback(RATE)
    playback.add(heard, silence(100), 1.0)
    playback.add(heard, loud(100), 5.0)
    assert heard.first_audible_s == pytest.approx(5.0)


def test_what_is_too_quiet_is_not_heard() -> None:
    heard, playback = Heard("r"), Playback(RATE)
    playback.add(heard, np.full(100, 0.005, np.float32), 1.0)
    assert heard.first_audible_s is None


def test_a_reply_waits_for_the_one_before() -> None:
    first, second, playback = Heard("a"), Heard("b"), Playback(RATE)
    playback.add(first, loud(1_000), 0.0)
    playback.add(second, loud(100), 0.1)
    assert second.first_audible_s == pytest.approx(1.0)


def test_stop_says_what_was_heard_and_ignores_the_rest() -> None:
    heard, playback = Heard("r"), Playback(RATE)
    playback.add(heard, loud(300), 1.0)
    playback.add(heard, loud(300), 1.0)
    assert playback.stop(1.4) == ("r", pytest.approx(400, abs=1))
    playback.add(heard, loud(300), 1.5)
    assert sum(len(audio) for _, audio in heard.pieces) == 400
    assert playback.end_s == 1.4
    assert playback.stop(1.6) is None


def test_stop_before_the_first_audible_sample() -> None:
    heard, playback = Heard("r"), Playback(RATE)
    playback.add(heard, np.concatenate((silence(500), loud(500))), 1.0)
    playback.stop(1.2)
    assert heard.first_audible_s is None


def test_stop_after_the_end_is_nothing() -> None:
    heard, playback = Heard("r"), Playback(RATE)
    playback.add(heard, loud(100), 1.0)
    assert playback.stop(2.0) is None
    assert heard.first_audible_s == 1.0
