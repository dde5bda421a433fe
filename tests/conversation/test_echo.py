from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from voicebox.conversation.echo import EchoDetector, Source

RATE = 16_000


def voice(seed: int, seconds: float) -> NDArray[np.float32]:
    """Noise in syllables of changing colour: as loud and as restless as speech."""
    rng = np.random.default_rng(seed)
    out = []
    while sum(map(len, out)) < seconds * RATE:
        size = int(rng.integers(1_200, 3_200))
        taps = rng.standard_normal(12)
        piece = np.convolve(rng.standard_normal(size), taps / np.linalg.norm(taps), "same") * np.hanning(size)
        out.append(0.15 * piece)
    return np.concatenate(out)[: int(seconds * RATE)].astype(np.float32)


def room(audio: NDArray[np.float32], delay_s: float, level_db: float) -> NDArray[np.float32]:
    decay = np.random.default_rng(9).standard_normal(4_000) * 10 ** (-3 * np.arange(4_000) / 4_000)
    decay *= 10 ** (level_db / 20) / np.linalg.norm(decay)
    return np.concatenate((np.zeros(int(delay_s * RATE)), np.convolve(audio, decay))).astype(np.float32)


def hear(detector: EchoDetector, sound: NDArray[np.float32]) -> list[Source]:
    sound = sound + 3e-4 * np.random.default_rng(5).standard_normal(len(sound)).astype(np.float32)
    return [detector.hear(sound[i * 512 : (i + 1) * 512], (i + 1) * 0.032) for i in range(len(sound) // 512)]


def test_what_is_heard_while_nothing_is_played_is_the_callers() -> None:
    assert set(hear(EchoDetector(), voice(1, 2.0))) == {Source.CALLER}


def test_an_echo_is_known_within_a_quarter_of_a_second_of_sound_and_never_taken_for_the_caller() -> None:
    for delay_s in (0.02, 0.2, 0.4):
        detector, said = EchoDetector(), voice(2, 4.0)
        detector.play(said, RATE, 0.0)
        verdicts = hear(detector, room(said, delay_s, -10.0)[: 4 * RATE])
        first = int((delay_s + 0.35) / 0.032)
        echo = verdicts[first:].count(Source.ECHO) / len(verdicts[first:])
        assert echo > 0.95
        assert Source.CALLER not in verdicts[first:]
        assert detector.delay_ms is not None
        assert abs(detector.delay_ms - 1000 * delay_s) <= 40


def test_a_voice_over_an_echo_is_the_callers() -> None:
    detector, said = EchoDetector(), voice(2, 6.0)
    detector.play(said, RATE, 0.0)
    sound = room(said, 0.1, -16.0)[: 6 * RATE]
    sound[3 * RATE : 5 * RATE] += voice(3, 2.0)
    verdicts = hear(detector, sound)
    assert Source.CALLER in verdicts[round(3 / 0.032) : round(3.25 / 0.032)]
    assert Source.CALLER not in verdicts[round(1 / 0.032) : round(2.9 / 0.032)]


def test_what_was_stopped_is_not_expected_back() -> None:
    detector = EchoDetector()
    detector.play(voice(2, 4.0), RATE, 0.0)
    detector.stop(0.0)
    assert set(hear(detector, voice(1, 2.0))) == {Source.CALLER}


def test_a_clock_that_jumps_is_survived() -> None:
    detector = EchoDetector()
    detector.play(voice(2, 2.0), RATE, 0.0)
    for end_s in (0.032, 500.0, 500.032, 3.0):
        assert detector.hear(np.zeros(512, np.float32), end_s) in Source


def test_what_is_learnt_stays_while_a_far_end_may_play_at_another_level() -> None:
    def verdicts(frozen: bool) -> list[Source]:
        detector, said = EchoDetector(), voice(2, 6.0)
        detector.play(said, RATE, 0.0)
        sound = room(said, 0.1, -10.0)[: 6 * RATE]
        sound[2 * RATE : 3 * RATE] *= 0.25  # It was ducked for a second.
        sound = sound + 3e-4 * np.random.default_rng(5).standard_normal(len(sound)).astype(np.float32)
        found = []
        for i in range(len(sound) // 512):
            detector.frozen = frozen and 2.0 <= i * 0.032 < 3.1
            found.append(detector.hear(sound[i * 512 : (i + 1) * 512], (i + 1) * 0.032))
        return found[round(3.1 / 0.032) :]

    assert Source.CALLER not in verdicts(frozen=True)
    assert Source.CALLER in verdicts(frozen=False)
