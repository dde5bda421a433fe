import asyncio
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.scripted import ScriptedEngines, tone
from voicebox.audio.files import write_wav
from voicebox.cli import bench_turn
from voicebox.cli.main import main
from voicebox.client.playback import Heard
from voicebox.client.result import TalkResult, TurnResult
from voicebox.config import load_settings
from voicebox.server.app import create_app
from voicebox.server.lifecycle import running


def result(first_audible_s: float | None, *, speech_end_s: float | None = 1.0, speculated: bool = True) -> TalkResult:
    heard = None if first_audible_s is None else Heard("r", first_audible_s)
    record = {"stages": {"endpoint_ms": 200.0, "stt_ms": 10.0}, "speculated": speculated}
    turn = TurnResult("item", 1.2, speech_end_s, heard=heard, record=record)
    return TalkResult(2.0, speech_end_s, 24_000, [turn] if speech_end_s is not None else [])


def test_the_summary_counts_what_went_wrong_apart_from_latencies() -> None:
    results = [result(1.3), result(1.5, speculated=False), result(0.9), result(None), result(None, speech_end_s=None)]
    guesses = {"made": 9.0, "used": 3.0, "wasted": 6.0, "missed": 1.0}
    row = bench_turn.summarize(results, [0.5] * 5, cpu_s=1.0, guesses=guesses)
    assert row["voice_to_voice_ms"]["p50"] == pytest.approx(400)
    assert row["voice_to_voice_ms"]["p99"] == pytest.approx(498)
    assert row["endpoint_ms"] == {"p50": 200.0, "p95": 200.0}
    assert row["decision_ms"] == {"p50": None, "p95": None}
    assert (row["n"], row["lost_turns"], row["early"], row["phantom_turns"]) == (4, 1, 1, 0)
    assert row["speculation_hit_rate"] == 0.75
    assert row["ready_rate"] == 0.75
    assert row["wasted"] == 1.5
    assert row["cpu_s_per_speech_s"] == pytest.approx(0.4)


def test_a_server_that_tells_nothing() -> None:
    row = bench_turn.summarize([result(None)], [0.5], cpu_s=None, guesses={})
    assert row["voice_to_voice_ms"] == {"p50": None, "p95": None, "p99": None}
    assert row["speculation_hit_rate"] is None
    assert row["cpu_s_per_speech_s"] is None


async def test_recordings_through_a_server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    names = ["a.wav", "b.wav", "c.wav"]
    for name in names:
        write_wav(tmp_path / name, np.concatenate((tone(0.3, 24_000), np.zeros(2_400, np.float32))), 24_000)
    rows = [json.dumps({"path": name}) for name in names]
    (tmp_path / "manifest.jsonl").write_text("\n".join(rows))

    def voiced(audio: Any, rate: int) -> Any:
        return np.arange(0.032, 0.3, 0.032)

    monkeypatch.setattr("voicebox.client.speech.voiced_ends", voiced)
    settings = load_settings(flags={"server.port": 0})
    app = create_app(settings, ScriptedEngines().session)
    async with running(app, settings.server) as url:
        words = ["bench", "turn", str(tmp_path), "--url", url, "--sessions", "2", "--limit", "2", "--json"]
        assert await asyncio.to_thread(main, words) == 0
    *calls, last = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {call["path"] for call in calls} == {"a.wav", "b.wav"}
    assert (last["n"], last["lost_turns"], last["sessions"]) == (2, 0, 2)
    assert last["voice_to_voice_ms"]["p50"] > 200
    assert last["stt_ms"]["p50"] == 0.0


@pytest.mark.parametrize("manifest", [None, "", "\n"])
def test_a_folder_without_recordings(tmp_path: Path, manifest: str | None, capsys: pytest.CaptureFixture[str]) -> None:
    if manifest is not None:
        (tmp_path / "manifest.jsonl").write_text(manifest)
    assert main(["bench", "turn", str(tmp_path), "--url", "http://127.0.0.1:1"]) == 1
    assert "manifest.jsonl" in capsys.readouterr().err
