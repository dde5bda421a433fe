import argparse
from pathlib import Path

import pytest

from voicebox.cli.settings_flags import add_settings_flags, setting_arguments, settings_from


def parse(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    add_settings_flags(parser)
    return parser.parse_args(words)


@pytest.fixture(autouse=True)
def _elsewhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)


def test_dotted_and_short_names() -> None:
    settings = settings_from(
        parse("--port", "1234", "--server.max_sessions", "3", "--lean", "--conversation.barge_in", "false")
    )
    assert (settings.server.port, settings.server.max_sessions) == (1234, 3)
    assert settings.models.lean is True
    assert settings.conversation.barge_in is False


def test_what_the_command_itself_sets_wins() -> None:
    assert settings_from(parse("--port", "1234"), server__port=0).server.port == 0


def test_a_flag_overrides_the_file(tmp_path: Path) -> None:
    path = tmp_path / "x.toml"
    path.write_text("[server]\nport = 1\nmax_sessions = 9\n")
    settings = settings_from(parse("--config", str(path), "--port", "2"))
    assert (settings.server.port, settings.server.max_sessions) == (2, 9)


def test_settings_travel_to_another_process(tmp_path: Path) -> None:
    path = tmp_path / "x.toml"
    path.write_text("")
    args = parse("--config", str(path), "--port", "1234", "--lean", "--skills.enabled", "timer,clock")
    again = parse(*setting_arguments(args))
    assert settings_from(again) == settings_from(args)
    assert settings_from(again).skills.enabled == ("timer", "clock")
