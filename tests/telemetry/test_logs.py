import json
import logging
from collections.abc import Iterator

import pytest

from voicebox.telemetry.logs import JsonFormatter, configure_logging


@pytest.fixture(autouse=True)
def _restore() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


def test_json_lines(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("info", "json")
    log = logging.getLogger("voicebox.test")
    log.info("pulled %d MB", 3)
    log.debug("unseen")
    try:
        raise ValueError("bad")
    except ValueError:
        log.exception("failed")
    rows = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert [(row["level"], row["message"]) for row in rows] == [("info", "pulled 3 MB"), ("error", "failed")]
    assert "ValueError: bad" in rows[1]["exception"]


def test_text_and_once(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("info")
    configure_logging("info")
    logging.getLogger("voicebox.test").warning("careful")
    err = capsys.readouterr().err
    assert err.count("careful") == 1
    assert "WARNING voicebox.test: careful" in err


def test_the_libraries_below_are_quiet_unless_asked(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("info")
    logging.getLogger("uvicorn.error").info("connection open")
    assert capsys.readouterr().err == ""


def test_time_is_utc() -> None:
    record = logging.LogRecord("x", logging.INFO, "f", 1, "m", None, None)
    assert json.loads(JsonFormatter().format(record))["time"].endswith("+00:00")
