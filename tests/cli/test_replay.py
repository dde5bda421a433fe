from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.conversation.call import Call
from tests.conversation.records import Lines
from voicebox.cli.main import main


@pytest.fixture
async def recording(tmp_path: Path) -> Path:
    """Two turns; what was said in one looks like markup."""
    sink = Lines()
    call = Call(record=sink)
    for text in ("turn on the [red] light", "what time is it"):
        await call.speak(text)
        await call.wait(4.0)
    await call.session.close()
    path = tmp_path / "recording.jsonl"
    path.write_text("".join(line + "\n" for line in sink.lines), "utf-8")
    return path


def test_people_get_a_timeline(recording: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["replay", str(recording)]) == 0
    out = " ".join(capsys.readouterr().out.split())
    assert "turn on the [red] light" in out
    for words in ("Rules", "VoiceStarted", "StartReply", "FinishReply", "same True"):
        assert words in out
    assert out.index("turn on the") < out.index("what time is it")


def test_machines_get_every_line_and_a_summary(recording: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["replay", str(recording), "--json"]) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    written = recording.read_text("utf-8").splitlines()
    assert [row["line"] for row in rows[:-1]] == list(range(2, len(written) + 1))
    summary = rows[-1]
    assert summary["same"] is True
    assert summary["ended"] is True
    assert summary["cut_off"] is False
    assert summary["facts"] == sum("fact" in row for row in rows)
    assert summary["session"] == "sess_test"


def test_quiet_is_the_summary_alone(recording: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["replay", str(recording), "--json", "--quiet"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 1


def test_a_machine_that_does_otherwise_is_reported(recording: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = recording.read_text("utf-8")
    recording.write_text(text.replace('{"FinishReply":{"reply":"reply_1"}}', ""))
    assert main(["replay", str(recording), "--json", "--quiet"]) == 1
    difference = json.loads(capsys.readouterr().out)["difference"]
    assert difference["recorded"] == []
    assert {"FinishReply": {"reply": "reply_1"}} in difference["replayed"]


def test_a_cut_off_recording_is_noted(recording: Path, capsys: pytest.CaptureFixture[str]) -> None:
    recording.write_text(recording.read_text("utf-8")[:-20], "utf-8")
    assert main(["replay", str(recording)]) == 0
    captured = capsys.readouterr()
    assert "cut off" in captured.err
    assert "cut_off True" in " ".join(captured.out.split())


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "empty"),
        (b"\xff\xfe", "no text"),
        (b'{"voicebox_log": 7}\n', "version 7"),
        (b"hello\n", "Line 1 is not JSON"),
    ],
)
def test_what_is_no_recording_is_refused_in_a_line(
    content: bytes, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "x"
    path.write_bytes(content)
    assert main(["replay", str(path)]) == 1
    err = capsys.readouterr().err
    assert message in err
    assert err.count("\n") == 1


def test_a_file_that_is_missing_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["replay", str(tmp_path / "none")]) == 1
    assert "cannot be read: No such file" in capsys.readouterr().err
