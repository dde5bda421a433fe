from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from voicebox.cli.main import main

VOICE = "piper-en_US-joe-medium"
TINY = "whisper-tiny.en"


def _doctor(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, dict[str, object]]:
    code = main(["doctor", "--json", *arguments])
    return code, json.loads(capsys.readouterr().out.splitlines()[-1])


def test_what_is_missing_comes_with_its_cure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("VOICEBOX_MODELS_DIR", str(tmp_path))
    code, found = _doctor(capsys)
    assert code == 1
    problems = found["problems"]
    assert isinstance(problems, list)
    assert "voicebox models pull --default" in problems[0]
    assert VOICE in problems[1]
    assert found["stt"] is None


def test_a_model_that_does_not_fit_is_a_finding(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("VOICEBOX_MODELS_DIR", str(tmp_path))
    monkeypatch.setenv("VOICEBOX_CHAT__MODEL", "llama-3.1-8b-instruct")
    monkeypatch.setattr("voicebox.models.store.free_disk", lambda: 1_000_000_000)
    _, found = _doctor(capsys, "--no-measure")
    problem = found["problems"][-1]  # type: ignore[index]
    assert "llama-3.1-8b-instruct-q4_k_m does not fit this machine: it needs" in problem
    assert "models list --role small" in problem
    monkeypatch.setenv("VOICEBOX_MODELS__LEAN", "true")
    _, found = _doctor(capsys, "--no-measure")
    assert not any("does not fit" in problem for problem in found["problems"])  # type: ignore[attr-defined]


@pytest.mark.models
def test_looking_loads_nothing(require_model: Callable[[str], Path], capsys: pytest.CaptureFixture[str]) -> None:
    require_model(VOICE), require_model(TINY)
    code, found = _doctor(capsys, "--no-measure")
    assert code == 0
    assert {VOICE, TINY} <= set(found["installed"])  # type: ignore[call-overload]
    assert found["partial_ms"] == {}
    assert found["machine"]["cores"] >= 1  # type: ignore[index]


@pytest.mark.models
def test_measured(
    require_model: Callable[[str], Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    voice, tiny = require_model(VOICE), require_model(TINY)
    (tmp_path / VOICE).symlink_to(voice.parent)
    (tmp_path / TINY).symlink_to(tiny)
    monkeypatch.setenv("VOICEBOX_MODELS_DIR", str(tmp_path))
    code, found = _doctor(capsys)
    assert code == 0
    assert found["stt"] == {"name": TINY, "reason": "the only one that is installed"}
    assert list(found["partial_ms"]) == [TINY]  # type: ignore[call-overload]
    assert found["voice_ms_per_s"] > 0  # type: ignore[operator]
    assert found["expected"]["sessions"] >= 1  # type: ignore[index]
    assert found["expected"]["estimate"] is True  # type: ignore[index]


@pytest.mark.models
def test_a_damaged_model_is_a_finding(
    require_model: Callable[[str], Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    voice, tiny = require_model(VOICE), require_model(TINY)
    (tmp_path / TINY).symlink_to(tiny)
    (tmp_path / VOICE).mkdir()
    (tmp_path / VOICE / f"{voice.name}.json").symlink_to(f"{voice}.json")
    (tmp_path / VOICE / voice.name).write_bytes(b"\0" * voice.stat().st_size)
    monkeypatch.setenv("VOICEBOX_MODELS_DIR", str(tmp_path))
    code, found = _doctor(capsys)
    assert code == 1
    assert "cannot be loaded as a voice" in found["problems"][0]  # type: ignore[index]


def test_people_get_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    main(["doctor", "--no-measure"])
    printed = capsys.readouterr().out
    assert all(word in printed for word in ("processor", "cores", "memory", "models"))
