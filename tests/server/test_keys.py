"""Keys in their file."""

import json
import os
import threading
from pathlib import Path

import pytest

from voicebox.cli.main import main
from voicebox.errors import ConfigError
from voicebox.server.keys import KeyStore, Limits, keys_file


def test_a_key_is_kept_as_a_hash_in_a_private_file(tmp_path: Path) -> None:
    store = KeyStore(tmp_path / "deep" / "keys.json")
    assert store.all() == ()
    key, token = store.create("web", ["audio", "realtime"], Limits(sessions=2))
    assert store.path.stat().st_mode & 0o777 == 0o600
    assert token not in store.path.read_text()
    assert key.scopes == ("realtime", "audio")
    assert store.find(token) == key
    assert store.find(token + "x") is None
    assert store.find("") is None
    assert KeyStore(store.path).find(token) == key


def test_a_running_server_takes_note_of_a_revoked_key(tmp_path: Path) -> None:
    store, other = KeyStore(tmp_path / "keys.json"), KeyStore(tmp_path / "keys.json")
    key, token = store.create("", ["chat"])
    assert other.find(token) is not None
    store.revoke(key.id)
    assert other.find(token) is None
    with pytest.raises(ConfigError, match="There is no key"):
        store.revoke(key.id)


def test_two_keys_of_a_name_are_not_revoked_by_it(tmp_path: Path) -> None:
    store = KeyStore(tmp_path / "keys.json")
    store.create("web", ["chat"])
    store.create("web", ["chat"])
    with pytest.raises(ConfigError, match="2 keys are named 'web'"):
        store.revoke("web")


def test_keys_made_at_the_same_time_are_all_there(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    threads = [threading.Thread(target=lambda: KeyStore(path).create("", ["chat"])) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(KeyStore(path).all()) == 8


@pytest.mark.parametrize("text", ["", "{", "[{}]", '{"keys": []}', "[1]"])
def test_a_damaged_file_lets_nobody_in(tmp_path: Path, text: str) -> None:
    path = tmp_path / "keys.json"
    path.write_text(text)
    path.chmod(0o600)
    with pytest.raises(ConfigError, match="damaged"):
        KeyStore(path).find("x")


def test_a_file_that_others_can_read_is_refused(tmp_path: Path) -> None:
    store = KeyStore(tmp_path / "keys.json")
    store.create("", ["chat"])
    store.path.chmod(0o644)
    with pytest.raises(ConfigError, match="chmod 600"):
        KeyStore(store.path).all()


def test_the_file_is_in_the_data_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert keys_file(None) == tmp_path / "voicebox" / "keys.json"
    assert keys_file(Path("/x/y.json")) == Path("/x/y.json")
    assert KeyStore(Path(os.devnull) / "none").all() == ()


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = ["--file", str(tmp_path / "keys.json"), "--json"]
    assert main(["keys", "create", "--name", "web", "--scopes", "audio,chat", "--sessions", "2", *file]) == 0
    made = json.loads(capsys.readouterr().out)
    assert made["key"].startswith("vb_")
    assert (made["scopes"], made["limits"]) == (["audio", "chat"], {"sessions": 2})
    assert main(["keys", "list", *file]) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert (rows[0]["name"], rows[-1]) == ("web", {"keys": 1})
    assert "key" not in rows[0]
    assert main(["keys", "list", "--file", file[1]]) == 0
    assert "audio,chat" in capsys.readouterr().out
    assert main(["keys", "revoke", "web", *file]) == 0
    assert json.loads(capsys.readouterr().out) == {"revoked": made["id"]}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["create", "--scopes", "audio,root"], "no scope 'root'"),
        (["create", "--scopes", ""], "needs a scope"),
        (["create", "--sessions", "0"], "--sessions is more than 0"),
        (["create", "--minutes-per-day", "-1"], "--minutes-per-day is more than 0"),
        (["revoke", "nobody"], "no key 'nobody'"),
    ],
)
def test_what_the_command_refuses(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], message: str
) -> None:
    assert main(["keys", *words, "--file", str(tmp_path / "keys.json")]) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "keys.json").exists()
