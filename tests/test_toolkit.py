"""The server's tools from settings."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from voicebox.config import load_settings
from voicebox.errors import ConfigError
from voicebox.toolkit import Toolkit

PROGRAM = Path(__file__).parent / "tools" / "files_server.py"


def toolkit(tmp_path: Path, text: str) -> Toolkit:
    config = tmp_path / "voicebox.toml"
    config.write_text(text, "utf-8")
    return Toolkit(load_settings(config))


async def test_webhooks_and_servers(tmp_path: Path) -> None:
    kit = toolkit(
        tmp_path,
        f"""
        [tools.weather]
        url = "http://127.0.0.1:1/weather"
        description = "Tells the weather."
        small = true
        [tools.weather.parameters]
        properties = {{ city = {{ type = "string" }} }}
        [tools.files]
        kind = "mcp"
        command = "{sys.executable} {PROGRAM}"
        """,
    )
    assert kit.health() == {"names": ["weather"], "mcp": {"files": False}}
    [weather] = kit.box.offered(small=True)
    assert weather.parameters == {"properties": {"city": {"type": "string"}}}
    await kit.stop()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('[tools.a]\nurl = "http://127.0.0.1:1"', "needs url and description"),
        ('[tools.a]\nkind = "mcp"', "either url or command"),
        ('[tools.a]\nkind = "mcp"\nurl = "http://x"\ncommand = "x"', "either url or command"),
        ('[tools.a]\nurl = "http://x"\ndescription = "x"\ntimeout_s = 60', "tools.a.timeout_s"),
        ('[tools.a]\nurl = "http://x"\ndescripton = "x"', "tools.a.descripton"),
        (
            '[routing]\nlocal_only = true\n[tools.a]\nurl = "https://x.example"\ndescription = "x"',
            "tools.a is at https://x.example",
        ),
    ],
)
def test_what_cannot_be_is_named(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(ConfigError) as caught:
        toolkit(tmp_path, text)
    assert says in str(caught.value)
