from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.tts.dummy_voice import write_voice
from voicebox.errors import ConfigError, ModelError
from voicebox.tts.piper import PiperSynthesizer
from voicebox.tts.voice_file import read_voice

MANY = (0.1, 0.4, 0.02)


def _describe(model: Path, **changes: Any) -> None:
    file = Path(f"{model}.json")
    data = json.loads(file.read_text())
    for key, value in changes.items():
        data[key] = value
    file.write_text(json.dumps(data))


def test_a_speaker_has_a_name_and_a_number(tmp_path: Path) -> None:
    voice = read_voice(write_voice(tmp_path, speakers=MANY))
    assert [voice.speaker(asked) for asked in ("", "0", "2", "p1")] == [0, 0, 2, 1]
    assert voice.language == "en"


def test_the_default_speaker_is_the_voices_own(tmp_path: Path) -> None:
    voice = read_voice(write_voice(tmp_path, speakers=MANY, default_speaker_id=2))
    assert voice.speaker("") == 2


def test_a_name_of_digits_is_a_name_first(tmp_path: Path) -> None:
    voice = read_voice(write_voice(tmp_path, speakers=MANY, speaker_id_map={"1": 2, "7": 0}))
    assert [voice.speaker(asked) for asked in ("1", "7", "0")] == [2, 0, 0]


@pytest.mark.parametrize("asked", ["3", "-1", "p3", "²", "0x1", " ", "99999999999999999999"])
def test_an_unknown_speaker_is_named(tmp_path: Path, asked: str) -> None:
    voice = read_voice(write_voice(tmp_path, speakers=MANY))
    with pytest.raises(ConfigError, match=r"no speaker .* 0 to 2 or a name as p0, p1, p2"):
        voice.speaker(asked)


def test_a_voice_with_one_speaker_has_no_other(tmp_path: Path) -> None:
    voice = read_voice(write_voice(tmp_path))
    assert voice.speaker("0") == 0
    with pytest.raises(ConfigError, match=r"dummy has one speaker, not '1'"):
        voice.speaker("1")


@pytest.mark.parametrize(
    ("changes", "flaw"),
    [
        ({"num_speakers": 0}, "0 speakers"),
        ({"num_speakers": 2}, "speaker's number is not below 2"),
        ({"default_speaker_id": 9}, "speaker's number is not below 3"),
        ({"speaker_id_map": {"a": -1}}, "speaker's number"),
        ({"speaker_id_map": []}, "description"),
        ({"num_speakers": "3"}, "description"),
        ({"audio": {"sample_rate": 12_345}}, "sample rate of 12345 Hz"),
        ({"audio": {"sample_rate": None}}, "description"),
        ({"hop_length": 0}, "description"),
        ({"num_symbols": 5}, "not below 5"),
        ({"inference": {"length_scale": 0}}, "scales"),
        ({"inference": {"noise_scale": float("nan")}}, "scales"),
        ({"phoneme_id_map": {"^": [1], "$": [2]}}, "KeyError"),
        ({"phoneme_id_map": {"^": [1], "$": [2], "_": []}}, "lacks a mark"),
        ({"phoneme_type": "runes"}, "runes"),
        ({"espeak": {"voice": 7}}, "language is no name"),
    ],
)
def test_a_flaw_of_the_description_is_named(tmp_path: Path, changes: dict[str, Any], flaw: str) -> None:
    model = write_voice(tmp_path, speakers=MANY)
    _describe(model, **changes)
    with pytest.raises(
        ModelError, match=r"dummy\.onnx\.json is not a Piper voice's description.*" if flaw == "description" else flaw
    ):
        read_voice(model)


def test_a_description_of_another_voice_is_found_out(tmp_path: Path) -> None:
    one = write_voice(tmp_path / "one")
    _describe(one, num_speakers=3)
    with pytest.raises(ModelError, match=r"has one, but its description names 3: they are not of the same voice"):
        read_voice(one).open(1)
    many = write_voice(tmp_path / "many", speakers=MANY)
    _describe(many, num_speakers=1, speaker_id_map={})
    with pytest.raises(ModelError, match=r"lets choose a speaker, but its description names 1"):
        read_voice(many).open(1)


def test_a_voice_with_fewer_speakers_than_described_fails_for_those_alone(tmp_path: Path) -> None:
    model = write_voice(tmp_path, speakers=MANY)
    _describe(model, num_speakers=5)
    voice = PiperSynthesizer(model)
    with pytest.raises(Exception, match="failed on a phrase"):
        voice.synthesize("hello", speaker=4)
    assert len(voice.synthesize("hello", speaker=2).audio)


@pytest.mark.parametrize("content", [b"", b"\xff" * 500, b"\x08\x08"])
def test_a_damaged_model_is_named(tmp_path: Path, content: bytes) -> None:
    model = write_voice(tmp_path)
    model.write_bytes(content)
    with pytest.raises(ModelError, match=r"dummy\.onnx"):
        read_voice(model).open(1)


def test_every_truncation_is_found_out(tmp_path: Path) -> None:
    model = write_voice(tmp_path)
    data = model.read_bytes()
    for length in range(0, len(data) - 1, 97):
        model.write_bytes(data[:length])
        with pytest.raises(ModelError):
            PiperSynthesizer(model)
