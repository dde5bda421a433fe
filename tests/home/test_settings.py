from __future__ import annotations

from pathlib import Path

import pytest

from voicebox.config import load_settings
from voicebox.errors import ConfigError
from voicebox.opening import open_home
from voicebox.skills.state import Household
from voicebox.tiers import check_privacy


def settings(tmp_path: Path, text: str) -> object:
    config = tmp_path / "voicebox.toml"
    config.write_text(text, "utf-8")
    return load_settings(config)


async def test_there_is_one_if_it_is_named(tmp_path: Path) -> None:
    assert open_home(load_settings().home, Household(), lambda session, text: None) is None
    home = load_settings(flags={"home.url": "http://127.0.0.1:8123", "home.token": "t"}).home
    bridge = open_home(home, Household(), lambda session, text: None)
    assert bridge is not None
    assert bridge.error == "not asked yet"


def test_what_cannot_be(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"home\.url needs home\.token"):
        settings(tmp_path, '[home]\nurl = "http://127.0.0.1:8123"')
    far = settings(tmp_path, '[routing]\nlocal_only = true\n[home]\nurl = "http://10.0.0.2:8123"\ntoken = "t"')
    with pytest.raises(ConfigError, match=r"home\.url is at http://10"):
        check_privacy(far)  # type: ignore[arg-type]
