from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.tts.dummy_voice import write_voice
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
    for rate in ("1", "2", "0.5"):
        main(["say", "The kitchen light is on.", "--out", str(tmp_path / "o.wav"), "--rate", rate, "--json"])
        lengths.append(json.loads(capsys.readouterr().out.splitlines()[-1])["audio_s"])
    assert lengths[0] / lengths[1] == pytest.approx(2, rel=0.2)
    assert lengths[0] / lengths[2] == pytest.approx(0.5, rel=0.2)


@pytest.mark.models
@pytest.mark.parametrize(
    ("arguments", "message", "code"),
    [
        (["👍"], "nothing to say", 1),
        (["Sure.", "--rate", "9"], "speaking rate of 9", 2),
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


DUMMY_MANY = (0.1, 0.5, 0.02)


def _say(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    assert main(["say", "The kitchen light is on.", "--json", *arguments]) == 0
    summary: dict[str, Any] = json.loads(capsys.readouterr().out.splitlines()[-1])
    return summary


def test_speakers_of_a_voice_are_equally_loud(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = write_voice(tmp_path, speakers=DUMMY_MANY)
    out = str(tmp_path / "out.wav")
    said = [_say(capsys, "--voice", f"{file}{speaker}", "--out", out) for speaker in ("", ":0", ":1", ":p2")]
    assert [row["voice"] for row in said] == [f"{file}{speaker}" for speaker in ("", ":0", ":1", ":p2")]
    assert [row["loudness_lufs"] for row in said] == pytest.approx([-20.0] * 4, abs=1.0)
    assert len({row["audio_s"] for row in said}) == 1


@pytest.mark.parametrize(
    ("voice", "message", "code"),
    [
        (":7", "no speaker '7'", 2),
        (":", "names no speaker", 2),
        ("broken", "cannot be loaded as a voice", 1),
        ("undescribed", "no undescribed.onnx.json beside it", 1),
    ],
)
def test_bad_voices_are_one_line_and_leave_no_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], voice: str, message: str, code: int
) -> None:
    file = write_voice(tmp_path, speakers=DUMMY_MANY)
    write_voice(tmp_path, "broken").write_bytes(b"\0" * 99)
    Path(f"{write_voice(tmp_path, 'undescribed')}.json").unlink()
    name = f"{file}{voice}" if voice[0] == ":" else str(tmp_path / f"{voice}.onnx")
    out = tmp_path / "new" / "out.wav"
    out.parent.mkdir()
    assert main(["say", "Hello.", "--voice", name, "--out", str(out)]) == code
    captured = capsys.readouterr()
    assert message in captured.err
    assert captured.err.count("\n") == 1
    assert list(out.parent.iterdir()) == []


def test_a_text_that_is_far_too_long_is_refused_at_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    voice = str(write_voice(tmp_path))
    assert main(["say", "word " * 20_000, "--voice", voice, "--out", str(tmp_path / "out.wav")]) == 2
    assert "100000 characters is too long" in capsys.readouterr().err
    assert not (tmp_path / "out.wav").exists()


def test_an_old_recording_stays_if_the_new_one_fails(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    voice, out = str(write_voice(tmp_path)), tmp_path / "out.wav"
    out.write_bytes(b"old")
    assert main(["say", "...", "--voice", voice, "--out", str(out)]) == 1
    assert out.read_bytes() == b"old"
    assert main(["say", "Hello.", "--voice", voice, "--out", str(out)]) == 0
    assert out.read_bytes()[:4] == b"RIFF"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["dummy.onnx", "dummy.onnx.json", "out.wav"]


def test_a_model_that_is_no_voice_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["say", "Sure.", "--out", str(tmp_path / "out.wav"), "--voice", "whisper-base"]) == 1
    assert "whisper-base is no voice" in capsys.readouterr().err
