from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests.conversation.call import SILENCE, VOICE, LoudnessVad
from tests.conversation.test_echo import room, voice
from voicebox.conversation.ears import Ears
from voicebox.conversation.segmenter import VoicePaused, VoiceStarted

FRAME_S = 0.032


def hear(ears: Ears, *frames: NDArray[np.float32]) -> list[VoiceStarted | VoicePaused]:
    facts = [ears.hear(frame, wall=0.0)[1] for frame in frames]
    return [fact for fact in facts if fact is not None]


@given(st.lists(st.integers(0, 1_500), max_size=30))
def test_audio_of_any_length_comes_out_in_whole_frames(lengths: list[int]) -> None:
    ears, audio = Ears(LoudnessVad(), wall=0.0), np.arange(sum(lengths), dtype=np.float32)
    cuts = np.split(audio, np.cumsum(lengths))[:-1]
    frames = [frame for cut in cuts for frame in ears.frames(cut)]
    assert all(frame.shape == (512,) for frame in frames)
    out = np.concatenate(frames) if frames else audio[:0]
    assert np.array_equal(out, audio[: len(audio) - len(audio) % 512])


def test_what_is_not_a_number_is_silence() -> None:
    (frame,) = Ears(LoudnessVad(), wall=0.0).frames(np.array([np.nan, np.inf, -np.inf, 0.5] * 128, np.float32))
    assert set(np.unique(frame)) == {0.0, 0.5}


def test_the_utterance_begins_before_its_first_voiced_frame() -> None:
    ears = Ears(LoudnessVad(), wall=0.0)
    quiet = np.full(512, 0.02, np.float32)
    (started,) = hear(ears, *[quiet] * 40, VOICE, VOICE)
    assert isinstance(started, VoiceStarted)
    ears.open()
    audio = ears.utterance.audio
    assert len(audio) == 10 * 512
    assert np.argmax(audio > 0.1) == 8 * 512


def test_nothing_is_kept_of_a_long_silence_but_the_pre_roll() -> None:
    ears = Ears(LoudnessVad(), wall=0.0)
    hear(ears, *[SILENCE] * 2_000)
    assert ears.utterance.duration_s == 0.0
    ears.open()
    assert ears.utterance.duration_s == pytest.approx(0.32)


def test_a_pause_that_is_over_settles_what_came_before_it() -> None:
    ears = Ears(LoudnessVad(), wall=0.0)
    hear(ears, VOICE, VOICE)
    ears.open()
    hear(ears, *[VOICE] * 400, SILENCE)
    stretch = ears.utterance.stretch()
    ears.utterance.heard(stretch, "one two", at_pause=True)
    hear(ears, *[SILENCE] * 30)
    assert ears.utterance.settled == ""
    hear(ears, VOICE, VOICE)
    assert ears.utterance.settled == "one two"
    assert ears.utterance.open_s == pytest.approx(0.3 + 2 * FRAME_S, abs=0.001)


def test_partials_come_as_often_as_was_set_and_start_anew_with_each_utterance() -> None:
    ears = Ears(LoudnessVad(), wall=0.0, partial_ms=500)
    hear(ears, *[VOICE] * 20)
    ears.open()
    hear(ears, *[VOICE] * 20)
    assert ears.partial_due(1.0, load=0.0)
    assert not ears.partial_due(1.4, load=0.0)
    assert ears.partial_due(1.5, load=0.0)
    ears.partial_took(3_000)
    assert not ears.partial_due(3.0, load=0.0)
    ears.open()
    hear(ears, *[VOICE] * 20)
    assert ears.partial_due(3.0, load=0.0)


@pytest.mark.parametrize("delay_s", [0.02, 0.1, 0.25])
def test_an_echo_of_what_is_played_is_no_voice_and_a_caller_over_it_is_one(delay_s: float) -> None:
    ears, said, other = Ears(LoudnessVad(), wall=0.0), voice(2, 5.0), voice(3, 1.0)
    ears.echo.play(said, 16_000, 0.5)
    heard = room(said, delay_s, -4.0)
    sound = np.zeros(6 * 16_000, np.float32)
    sound[8_000 : 8_000 + len(heard)] = heard[: len(sound) - 8_000]
    sound[3 * 16_000 : 4 * 16_000] += 2 * other
    sound += 3e-4 * np.random.default_rng(5).standard_normal(len(sound)).astype(np.float32)
    facts = hear(ears, *np.split(sound[: len(sound) // 512 * 512], len(sound) // 512))
    started = [fact.at_s for fact in facts if isinstance(fact, VoiceStarted)]
    assert started, "the caller was not heard"
    assert 2.95 < started[0] < 3.2
    assert all(at_s < 4.3 for at_s in started)


def test_over_an_echo_the_utterance_begins_with_little_of_it() -> None:
    def before(echo: bool) -> float:
        """Seconds of the utterance before the caller's voice."""
        ears, said = Ears(LoudnessVad(), wall=0.0), voice(2, 5.0)
        sound = 3e-4 * np.random.default_rng(5).standard_normal(4 * 16_000).astype(np.float32)
        if echo:
            ears.echo.play(said, 16_000, 0.0)
            sound += room(said, 0.1, -10.0)[: len(sound)]
        sound[3 * 16_000 :] += 4 * voice(3, 1.0)
        for frame in np.split(sound[: len(sound) // 512 * 512], len(sound) // 512):
            end_s, fact = ears.hear(frame, wall=0.0)
            if isinstance(fact, VoiceStarted):
                ears.open()
                return len(ears.utterance.audio) / 16_000 - (end_s - 3.0)
        raise AssertionError("the caller was not heard")

    assert 0.0 < before(echo=True) < before(echo=False) - 0.05
