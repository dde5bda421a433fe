from __future__ import annotations

import logging
import stat
import threading
from pathlib import Path

import pytest

from voicebox.errors import ConfigError
from voicebox.telemetry import journal as module
from voicebox.telemetry.journal import Journal


def test_each_session_has_its_file_and_nobody_else_may_read_it(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "deep" / "folder")
    first, second = journal.open("sess_1"), journal.open("sess_2")
    first.write("a")
    second.write("ä")
    first.write("b")
    first.close()
    journal.close()
    assert first.path.read_text("utf-8") == "a\nb\n"
    assert second.path.read_text("utf-8") == "ä\n"
    assert first.path.name.endswith("-sess_1.jsonl")
    assert stat.S_IMODE(first.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(first.path.parent.stat().st_mode) == 0o700


def test_a_session_that_ends_at_once_is_written_all_the_same(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    recordings = [journal.open(f"s{number}") for number in range(50)]
    for recording in recordings:
        recording.write("only line")
        recording.close()
    journal.close()
    assert [recording.path.read_text() for recording in recordings] == ["only line\n"] * 50


def test_nothing_written_is_no_file(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.open("s").close()
    journal.close()
    assert list(tmp_path.iterdir()) == []


def test_a_name_cannot_leave_the_folder(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    assert journal.open("../../x y").path.parent == tmp_path
    journal.close()


def test_a_folder_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="cannot be made"):
        Journal(tmp_path / "file" / "folder")


def test_a_disk_that_fails_ends_one_recording_and_no_other(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    journal = Journal(tmp_path)
    broken, whole = journal.open("broken"), journal.open("whole")
    broken.path.mkdir()
    with caplog.at_level(logging.WARNING):
        for recording in (broken, whole):
            recording.write("a")
            recording.write("b")
            recording.close()
        journal.close()
    assert whole.path.read_text() == "a\nb\n"
    assert len([record for record in caplog.records if "broken" in record.getMessage()]) == 1


def test_a_disk_that_is_too_slow_ends_the_recording_instead_of_filling_memory(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_MAX_WAITING", 10)
    go = threading.Event()
    monkeypatch.setattr(Journal, "_run", _after(go, Journal._run))
    journal = Journal(tmp_path)
    recording = journal.open("s")
    with caplog.at_level(logging.WARNING):
        for number in range(1_000):
            recording.write(str(number))
    go.set()
    recording.close()
    journal.close()
    assert recording.path.read_text().split() == [str(number) for number in range(10)]
    assert [record.getMessage().endswith("the disk is too slow") for record in caplog.records] == [True]


def _after(go: threading.Event, run: object) -> object:
    def waits(self: Journal) -> None:
        assert go.wait(10)
        run(self)  # type: ignore[operator]

    return waits
