from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.tts.dummy_voice import write_voice
from voicebox.cli.main import main


def test_voices_are_measured_and_compared(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    loud = write_voice(tmp_path, "loud", level=5.0, rate=16_000)
    many = write_voice(tmp_path, "many", speakers=(0.9, 0.03))
    arguments = ["--voice", str(loud), "--voice", f"{many}:1", "--threads", "1", "--repeat", "1", "--json"]
    assert main(["bench", "tts", *arguments]) == 0
    *rows, summary = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert len(rows) == 2 * 7
    texts = [row for row in rows if "words" in row]
    assert [row["words"] for row in texts] == [1, 3, 5, 9, 18, 42] * 2
    for row in texts:
        assert 0 < row["first_audio_ms"] <= row["total_ms"]
        assert row["real_time_factor"] == pytest.approx(row["total_ms"] / 1000 / row["audio_s"], abs=1e-4)
    first, second = summary["voices"]
    assert [first["hz"], second["hz"]] == [16_000, 22_050]
    assert second["voice"].endswith("many.onnx:1")
    for voice in (first, second):
        assert voice["load_ms"] > 0
        assert voice["loudness_lufs"] == pytest.approx(-20, abs=1.0)
        assert voice["cache_hit_ms"] > 0
        assert voice["rates"]["0.5"] < voice["rates"]["1"] < voice["rates"]["2"]
        assert voice["behind_a_guess_ms"] > 0 < voice["behind_a_cancelled_guess_ms"]
    assert summary["loudness_spread_lu"] == pytest.approx(
        abs(first["loudness_lufs"] - second["loudness_lufs"]), abs=2e-4
    )


def test_people_read_one_line_per_voice(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "tts", "--voice", str(write_voice(tmp_path)), "--repeat", "1"]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert all(part in said for part in ("first audio", "asked and got", "LUFS", "from the cache"))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [(["--threads", "0"], "at least 1"), (["--repeat", "0"], "at least 1"), (["--voice", "bob"], "bob")],
)
def test_what_cannot_be_measured_is_named(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["bench", "tts", *arguments]) in (1, 2)
    assert message in capsys.readouterr().err
