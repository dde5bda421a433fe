from __future__ import annotations

from pathlib import Path

import pytest

from tests.tts.dummy_voice import write_voice
from voicebox.errors import ModelError
from voicebox.models.voices import installed_voices, locate_voice


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("VOICEBOX_MODELS_DIR", str(tmp_path))
    return tmp_path


def test_own_folders_with_one_described_voice_are_voices(folder: Path) -> None:
    assert installed_voices() == ()
    write_voice(folder / "eve", "eve")
    write_voice(folder / "two", "a")
    write_voice(folder / "two", "b")
    Path(f"{write_voice(folder / 'undescribed', 'x')}.json").unlink()
    (folder / "text.onnx").touch()
    (folder / "llama").mkdir()
    assert installed_voices() == ("eve",)
    assert locate_voice("eve") == folder / "eve" / "eve.onnx"


def test_no_models_folder_is_no_voices(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VOICEBOX_MODELS_DIR", str(folder / "none"))
    assert installed_voices() == ()


def test_other_models_and_unknown_names_are_refused() -> None:
    with pytest.raises(ModelError, match="whisper-base is no voice: its role is stt"):
        locate_voice("whisper-base")
    with pytest.raises(ModelError, match="no model named 'bob'"):
        locate_voice("bob")
    with pytest.raises(ModelError, match="not here yet"):
        locate_voice("piper-en_US-joe-medium")
