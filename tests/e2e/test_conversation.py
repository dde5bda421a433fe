"""Spoken conversations with the whole server."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from voicebox.audio.files import write_wav
from voicebox.audio.resample import resample
from voicebox.client.realtime_client import play
from voicebox.client.result import TalkResult
from voicebox.engines import Engines
from voicebox.stt.stream import normalize
from voicebox.stt.types import Clip, Priority

pytestmark = [pytest.mark.models, pytest.mark.timeout(180)]

Talk = Callable[..., Awaitable[TalkResult]]
Speak = Callable[..., NDArray[np.float32]]


def words_heard(engines: Engines, result: TalkResult, said: str) -> float:
    """The share of the reply's words that a listener hears in its audio: the same recogniser, which mishears some."""
    clip = Clip(resample(result.reply_audio, result.rate, 16_000))
    heard = engines.transcriber.submit(clip, session="listener", priority=Priority.FINAL).result(60).text
    expected = normalize(said).split()
    return sum(word in normalize(heard).split() for word in expected) / len(expected)


async def test_a_command_is_understood_carried_out_and_answered_aloud(talk: Talk, engines: Engines) -> None:
    result = await talk("Turn on the lights in the kitchen.")
    [turn] = result.turns
    assert turn.record["intent"] == "home.light_on"
    assert turn.record["slots"]["room"] == "kitchen"
    assert turn.record["tier"] == "reflex"
    assert "kitchen" in turn.reply
    assert words_heard(engines, result, turn.reply) >= 0.6
    assert engines.household.lights["kitchen"].on


async def test_an_order_with_many_values(talk: Talk, engines: Engines) -> None:
    result = await talk("Can I get a large dark roast latte with some almond milk?")
    [turn] = result.turns
    assert turn.record["intent"] == "coffee.order"
    assert turn.record["slots"] == {
        "size": "large",
        "roast": "dark roast",
        "coffeeDrink": "latte",
        "milkAmount": "some almond milk",
    }
    assert "latte" in turn.reply
    assert words_heard(engines, result, turn.reply) >= 0.6


async def test_partial_transcripts_come_while_the_caller_speaks(talk: Talk) -> None:
    result = await talk("Can I get a large dark roast latte with some almond milk?")
    partials = [event for event in result.events if event["type"] == "voicebox.partial"]
    assert len(partials) >= 2
    assert result.speech_end_s is not None
    assert partials[0]["at_s"] < result.speech_end_s
    assert any(event["stable"] for event in partials)


async def test_a_question_is_asked_answered_and_corrected(talk: Talk, engines: Engines) -> None:
    result = await talk("Set a timer.", "Five minutes.", "No, ten minutes.", pause_s=5.0)
    records = [turn.record for turn in result.turns]
    assert [record["intent"] for record in records] == ["timer.set"] * 3
    assert records[0]["reply_text"].endswith("?")
    assert records[1]["slots"]["duration"] == 300
    assert records[2]["slots"]["duration"] == 600


async def test_a_timer_rings_by_itself(talk: Talk) -> None:
    result = await talk("Set a timer for three seconds.", "What day is it today?", pause_s=9.0)
    asked = [turn for turn in result.turns if turn.item_id]
    unasked = [turn for turn in result.turns if not turn.item_id]
    assert [turn.record["intent"] for turn in asked] == ["timer.set", "clock.day"]
    assert next(turn.reply.lower() for turn in unasked).count("timer") == 1


async def test_what_no_skill_takes_goes_to_the_instruct_model(talk: Talk) -> None:
    result = await talk("What is the capital of France?")
    [turn] = result.turns
    assert turn.record["tier"] == "small"
    assert turn.reply


async def test_two_callers_at_once_get_their_own_answers(url: str, speak: Speak) -> None:
    one, two = await asyncio.gather(
        play(url, speak("Turn on the light in the bedroom."), 16_000, patience_s=20.0),
        play(url, speak("Can I get a small mocha?"), 16_000, patience_s=20.0),
    )
    assert [turn.record["intent"] for turn in one.turns] == ["home.light_on"]
    assert [turn.record["intent"] for turn in two.turns] == ["coffee.order"]
    assert "bedroom" in one.turns[0].reply
    assert "mocha" in two.turns[0].reply


@pytest.mark.parametrize("kind", ["white noise", "hum", "clicks"])
async def test_noise_becomes_no_transcript(url: str, kind: str) -> None:
    random = np.random.default_rng(7)
    time = np.arange(16_000 * 4) / 16_000
    audio = {
        "white noise": 0.05 * random.standard_normal(len(time)),
        "hum": 0.2 * np.sin(2 * np.pi * 100 * time) + 0.1 * np.sin(2 * np.pi * 300 * time),
        "clicks": np.where(random.random(len(time)) > 0.9995, 0.8, 0.0),
    }[kind].astype(np.float32)
    result = await play(url, audio, 16_000, voiced=np.zeros(0), patience_s=3.0)
    assert [turn.transcript for turn in result.turns if turn.transcript] == []


async def test_the_talk_command_from_a_recording(url: str, speak: Speak, tmp_path: Path) -> None:
    write_wav(tmp_path / "in.wav", speak("What is seven times eight?"), 16_000)
    command = [sys.executable, "-m", "voicebox.cli.main", "talk", "--wav", str(tmp_path / "in.wav")]
    command += ["--url", url, "--out", str(tmp_path / "out.wav"), "--json"]
    done = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, timeout=120, check=True)
    summary = json.loads(done.stdout.splitlines()[-1])
    assert summary["intent"] == "math.calculate"
    assert "56" in summary["reply"]
    assert summary["voice_to_voice_ms"] > 0
    assert {"endpoint_ms", "stt_ms", "decision_ms", "tts_first_ms", "speculated"} <= summary.keys()
    assert (tmp_path / "out.wav").stat().st_size > 10_000
