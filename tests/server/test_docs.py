"""The code on docs/http.md, run as a reader would, and its table against the settings."""

import asyncio
import os
import re
import sys
from pathlib import Path

import pytest

from tests.scripted import tone
from tests.server.backends import Fakes
from tests.server.running_server import Start
from voicebox.audio.encode import StreamEncoder
from voicebox.config import leaves
from voicebox.server.keys import KeyStore

PAGE = (Path(__file__).parents[2] / "docs" / "http.md").read_text()
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", PAGE, re.DOTALL)

EXPECTED = ["word1", "word1", "word", "", "", "It is noon.", "Hello there, how are you?", "key_", "ek_"]


def test_every_block_is_known() -> None:
    assert [kind for kind, _ in BLOCKS] == [
        "bash",
        "python",
        "bash",
        "bash",
        "python",
        "bash",
        "python",
        "bash",
        "bash",
    ]
    assert len(EXPECTED) == len(BLOCKS)


@pytest.mark.parametrize("number", range(len(BLOCKS)))
async def test_a_block(start: Start, tmp_path: Path, number: int) -> None:
    kind, code = BLOCKS[number]
    keys = KeyStore(tmp_path / "keys.json")
    token = keys.create("test", ["realtime", "audio", "chat"])[1]
    encoder = StreamEncoder("wav")
    (tmp_path / "hello.wav").write_bytes(encoder.push(tone(1.0, 24_000)) + encoder.finish())
    environment = {name: value for name, value in os.environ.items() if "proxy" not in name.lower()}
    environment |= {"KEY": token, "XDG_DATA_HOME": str(tmp_path)}
    environment["PATH"] = f"{Path(sys.executable).parent}:{environment['PATH']}"
    async with start(fakes=Fakes(), keys=keys) as server:
        code = code.replace("http://localhost:8000", server.url).replace("YOUR_KEY", token)
        words = [sys.executable, "-c", code] if kind == "python" else ["bash", "-e", "-c", code]
        process = await asyncio.create_subprocess_exec(
            *words, cwd=tmp_path, env=environment, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
        )
        out, failed = await process.communicate()
    assert process.returncode == 0, failed.decode()
    assert EXPECTED[number] in out.decode()
    if "hello.mp3" in code:
        assert (tmp_path / "hello.mp3").stat().st_size > 1_000
    if "hello_again.wav" in code:
        assert (tmp_path / "hello_again.wav").read_bytes()[:4] == b"RIFF"


def test_the_table_of_settings() -> None:
    fields = dict(leaves())
    rows = re.findall(r"^\| (`server\.[^|]*?) \| ([^|]*) \|", PAGE, re.MULTILINE)
    assert len(rows) > 8
    for names, default in rows:
        for name in re.findall(r"`([^`]+)`", names):
            number = default.strip().replace(",", "")
            if number.isdigit():
                assert fields[name].default == int(number)
            else:
                assert fields[name].default in (None, ())
