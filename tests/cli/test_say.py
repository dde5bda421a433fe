from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from voicebox.audio.files import read_audio
from voicebox.cli.main import main

VOICE = "piper-en_US-joe-medium"


@pytest.fixture
def voice(require_model: Callable[[str], Path]) -> str:
    require_model(VOICE)
    return VOICE


@pytest.mark.models
def test_a_text_becomes_a_recording(voice: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "out.wav"
    assert main(["say", "Okay, ten minutes.", "--out", str(file), "--voice", voice, "--json"]) == 0
    *phrases, summary = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [row["phrase"] for row in phrases] == ["Okay,", "ten minutes."]
    assert summary["voice"] == VOICE
    assert summary["first_audio_ms"] == phrases[0]["synthesis_ms"] > 0
    assert len(read_audio(file, 22_050)) / 22_050 == pytest.approx(summary["audio_s"], abs=0.01)


@pytest.mark.models
def test_people_read_the_same_figures(voice: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["say", "Sure.", "--out", str(tmp_path / "out.wav"), "--voice", voice]) == 0
    printed = capsys.readouterr().out
    assert all(word in printed for word in ("Sure.", VOICE, "first_audio_ms", "audio_s"))


@pytest.mark.models
def test_faster_is_shorter(voice: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lengths = []
    for speed in ("1", "2"):
        main(["say", "The kitchen light is on.", "--out", str(tmp_path / "o.wav"), "--speed", speed, "--json"])
        lengths.append(json.loads(capsys.readouterr().out.splitlines()[-1])["audio_s"])
    assert lengths[1] < 0.75 * lengths[0]


@pytest.mark.models
@pytest.mark.parametrize(
    ("arguments", "message", "code"),
    [
        (["👍"], "nothing to say", 1),
        (["Sure.", "--speed", "9"], "speaking rate of 9", 2),
        (["Sure.", "--out", "/no/such/folder/x.wav"], "/no/such/folder/x.wav", 1),
    ],
)
def test_failures_are_one_line(
    voice: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str, code: int
) -> None:
    assert main(["say", "--out", str(tmp_path / "out.wav"), *arguments]) == code
    captured = capsys.readouterr()
    assert message in captured.err
    assert captured.err.count("\n") == 1


def test_an_unknown_voice_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["say", "Sure.", "--out", str(tmp_path / "out.wav"), "--voice", "piper-nobody"]) == 1
    assert "piper-nobody" in capsys.readouterr().err
