from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from voicebox.audio.files import write_wav
from voicebox.cli.bench_languages import Heard, summarize
from voicebox.cli.main import main
from voicebox.stt.random_weights import Shape, write_random_whisper
from voicebox.stt.wer import ErrorRate


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("languages") / "model"
    write_random_whisper(folder, Shape(64, 1, 1, text_tokens=51_000))
    return folder


@pytest.fixture
def recordings(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    rows = []
    for number, language in enumerate(("de", "fr", "")):
        write_wav(tmp_path / f"{number}.wav", (0.1 * rng.standard_normal(20_000)).astype(np.float32), 16_000)
        rows.append({"path": f"{number}.wav", "text": "eins zwei"} | ({"language": language} if language else {}))
    (tmp_path / "manifest.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return tmp_path


def test_every_beginning_and_the_whole_of_what_has_a_language_is_heard(
    model: Path, recordings: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = [str(recordings), "--model", str(model), "--at", "0.5,1", "--among", "de,fr", "--json"]
    assert main(["bench", "languages", *arguments]) == 0
    *rows, summary = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(row["path"], row["at"]) for row in rows] == [
        (path, at) for path in ("0.wav", "1.wav") for at in ("0.5_s", "1_s", "whole")
    ]
    assert {row["found"] for row in rows} <= {"de", "fr"}
    assert not any(row["kept"] for row in rows if row["at"] == "0.5_s")
    assert summary["n"] == 2
    found = [row["found"] == row["language"] for row in rows if row["at"] == "whole"]
    assert summary["at_whole"]["right"] == sum(found) / 2


def _heard(language: str, found: str, *, kept: bool = True, at: str = "1_s", errors: int = 0) -> Heard:
    return Heard(at, language, found, 0.9, kept, ErrorRate(errors, 4))


def test_shares_are_counted_by_length_and_language() -> None:
    heard = [
        _heard("de", "de"),
        _heard("de", "nl", kept=False),
        _heard("fr", "it", errors=2),
        _heard("fr", "fr"),
        _heard("fr", "fr", at="whole"),
    ]
    figures = summarize(heard)
    assert figures["at_1_s"] == {
        "right": 0.5,
        "kept": 0.75,
        "right_of_kept": pytest.approx(2 / 3),
        "by_language": {"de": 0.5, "fr": 0.5},
        "wer": 0.125,
    }
    assert figures["at_whole"]["right"] == 1


def test_nothing_kept_is_no_share() -> None:
    assert summarize([_heard("de", "de", kept=False)])["at_1_s"]["right_of_kept"] is None


@pytest.mark.parametrize(("at", "message"), [("x", "not a list of numbers"), ("0", "greater than 0")])
def test_bad_lengths_are_named(
    model: Path, recordings: Path, at: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["bench", "languages", str(recordings), "--model", str(model), "--at", at]) != 0
    assert message in capsys.readouterr().err


def test_a_model_of_one_language_is_refused(
    recordings: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_random_whisper(tmp_path / "english", Shape(64, 1, 1, text_tokens=600))
    assert main(["bench", "languages", str(recordings), "--model", str(tmp_path / "english")]) != 0
    assert "knows English only" in capsys.readouterr().err


def test_rows_without_a_language_cannot_be_measured(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "manifest.jsonl").write_text('{"path": "a.wav", "text": "a"}\n', encoding="utf-8")
    assert main(["bench", "languages", str(tmp_path), "--model", str(model)]) != 0
    assert "no rows with a language" in capsys.readouterr().err
