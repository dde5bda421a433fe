"""Sessions that choose their voice and speed, on the whole server."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from websockets.asyncio.client import ClientConnection

from tests.e2e.test_bad_input import dial, until
from tests.tts.dummy_voice import write_voice
from voicebox.audio.formats import PCM16_24K
from voicebox.config import load_settings
from voicebox.engines import Engines
from voicebox.errors import ConfigError, ModelError
from voicebox.server.app import create_app
from voicebox.server.lifecycle import running
from voicebox.tts.loudness import integrated_loudness

pytestmark = [pytest.mark.models, pytest.mark.timeout(180)]

JOE = "piper-en_US-joe-medium"


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("voices")
    broken = write_voice(folder, "broken")
    broken.write_bytes(broken.read_bytes()[:999])
    return {
        "many": write_voice(folder, "many", speakers=(0.9, 0.05), rate=16_000),
        "broken": broken,
        "german": write_voice(folder, "german", language="de"),
    }


@pytest.fixture(scope="module")
def own_engines(files: dict[str, Path], require_model: Callable[[str], Path]) -> Iterator[Engines]:
    for name in ("whisper-tiny.en", JOE, "voicebox-intent"):
        require_model(name)
    aliases = f"nova={files['many']}:1,broken={files['broken']}"
    engines = Engines.build(
        load_settings(None, {"stt.model": "whisper-tiny.en", "models.lean": True, "tts.aliases": aliases})
    )
    yield engines
    engines.close_models()


@pytest.fixture
async def address(own_engines: Engines) -> AsyncIterator[str]:
    settings = load_settings(None, {"server.port": 0})
    app = create_app(settings, own_engines.session, health=own_engines.health, find_voice=own_engines.find_voice)
    async with running(app, settings.server) as url:
        yield url
    await own_engines.end_sessions()


async def _update(socket: ClientConnection, **output: Any) -> None:
    await socket.send(
        json.dumps(
            {"type": "session.update", "event_id": "e", "session": {"type": "realtime", "audio": {"output": output}}}
        )
    )


async def _reply(socket: ClientConnection, text: str) -> tuple[str, NDArray[np.float32], str]:
    """What is answered to a typed text: as text, as audio at 24 kHz, and how the reply ended (or the error)."""
    item = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]}
    await socket.send(json.dumps({"type": "conversation.item.create", "item": item}))
    await socket.send(json.dumps({"type": "response.create"}))
    said, audio = "", []
    while True:
        event = json.loads(await socket.recv())
        if event["type"] == "response.output_audio_transcript.delta":
            said += event["delta"]
        elif event["type"] == "response.output_audio.delta":
            audio.append(PCM16_24K.decode(base64.b64decode(event["delta"])))
        elif event["type"] == "error":
            return said, np.zeros(0, np.float32), event["error"]["message"]
        elif event["type"] == "response.done":
            return said, np.concatenate(audio or [np.zeros(0, np.float32)]), event["response"]["status"]


async def test_each_session_has_its_own_voice_and_speed(address: str) -> None:
    async with dial(address) as one, dial(address) as two, dial(address) as three:
        created = await until(one, "session.created")
        assert created["session"]["audio"]["output"] == {
            "format": {"type": "audio/pcm", "rate": 24_000},
            "voice": JOE,
            "speed": 1.0,
        }
        await _update(two, voice="nova")
        updated = await until(two, "session.updated")
        assert updated["session"]["audio"]["output"]["voice"] == "nova"
        await _update(three, voice="alloy", speed=1.5)
        output = (await until(three, "session.updated"))["session"]["audio"]["output"]
        assert (output["voice"], output["speed"]) == (JOE, 1.5)
        replies = [await _reply(socket, "turn on the kitchen light") for socket in (one, two, three)]
        texts, sounds, ends = zip(*replies, strict=True)
        assert set(ends) == {"completed"}
        assert len(set(texts)) == 1
        joe, nova, fast = sounds
        assert len(joe) / len(fast) == pytest.approx(1.5, rel=0.25)
        # The dummy is made of pure tones: its spectrum lies in a few lines. A voice's does not.
        assert _peakedness(nova) > 3 * _peakedness(joe)
        loudness = [integrated_loudness(sound, 24_000) for sound in sounds]
        assert max(loudness) - min(loudness) < 4.0


def _peakedness(audio: NDArray[np.float32]) -> float:
    power = np.abs(np.fft.rfft(audio)) ** 2
    return float(np.sort(power)[-200:].sum() / power.sum() / (1 - np.sort(power)[-200:].sum() / power.sum()))


@pytest.mark.parametrize("voice", ["bob", "../../etc/passwd", f"{JOE}:7", {"id": "bob"}, ""])
async def test_a_voice_that_is_not_there_is_refused(address: str, voice: Any) -> None:
    async with dial(address) as socket:
        await _update(socket, voice=voice)
        if voice == "":
            assert (await until(socket, "session.updated"))["session"]["audio"]["output"]["voice"] == JOE
        else:
            error = (await until(socket, "error"))["error"]
            assert (error["code"], error["param"]) == ("invalid_value", "session.audio.output.voice")
            assert error["event_id"] == "e"
        assert (await _reply(socket, "what time is it"))[2] == "completed"


async def test_a_broken_voice_fails_its_own_session_only(address: str) -> None:
    async with dial(address) as bad, dial(address) as good:
        await _update(bad, voice="broken")
        await until(bad, "session.updated")
        _, audio, status = await _reply(bad, "turn off the kitchen light")
        assert len(audio) == 0
        assert "broken.onnx cannot be loaded" in status
        assert (await _reply(good, "turn off the kitchen light"))[2] == "completed"
        await _update(bad, voice="alloy")
        await until(bad, "session.updated")
        assert (await _reply(bad, "turn on the kitchen light"))[2] == "completed"


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("tts.voice", f"{JOE}:5", "one speaker, not '5'"),
        ("tts.voice", "whisper-base", "is no voice"),
        ("tts.aliases", "nova", "no alias"),
        ("tts.aliases", "nova=german", "no model named"),
    ],
)
def test_settings_that_name_no_voice_stop_the_start(
    key: str, value: str, message: str, require_model: Callable[[str], Path]
) -> None:
    require_model(JOE)
    with pytest.raises((ConfigError, ModelError), match=message):
        Engines.build(load_settings(None, {key: value, "models.lean": True}))


def test_an_alias_of_another_language_stops_the_start(
    files: dict[str, Path], require_model: Callable[[str], Path]
) -> None:
    require_model(JOE)
    with pytest.raises(ConfigError, match="speaks 'de', but this server speaks 'en'"):
        Engines.build(load_settings(None, {"tts.aliases": f"hans={files['german']}", "models.lean": True}))
