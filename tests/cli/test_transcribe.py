from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from voicebox.audio.files import write_wav
from voicebox.cli.main import main
from voicebox.cli.transcribe import partials
from voicebox.stt.stream import normalize
from voicebox.stt.types import SAMPLE_RATE, Clip, Hypothesis

Say = Callable[[str], NDArray[np.float32]]
MODEL = "whisper-tiny.en"
SENTENCES = ("Set a timer for ten minutes.", "Please turn on the light in the kitchen.")


class WordPerSecond:
    """Hears one more word per second."""

    name = "fake"

    def decode(self, clips: Sequence[Clip]) -> list[Hypothesis]:
        words = "zero one two three four five".split()
        return [
            Hypothesis(" ".join(words[: 1 + int(s)]), 0.0, 0.0, "en", s, 1.0)
            for s in (len(clip.audio) / SAMPLE_RATE for clip in clips)
        ]


def test_partials_follow_the_time_of_the_audio() -> None:
    made = list(partials(WordPerSecond(), Clip(np.zeros(3 * SAMPLE_RATE, np.float32))))
    assert [round(p.audio_s, 2) for p in made[:7]] == [round(0.4 + 0.24 * i, 2) for i in range(7)]
    assert 2 <= sum(p.audio_s > 2.0 for p in made) <= 4, "longer speech is decoded less often"
    assert made[0].stable == ""
    assert made[1].stable == made[1].text == "zero"
    assert (made[3].text, made[3].stable) == ("zero one", "zero")


@pytest.fixture
def files(require_model: Callable[[str], Path], say: Say, tmp_path: Path) -> list[str]:
    require_model(MODEL)
    paths = [str(tmp_path / f"{i}.wav") for i in range(len(SENTENCES))]
    for path, sentence in zip(paths, SENTENCES, strict=True):
        write_wav(path, say(sentence), SAMPLE_RATE)
    return paths


@pytest.mark.models
def test_machines_get_a_row_per_file_and_a_summary(files: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["transcribe", *files, "--model", MODEL, "--words", "--json"]) == 0
    *rows, summary = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [normalize(row["text"]) for row in rows] == [normalize(s) for s in SENTENCES]
    assert [row["file"] for row in rows] == files
    assert rows[1]["words"][0]["text"] == "Please"
    assert summary["text"] == "\n".join(row["text"] for row in rows)
    assert summary["language"] == "en"
    assert summary["model"] == MODEL
    assert -1 < summary["avg_logprob"] < 0
    assert summary["rtf"] > 0


@pytest.mark.models
def test_a_stream_shows_partials_before_the_final(files: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["transcribe", files[1], "--model", MODEL, "--stream", "--json"]) == 0
    *shown, final, _ = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert len(shown) >= 3
    assert all(row["partial"].startswith(row["stable"]) for row in shown)
    assert shown[-1]["stable"]
    assert normalize(final["text"]) == normalize(SENTENCES[1])


@pytest.mark.models
def test_people_read_the_text(files: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["transcribe", files[1], "--model", MODEL]) == 0
    assert SENTENCES[1] in capsys.readouterr().out


@pytest.mark.models
def test_silence_has_no_text(
    require_model: Callable[[str], Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    require_model(MODEL)
    write_wav(tmp_path / "s.wav", np.zeros(SAMPLE_RATE, np.float32), SAMPLE_RATE)
    write_wav(tmp_path / "e.wav", np.zeros(0, np.float32), SAMPLE_RATE)
    assert main(["transcribe", str(tmp_path / "s.wav"), str(tmp_path / "e.wav"), "--model", MODEL, "--json"]) == 0
    summary = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (summary["text"], summary["language"], summary["avg_logprob"]) == ("", None, None)


@pytest.mark.parametrize(
    ("arguments", "message", "code"),
    [
        (["missing.wav"], "missing.wav", 1),
        (["missing.wav", "--beam", "0"], "--beam", 2),
    ],
)
def test_failures_are_one_line(
    arguments: list[str], message: str, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["transcribe", *arguments]) == code
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert message in line


def test_another_role_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_wav(tmp_path / "s.wav", np.zeros(160, np.float32), SAMPLE_RATE)
    assert main(["transcribe", str(tmp_path / "s.wav"), "--model", "piper-en_US-joe-medium"]) == 2
    assert "no speech recogniser" in capsys.readouterr().err
