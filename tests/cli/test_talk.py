import asyncio
import json
import wave
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.scripted import ScriptedEngines, tone
from voicebox.audio.files import write_wav
from voicebox.cli.main import main
from voicebox.config import load_settings
from voicebox.server.app import create_app
from voicebox.server.lifecycle import running


@pytest.fixture
def wav(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    def voiced(audio: Any, rate: int) -> Any:
        return np.arange(0.032, 0.3, 0.032)

    monkeypatch.setattr("voicebox.client.speech.voiced_ends", voiced)
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    path = tmp_path / "question.wav"
    write_wav(path, np.concatenate((tone(0.3, 24_000), np.zeros(2_400, np.float32))), 24_000)
    return path


async def talk(*words: str, engines: ScriptedEngines | None = None, **server: Any) -> int:
    settings = load_settings(flags={"server.port": 0, **{f"server.{key}": value for key, value in server.items()}})
    app = create_app(settings, (engines or ScriptedEngines()).session)
    async with running(app, settings.server) as url:
        return await asyncio.to_thread(main, ["talk", "--url", url, *words])


async def test_the_summary(wav: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "reply.wav"
    assert await talk("--wav", str(wav), "--out", str(out), "--json") == 0
    summary = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert summary["transcript"] == "Set a timer for ten minutes."
    assert (summary["intent"], summary["slots"]) == ("timer.set", {"duration": 600})
    assert (summary["tier"], summary["speculated"]) == ("reflex", True)
    assert summary["reply"] == "Okay, ten minutes."
    assert summary["voice_to_voice_ms"] > 200
    assert (summary["endpoint_ms"], summary["stt_ms"]) == (200.0, 0.0)
    assert (summary["decision_ms"], summary["tts_first_ms"]) == (0.5, 2.0)
    with wave.open(str(out)) as reply:
        assert reply.getframerate() == 24_000
        assert abs(reply.getnframes() / 24_000 - 0.55) < 0.01


async def test_for_people(wav: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert await talk("--wav", str(wav)) == 0
    captured = capsys.readouterr()
    assert "Set a timer for ten minutes." in captured.err
    for word in ("timer.set", "duration=600", "endpoint", "█", "voice to voice"):
        assert word in captured.out


async def test_no_answer_is_exit_1(wav: Path, capsys: pytest.CaptureFixture[str]) -> None:
    engines = ScriptedEngines(reply_s=0.0)
    assert await talk("--wav", str(wav), "--timeout", "0.5", "--json", engines=engines) == 1
    summary = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert summary["lost"] is True
    assert summary["voice_to_voice_ms"] is None


async def test_the_key_of_the_environment(
    wav: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert await talk("--wav", str(wav), "--json", api_key="s3cret") == 1
    assert "401" in capsys.readouterr().err
    monkeypatch.setenv("OPENAI_API_KEY", "s3cret")
    assert await talk("--wav", str(wav), "--json", api_key="s3cret") == 0


def test_no_such_recording(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["talk", "--wav", "absent.wav", "--url", "http://127.0.0.1:1"]) == 1
    assert "absent.wav" in capsys.readouterr().err


def test_the_microphone_without_its_package(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "sounddevice", None)
    assert main(["talk", "--url", "http://127.0.0.1:1"]) == 1
    assert "voicebox[mic]" in capsys.readouterr().err
