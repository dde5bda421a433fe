from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from voicebox.errors import EngineError, ModelError
from voicebox.tts import voice_file as voice_file_module
from voicebox.tts.piper import PiperSynthesizer

pytestmark = pytest.mark.models

VOICE = "piper-en_US-joe-medium"


@pytest.fixture(scope="module")
def voice_file(require_model: Callable[[str], Path]) -> Path:
    return require_model(VOICE)


@pytest.fixture(scope="module")
def voice(voice_file: Path) -> PiperSynthesizer:
    return PiperSynthesizer(voice_file, name=VOICE)


@pytest.fixture
def copy(voice_file: Path, tmp_path: Path) -> Path:
    """A copy of the voice's description beside a link to the model: to be damaged."""
    model = tmp_path / voice_file.name
    model.symlink_to(voice_file)
    shutil.copy(f"{voice_file}.json", f"{model}.json")
    return model


def test_a_phrase_is_audio_of_fitting_length(voice: PiperSynthesizer) -> None:
    spoken = voice.synthesize("The kitchen light is on.")
    assert spoken.rate == voice.rate == 22_050
    assert spoken.audio.dtype == np.float32
    assert spoken.audio.ndim == 1
    assert 0.8 < spoken.duration_s < 3.0
    assert 0.1 < float(np.abs(spoken.audio).max()) <= 1.0
    assert not spoken.cached
    assert voice.name == VOICE


def test_speech_starts_at_once(voice: PiperSynthesizer) -> None:
    audio = voice.synthesize("Okay, ten minutes.").audio
    loud = np.flatnonzero(np.abs(audio) > 0.01 * np.abs(audio).max())
    assert loud[0] / voice.rate < 0.008


def test_words_are_tied_to_their_samples(voice: PiperSynthesizer) -> None:
    spoken = voice.synthesize("Stop, it costs $5.50 now.")
    assert [w.text for w in spoken.words] == ["Stop,", "it", "costs", "$5.50", "now."]
    assert all(a.end <= b.start for a, b in zip(spoken.words, spoken.words[1:], strict=False))
    assert all(w.start < w.end <= len(spoken.audio) for w in spoken.words)
    lengths = {w.text: w.end - w.start for w in spoken.words}
    assert max(lengths, key=lengths.__getitem__) == "$5.50"
    # The pause that the comma makes lies between the words, and is quiet.
    stop, it = spoken.words[0], spoken.words[1]
    pause = spoken.audio[stop.end : it.start]
    assert len(pause) > 0.04 * voice.rate
    middle = pause[len(pause) // 4 : -len(pause) // 4]
    speech = spoken.audio[it.start : spoken.words[-1].end]
    assert np.sqrt(np.mean(middle**2)) < 0.2 * np.sqrt(np.mean(speech**2))


def test_a_voice_without_durations_ties_words_in_proportion(voice_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(voice_file_module, "with_durations", lambda model: model)
    spoken = PiperSynthesizer(voice_file).synthesize("one seventeen two")
    lengths = [w.end - w.start for w in spoken.words]
    assert lengths[1] > lengths[0]
    assert lengths[1] > lengths[2]
    assert spoken.words[-1].end > 0.8 * len(spoken.audio)


def test_phrases_are_equally_loud(voice: PiperSynthesizer) -> None:
    def level(text: str) -> float:
        audio = voice.synthesize(text).audio
        return float(np.sqrt(np.mean(audio[np.abs(audio) > 0.02] ** 2)))

    levels = [level(text) for text in ("Yes!", "What would you like to have?", "The capital of France is Paris.")]
    assert max(levels) / min(levels) < 2.0
    assert min(levels) > 0.04


@pytest.mark.parametrize("text", ["", "   ", "...", "—", "👍", "***", "```"])
def test_nothing_to_say_is_no_audio(voice: PiperSynthesizer, text: str) -> None:
    spoken = voice.synthesize(text)
    assert len(spoken.audio) == 0
    assert [w.text for w in spoken.words] == text.split()


@pytest.mark.parametrize("speed", [0.5, 0.75, 1.5, 2.0])
def test_the_rate_is_the_one_that_was_asked_for(voice: PiperSynthesizer, speed: float) -> None:
    texts = ("The kitchen light is on.", "I have set a timer for twenty five minutes.", "What would you like to have?")

    def seconds(rate: float) -> float:
        return sum(voice.synthesize(text, speed=rate).duration_s for text in texts for _ in range(2))

    # The voice varies its pace by some percent from run to run; the pause at the end is no speech.
    assert seconds(1.0) / seconds(speed) == pytest.approx(speed, rel=0.1)


@pytest.mark.parametrize("speed", [0.5, 2.0])
def test_words_stay_on_their_samples_at_other_rates(voice: PiperSynthesizer, speed: float) -> None:
    spoken = voice.synthesize("Stop, it is seventeen minutes past.", speed=speed)
    lengths = {word.text: word.end - word.start for word in spoken.words}
    assert max(lengths, key=lengths.__getitem__) == "seventeen"
    assert all(a.end <= b.start for a, b in zip(spoken.words, spoken.words[1:], strict=False))
    assert 0.7 * len(spoken.audio) < spoken.words[-1].end <= len(spoken.audio)


def test_two_runs_hear_the_same(voice_file: Path) -> None:
    first, second = (PiperSynthesizer(voice_file).synthesize("It is on.").audio for _ in range(2))
    assert np.array_equal(first, second)


def test_sentences_in_one_phrase_are_all_spoken(voice: PiperSynthesizer) -> None:
    both = voice.synthesize("Yes. It is on.")
    assert [w.text for w in both.words] == ["Yes.", "It", "is", "on."]
    assert both.duration_s > voice.synthesize("It is on.").duration_s


@pytest.mark.parametrize("text", ["日本語", "naïve café", "[[raw]] text", "\0\x01 hello", "\ud800 hello", "a" * 300])
def test_odd_text_is_survived(voice: PiperSynthesizer, text: str) -> None:
    assert np.isfinite(voice.synthesize(text).audio).all()


def test_endless_text_is_refused(voice: PiperSynthesizer) -> None:
    with pytest.raises(EngineError, match="too long"):
        voice.synthesize("word " * 2_000)


def test_a_folder_with_one_voice_will_do(copy: Path) -> None:
    assert PiperSynthesizer(copy.parent).name == copy.name.removesuffix(".onnx")


def test_a_missing_voice_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"no voice at .*nobody\.onnx"):
        PiperSynthesizer(tmp_path / "nobody.onnx")
    with pytest.raises(ModelError, match=r"0 \.onnx files"):
        PiperSynthesizer(tmp_path)


def test_a_missing_description_is_named(copy: Path) -> None:
    Path(f"{copy}.json").unlink()
    with pytest.raises(ModelError, match=r"no .*\.onnx\.json beside it"):
        PiperSynthesizer(copy)


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", "null", '{"audio": {"sample_rate": "x"}}', "\xff"])
def test_a_damaged_description_is_named(copy: Path, content: str) -> None:
    Path(f"{copy}.json").write_bytes(content.encode("latin-1"))
    with pytest.raises(ModelError, match=r"onnx\.json is not a Piper voice's description"):
        PiperSynthesizer(copy)


def test_an_unknown_language_is_named(copy: Path) -> None:
    file = Path(f"{copy}.json")
    config = json.loads(file.read_text())
    config["espeak"]["voice"] = "klingon-x"
    file.write_text(json.dumps(config))
    with pytest.raises(ModelError, match="klingon-x"):
        PiperSynthesizer(copy)


@pytest.mark.parametrize("damage", ["empty", "truncated", "garbage", "tampered"])
def test_a_damaged_model_is_named(copy: Path, damage: str) -> None:
    data = copy.read_bytes()
    copy.unlink()
    copy.write_bytes(
        {
            "empty": b"",
            "truncated": data[: len(data) // 2],
            "garbage": b"\xff" * 4096,
            "tampered": data[:100] + b"\0" * 100 + data[200:],
        }[damage]
    )
    with pytest.raises(ModelError, match=r"\.onnx cannot be loaded as a voice"):
        PiperSynthesizer(copy)
