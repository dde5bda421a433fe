"""What a caller concludes from events, on a clock that the test holds."""

import base64
import json
from typing import Any

import numpy as np
import pytest

from voicebox.audio.formats import PCM16_24K
from voicebox.client.caller import Caller

VOICED = np.arange(0.5, 1.01, 0.05)
LOUD = base64.b64encode(PCM16_24K.encode(np.full(24_000, 0.5, np.float32))).decode()


def caller(voiced: Any = VOICED, audio_s: float = 1.5) -> Caller:
    return Caller(audio_s, np.asarray(voiced, np.float64), patience_s=4.0)


def tell(caller: Caller, at_s: float, kind: str, **fields: Any) -> dict[str, Any] | None:
    return caller.receive(json.dumps({"type": kind, **fields}), at_s)


def turn(caller: Caller, at_s: float, number: int = 1) -> None:
    item = f"item{number}"
    tell(caller, at_s - 0.4, "input_audio_buffer.speech_started", item_id=item)
    tell(caller, at_s, "input_audio_buffer.committed", item_id=item)
    completed = "conversation.item.input_audio_transcription.completed"
    tell(caller, at_s, completed, item_id=item, transcript="Set a timer.")


def reply(caller: Caller, at_s: float, number: int = 1, *, done: bool = True) -> None:
    response = {"id": f"resp{number}", "status": "completed"}
    where = {"response_id": response["id"], "item_id": f"reply{number}"}
    tell(caller, at_s, "response.created", response=response)
    tell(caller, at_s, "response.output_audio_transcript.delta", **where, delta="Okay")
    tell(caller, at_s, "response.output_audio_transcript.delta", **where, delta=", done.")
    tell(caller, at_s, "response.output_audio.delta", **where, delta=LOUD)
    tell(caller, at_s, "voicebox.turn", response_id=response["id"], tier="reflex", stages={"stt_ms": 3.0})
    if done:
        tell(caller, at_s, "response.done", response=response)


def test_a_turn() -> None:
    one = caller()
    turn(one, 1.2)
    reply(one, 1.3)
    found = one.result.answer
    assert found is not None
    assert (found.transcript, found.reply, found.status) == ("Set a timer.", "Okay, done.", "completed")
    assert found.record["tier"] == "reflex"
    assert one.result.voice_to_voice_ms == pytest.approx(300)
    assert found.voice_to_voice_ms == pytest.approx(300)
    assert not one.result.lost
    assert len(one.result.reply_audio) == 24_000


def test_the_call_is_over_when_the_answer_is() -> None:
    one = caller()
    turn(one, 1.2)
    assert not one.over(1.6)
    reply(one, 1.7, done=False)
    assert not one.over(1.8)
    tell(one, 1.9, "response.done", response={"id": "resp1", "status": "completed"})
    assert one.over(2.0)


def test_it_is_not_over_before_the_recording_is() -> None:
    one = caller()
    turn(one, 1.2)
    reply(one, 1.3)
    assert not one.over(1.4)
    assert one.over(1.51)


def test_patience_counts_from_the_last_sign() -> None:
    one = caller()
    turn(one, 4.0)
    assert not one.over(7.9)
    assert one.over(8.1)
    assert one.result.lost
    assert one.result.voice_to_voice_ms is None


def test_a_recording_without_speech_is_not_waited_for_long() -> None:
    one = caller(voiced=[])
    assert not one.over(3.0)
    assert one.over(3.6)
    assert not one.result.lost


def test_an_answer_before_the_last_word_is_early_and_the_next_one_counts() -> None:
    one = caller()
    turn(one, 0.72)
    reply(one, 0.8)
    assert one.result.early
    assert one.result.answer is None
    tell(one, 0.9, "input_audio_buffer.speech_started", item_id="item2")
    turn(one, 1.2, 2)
    reply(one, 1.4, 2)
    assert one.result.voice_to_voice_ms == pytest.approx(400)
    assert [found.speech_end_s for found in one.result.turns] == [pytest.approx(0.7), pytest.approx(1.0)]


def test_speech_over_a_reply_stops_it_and_tells_the_server_how_much_was_heard() -> None:
    one = caller()
    turn(one, 0.7)
    reply(one, 0.8)
    cut = tell(one, 1.1, "input_audio_buffer.speech_started", item_id="item2")
    assert cut == {
        "type": "conversation.item.truncate",
        "item_id": "reply1",
        "content_index": 0,
        "audio_end_ms": pytest.approx(300, abs=1),
    }
    assert len(one.result.reply_audio) == pytest.approx(7_200, abs=1)
    assert tell(one, 1.2, "input_audio_buffer.speech_started", item_id="item3") is None


def test_what_rings_by_itself_is_no_answer() -> None:
    one = caller()
    reply(one, 1.3)
    assert one.result.answer is None
    assert one.result.turns[0].item_id == ""


def test_noise_that_came_to_nothing_is_not_waited_for() -> None:
    one = caller()
    turn(one, 1.2)
    reply(one, 1.3)
    tell(one, 1.6, "input_audio_buffer.speech_started", item_id="noise")
    assert not one.over(1.7)
    tell(one, 1.8, "input_audio_buffer.cleared")
    assert one.over(1.9)


def test_errors_are_kept_and_audio_is_not() -> None:
    one = caller()
    tell(one, 0.1, "error", error={"code": "x", "message": "y"})
    turn(one, 1.2)
    reply(one, 1.3)
    assert one.result.errors == [{"code": "x", "message": "y"}]
    assert "response.output_audio.delta" not in {event["type"] for event in one.result.events}
    assert one.result.events[0]["at_s"] == 0.1
