"""What holds for every Piper voice, on voices whose sound is known."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import numpy as np
import pytest

from tests.tts.dummy_voice import tone_hz, write_voice
from voicebox.errors import ConfigError, EngineError
from voicebox.tts import piper
from voicebox.tts.limiter import CEILING
from voicebox.tts.loudness import integrated_loudness
from voicebox.tts.piper import TARGET_LUFS, PiperSynthesizer
from voicebox.tts.types import Stop, StoppedError

TEXT = "The kitchen light is on, and the door is closed."


@pytest.mark.parametrize("rate", [16_000, 22_050])
def test_all_voices_are_equally_loud(tmp_path: Path, rate: int) -> None:
    levels = (0.03, 0.2, 0.95)
    files = [write_voice(tmp_path, f"v{i}", level=level, speakers=(1.0,), rate=rate) for i, level in enumerate(levels)]
    voices = [PiperSynthesizer(file) for file in files]
    for speed in (0.5, 1.0, 2.0):
        spoken = [voice.synthesize(TEXT, speed=speed) for voice in voices]
        heard = [integrated_loudness(phrase.audio, rate) for phrase in spoken]
        assert max(heard) - min(heard) < 0.1
        if speed == 1.0:
            assert heard == pytest.approx([TARGET_LUFS] * 3, abs=1.0)


def test_peaks_stay_below_the_ceiling(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(piper, "TARGET_LUFS", 3.0)
    audio = PiperSynthesizer(write_voice(tmp_path, level=0.9, speakers=(1.0,))).synthesize(TEXT).audio
    assert 0.8 < np.abs(audio).max() <= CEILING + 1e-6


def test_a_whisper_is_not_blown_up_without_end(tmp_path: Path) -> None:
    voice = PiperSynthesizer(write_voice(tmp_path, level=1e-4, speakers=(1.0,)))
    assert np.abs(voice.synthesize(TEXT).audio).max() < 0.0011


def test_all_speakers_of_a_voice_are_equally_loud(tmp_path: Path) -> None:
    voice = PiperSynthesizer(write_voice(tmp_path, speakers=(0.9, 0.05, 0.3)))
    levels = [integrated_loudness(voice.synthesize(TEXT, speaker=i).audio, voice.rate) for i in range(3)]
    assert levels == pytest.approx([TARGET_LUFS] * 3, abs=1.0)


@pytest.mark.parametrize("durations", [True, False])
@pytest.mark.parametrize("speed", [0.5, 1.0, 1.7])
def test_words_stay_on_their_samples_at_any_rate(tmp_path: Path, speed: float, durations: bool) -> None:
    """Each word of one phoneme is its tone: what is heard between its bounds has that pitch."""
    voice = PiperSynthesizer(write_voice(tmp_path, durations=durations))
    spoken = voice.synthesize("eye, ah, oh, a.", speed=speed)
    assert [word.text for word in spoken.words] == ["eye,", "ah,", "oh,", "a."]
    assert all(a.end <= b.start for a, b in zip(spoken.words, spoken.words[1:], strict=False))
    ah = spoken.words[1]
    piece = spoken.audio[ah.start : ah.end]
    spectrum = np.abs(np.fft.rfft(piece * np.hanning(len(piece)), 1 << 15))
    pitch = float(np.argmax(spectrum)) * voice.rate / (1 << 15)
    assert pitch == pytest.approx(tone_hz("ɑ"), abs=25)


@pytest.mark.parametrize("speed", [0.5, 0.75, 1.25, 1.5])
def test_the_rate_is_the_one_that_was_asked_for(tmp_path: Path, speed: float) -> None:
    voice = PiperSynthesizer(write_voice(tmp_path))
    normal = voice.synthesize(TEXT).duration_s
    assert normal / voice.synthesize(TEXT, speed=speed).duration_s == pytest.approx(speed, rel=0.15)


def test_a_voice_may_be_made_with_a_rate_and_a_speaker(tmp_path: Path) -> None:
    path = write_voice(tmp_path, speakers=(0.5, 0.1))
    voice = PiperSynthesizer(path, speed=1.5, speaker="p1")
    plain = PiperSynthesizer(path)
    assert np.array_equal(voice.synthesize(TEXT).audio, plain.synthesize(TEXT, speed=1.5, speaker=1).audio)


@pytest.mark.parametrize("speed", [0.0, 0.24, 2.01, -1.0, float("nan"), float("inf")])
def test_a_rate_out_of_bounds_is_refused(tmp_path: Path, speed: float) -> None:
    path = write_voice(tmp_path)
    with pytest.raises(ConfigError, match=r"between 0\.25 and 2"):
        PiperSynthesizer(path, speed=speed)
    with pytest.raises(ConfigError, match="out of range"):
        PiperSynthesizer(path).synthesize("hello", speed=speed)


def test_long_text_is_refused_at_once_and_long_sentences_are_spoken_in_portions(tmp_path: Path) -> None:
    voice = PiperSynthesizer(write_voice(tmp_path))
    began = time.perf_counter()
    with pytest.raises(EngineError, match="100000 characters is too long"):
        voice.synthesize("word " * 20_000)
    assert time.perf_counter() - began < 5
    words = "seventy seven " * 60
    spoken = voice.synthesize(words)
    assert len(spoken.words) == 120
    once = voice.synthesize("seventy seven")
    assert spoken.duration_s == pytest.approx(60 * once.duration_s, rel=0.25)
    assert all(word.start < word.end for word in spoken.words)


def test_a_synthesis_is_given_up_when_it_is_stopped(tmp_path: Path) -> None:
    voice = PiperSynthesizer(write_voice(tmp_path))
    stop = Stop()
    stop.set()
    with pytest.raises(StoppedError):
        voice.synthesize(TEXT, stop=stop)
    long = "seventy seven " * 250
    stop = Stop()
    given_up = threading.Event()

    def speak() -> None:
        with pytest.raises(StoppedError):
            voice.synthesize(long, stop=stop)
        given_up.set()

    thread = threading.Thread(target=speak)
    thread.start()
    stop.set()
    assert given_up.wait(30)
    thread.join()
    assert len(voice.synthesize(TEXT, stop=Stop()).audio)


def test_the_language_of_the_voice_decides_the_rules(tmp_path: Path) -> None:
    english = PiperSynthesizer(write_voice(tmp_path / "en"))
    german = PiperSynthesizer(write_voice(tmp_path / "de", language="de"))
    assert (english.language, german.language) == ("en", "de")
    assert english.synthesize("5 km/h").duration_s == english.synthesize("five kilometers per hour").duration_s
    assert german.synthesize("**ja**").duration_s == german.synthesize("ja").duration_s
    assert german.synthesize("5 km/h").duration_s != german.synthesize("five kilometers per hour").duration_s
