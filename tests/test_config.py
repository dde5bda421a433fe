import os
from pathlib import Path

import pytest

from voicebox.config import Settings, leaves, load_settings
from voicebox.errors import ConfigError


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in list(os.environ):
        if name.startswith("VOICEBOX_"):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "some.toml"
    path.write_text(text, "utf-8")
    return path


def test_defaults_need_nothing() -> None:
    settings = load_settings()
    assert settings.server.host == "127.0.0.1"
    assert settings.server.api_key is None


def test_flags_override_variables_override_the_file_within_one_section(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path, '[server]\nhost = "::1"\nport = 1\nmax_sessions = 7\n')
    monkeypatch.setenv("VOICEBOX_SERVER__PORT", "2")
    monkeypatch.setenv("VOICEBOX_SERVER__MAX_SESSIONS", "8")
    settings = load_settings(path, {"server.max_sessions": "9"})
    assert (settings.server.host, settings.server.port, settings.server.max_sessions) == ("::1", 2, 9)


def test_the_file_in_the_working_directory_is_taken(tmp_path: Path) -> None:
    (tmp_path / "voicebox.toml").write_text("[server]\nport = 4321\n")
    assert load_settings().server.port == 4321


def test_the_variable_names_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VOICEBOX_CONFIG", str(write(tmp_path, "[server]\nport = 4322\n")))
    assert load_settings().server.port == 4322


def test_one_load_leaves_nothing_for_the_next(tmp_path: Path) -> None:
    load_settings(write(tmp_path, "[server]\nport = 1\n"))
    assert load_settings().server.port == Settings.model_fields["server"].default.port


@pytest.mark.parametrize("value", ["timer,clock", " timer , clock ", '["timer", "clock"]'])
def test_lists_in_variables_and_flags(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VOICEBOX_SKILLS__ENABLED", value)
    assert load_settings().skills.enabled == ("timer", "clock")
    assert load_settings(flags={"skills.enabled": "a"}).skills.enabled == ("a",)


def test_the_key_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VOICEBOX_SERVER__API_KEY", "s3cret")
    settings = load_settings()
    assert "s3cret" not in repr(settings)
    assert settings.server.api_key is not None
    assert settings.server.api_key.get_secret_value() == "s3cret"


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("[server]\nprot = 1\n", ["server.prot", "some.toml", "server.port"]),
        ("[servr]\nport = 1\n", ["servr", "some.toml"]),
        ("nonsense = 1\n", ["nonsense"]),
        ('[server]\nport = "many"\n', ["server.port", "some.toml", "integer"]),
        ("[server]\nport = 70000\n", ["server.port", "65535"]),
        ('[conversation]\neagerness = "keen"\n', ["conversation.eagerness", "medium"]),
        ("server = 3\n", ["server"]),
        ("[server\n", ["some.toml", "TOML"]),
    ],
)
def test_what_is_wrong_in_the_file_is_named_in_one_line(tmp_path: Path, text: str, names: list[str]) -> None:
    with pytest.raises(ConfigError) as caught:
        load_settings(write(tmp_path, text))
    assert caught.value.exit_code == 2
    assert "\n" not in str(caught.value)
    for name in names:
        assert name in str(caught.value)


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"absent\.toml does not exist"):
        load_settings(tmp_path / "absent.toml")


def test_a_wrong_variable_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VOICEBOX_SERVER__PORT", "many")
    with pytest.raises(ConfigError, match="VOICEBOX_SERVER__PORT"):
        load_settings()


@pytest.mark.parametrize("name", ["VOICEBOX_SERVER__PROT", "VOICEBOX_PORT", "VOICEBOX_SERVR__PORT"])
def test_a_variable_that_names_nothing_is_an_error(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, "1")
    with pytest.raises(ConfigError, match=name):
        load_settings()


def test_a_wrong_flag_is_named() -> None:
    with pytest.raises(ConfigError, match=r"--server\.port"):
        load_settings(flags={"server.port": "many"})


def test_every_setting_is_described() -> None:
    keys = dict(leaves())
    assert "server.port" in keys
    assert all(field.description for field in keys.values())


@pytest.mark.parametrize("rate", ["0.4", "2.1", "fast", "nan"])
def test_a_speaking_rate_has_bounds(rate: str) -> None:
    with pytest.raises(ConfigError, match=r"--tts\.rate"):
        load_settings(flags={"tts.rate": rate})
    assert load_settings(flags={"tts.rate": "0.5"}).tts.rate == 0.5
    assert load_settings(flags={"tts.aliases": "nova=amy, echo=many:3"}).tts.aliases == ("nova=amy", "echo=many:3")
