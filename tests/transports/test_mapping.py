"""Session events as server events; the order of a whole turn is tested with the SDK in tests/server."""

from typing import Any

import numpy as np
import pytest

from tests.transports.transport_wire import Wire, audio_of, of
from voicebox.conversation.events import (
    Ducked,
    IdleTimeout,
    Interrupted,
    PartialTranscript,
    ReplyAudio,
    ReplyDone,
    ReplyStarted,
    ReplyText,
    SessionError,
    SpeechStarted,
    Transcript,
    TurnCommitted,
    TurnDropped,
    TurnRecord,
)


def names(events: list[dict[str, Any]]) -> list[str]:
    return [event["type"] for event in events]


def test_partials_carry_the_item_that_they_will_become(wire: Wire) -> None:
    events = wire.speak()
    partial = of(events, "voicebox.partial")[0]
    assert (partial["text"], partial["stable"]) == ("set a timer", "set a")
    assert partial["item_id"] == of(events, "input_audio_buffer.committed")[0]["item_id"]


def test_the_users_item_has_a_null_transcript_until_it_has_words(wire: Wire) -> None:
    events = wire.speak()
    item = of(events, "conversation.item.added")[0]["item"]
    assert item["content"] == [{"type": "input_audio", "transcript": None}]
    got = wire.send("conversation.item.retrieve", item_id=item["id"])[0]["item"]
    assert got["content"] == [{"type": "input_audio", "transcript": "Set a timer for ten minutes."}]


def test_part_types_are_not_item_types(wire: Wire) -> None:
    events = wire.speak()
    assert of(events, "response.content_part.added")[0]["part"]["type"] == "audio"
    assert of(events, "response.content_part.done")[0]["part"]["type"] == "audio"
    assert of(events, "response.output_item.done")[0]["item"]["content"][0]["type"] == "output_audio"


def test_the_transcriptions_usage_is_a_duration(wire: Wire) -> None:
    completed = of(wire.speak(), "conversation.item.input_audio_transcription.completed")[0]
    assert completed["usage"] == {"type": "duration", "seconds": 1.5}


def test_a_silence_becomes_an_item_without_words(wire: Wire) -> None:
    wire.connection.emit(IdleTimeout(1200, 6210))
    events = wire.new()
    assert names(events) == [
        "input_audio_buffer.timeout_triggered",
        "input_audio_buffer.committed",
        "conversation.item.added",
        "conversation.item.done",
    ]
    assert (events[0]["audio_start_ms"], events[0]["audio_end_ms"]) == (1200, 6210)
    assert events[0]["item_id"] == events[1]["item_id"] == events[2]["item"]["id"]
    assert events[3]["item"]["content"] == [{"type": "input_audio", "transcript": ""}]


def test_the_record_of_the_turn_names_its_response(wire: Wire) -> None:
    events = wire.speak()
    record = of(events, "voicebox.turn")[0]
    assert record["response_id"] == of(events, "response.created")[0]["response"]["id"]
    assert record["stages"]["endpoint_ms"] == 200.0
    assert record["slots"] == {"duration": 600}


def test_a_record_that_comes_after_its_reply_names_it_too(wire: Wire) -> None:
    wire.connection.emit(ReplyStarted("r", "t", "reflex"))
    response = of(wire.new(), "response.created")[0]["response"]["id"]
    wire.connection.emit(ReplyDone("r", "completed", "Hi."))
    record = TurnRecord("t", "r", "", "", {"at": np.float32(1)}, 1.0, "reflex", (), False, "", {})
    wire.connection.emit(record)
    assert of(wire.new(), "voicebox.turn")[0]["response_id"] == response


def test_phrases_join_with_single_spaces(wire: Wire) -> None:
    wire.connection.emit(ReplyStarted("r", None, "small"))
    for text in ("Well", ", yes.", " It is", "'so'", "", "now."):
        wire.connection.emit(ReplyText("r", text))
    deltas = [event["delta"] for event in of(wire.new(), "response.output_audio_transcript.delta")]
    assert "".join(deltas) == "Well, yes. It is 'so' now."


def test_reply_audio_keeps_its_length_in_every_format(wire: Wire) -> None:
    for kind, bytes_per_s in (("audio/pcm", 48_000), ("audio/pcmu", 8_000), ("audio/pcma", 8_000)):
        wire.update(audio={"output": {"format": {"type": kind}}})
        data = audio_of(wire.speak())
        assert abs(len(data) / bytes_per_s - 0.55) < 0.002


def test_one_event_holds_half_a_second_at_most(wire: Wire) -> None:
    wire.session.reply_s = 3.0
    deltas = of(wire.speak(), "response.output_audio.delta")
    assert len(deltas) >= 6
    assert max(len(event["delta"]) for event in deltas) <= 32_000


def test_a_format_that_changes_during_a_reply_changes_the_next(wire: Wire) -> None:
    wire.connection.emit(ReplyStarted("r", None, "small"))
    wire.update(audio={"output": {"format": {"type": "audio/pcmu"}}})
    wire.connection.emit(ReplyAudio("r", np.zeros(22_050, np.float32), 22_050))
    assert len(audio_of(wire.new())) > 40_000


def test_a_voice_of_another_rate_may_take_over_within_a_reply(wire: Wire) -> None:
    wire.connection.emit(ReplyStarted("r", None, "small"))
    for rate in (22_050, 16_000, 22_050):
        tone = np.sin(2 * np.pi * 440 * np.arange(rate) / rate).astype(np.float32)
        wire.connection.emit(ReplyAudio("r", 0.5 * tone, rate))
    wire.connection.emit(ReplyDone("r", "completed", "One two three"))
    audio = np.frombuffer(audio_of(wire.new()), "<i2")
    assert abs(len(audio) - 3 * 24_000) < 50
    for second in range(3):
        piece = audio[second * 24_000 + 2_000 : (second + 1) * 24_000 - 2_000]
        assert np.argmax(np.abs(np.fft.rfft(piece))) * 24_000 / len(piece) == pytest.approx(440, abs=2)


def test_text_modality(wire: Wire) -> None:
    wire.update(output_modalities=["text"])
    events = wire.speak()
    assert audio_of(events) == b""
    assert "".join(event["delta"] for event in of(events, "response.output_text.delta")) == "Okay, ten minutes."
    assert of(events, "response.output_text.done")[0]["text"] == "Okay, ten minutes."
    assert of(events, "response.done")[0]["response"]["output"][0]["content"][0]["type"] == "output_text"


def test_an_interrupted_reply_keeps_only_what_was_heard(wire: Wire) -> None:
    connection = wire.connection
    connection.emit(ReplyStarted("r", None, "small"))
    connection.emit(ReplyText("r", "One two three."))
    connection.emit(ReplyAudio("r", np.zeros(22_050, np.float32), 22_050))
    connection.emit(Interrupted("r", 300, "One"))
    connection.emit(ReplyDone("r", "cancelled", "One", "interrupted"))
    events = wire.new()
    assert audio_of(events) == b""
    response = of(events, "response.done")[0]["response"]
    assert (response["status"], response["status_details"]["reason"]) == ("cancelled", "turn_detected")
    assert response["output"][0]["status"] == "incomplete"
    assert response["output"][0]["content"][0]["transcript"] == "One"


def test_a_failed_reply_says_so(wire: Wire) -> None:
    wire.connection.emit(ReplyStarted("r", None, "small"))
    wire.connection.emit(ReplyDone("r", "failed", "", "the voice broke"))
    response = of(wire.new(), "response.done")[0]["response"]
    assert response["status"] == "failed"
    assert response["status_details"]["error"]["message"] == "the voice broke"


def test_noise_ends_what_began(wire: Wire) -> None:
    for reason in ("no_speech", "echo", "backchannel"):
        wire.connection.emit(SpeechStarted("t", 100))
        wire.connection.emit(TurnDropped("t", reason))
        assert names(wire.new()) == [
            "input_audio_buffer.speech_started",
            "input_audio_buffer.speech_stopped",
            "input_audio_buffer.cleared",
        ]


def test_what_the_client_was_not_told_of_needs_no_end(wire: Wire) -> None:
    wire.connection.emit(PartialTranscript("t", "mm-hm", ""))
    wire.connection.emit(TurnDropped("t", "backchannel"))
    assert names(wire.new()) == ["voicebox.partial"]


def test_push_to_talk_has_no_speech_events_and_no_reply_of_its_own(wire: Wire) -> None:
    wire.update(audio={"input": {"turn_detection": None}})
    assert "input_audio_buffer.speech_started" not in names(wire.speak())
    events = wire.send("input_audio_buffer.commit")
    assert names(events)[:3] == ["input_audio_buffer.committed", "conversation.item.added", "conversation.item.done"]
    assert "response.created" not in names(events)


def test_transcription_off(wire: Wire) -> None:
    wire.update(audio={"input": {"transcription": None}})
    assert not [name for name in names(wire.speak()) if "transcription" in name]


def test_an_item_deleted_before_its_words_came(wire: Wire) -> None:
    wire.connection.emit(TurnCommitted("t", 100))
    item_id = of(wire.new(), "conversation.item.added")[0]["item"]["id"]
    wire.send("conversation.item.delete", item_id=item_id)
    wire.connection.emit(Transcript("t", "Hello.", -0.1, "en", 1.0))
    assert wire.new() == []


def test_events_of_replies_that_are_gone_are_ignored(wire: Wire) -> None:
    wire.connection.emit(ReplyText("gone", "Hello."))
    wire.connection.emit(ReplyAudio("gone", np.zeros(100, np.float32), 22_050))
    wire.connection.emit(ReplyDone("gone", "completed", "Hello."))
    assert wire.new() == []


def test_errors_and_ducking(wire: Wire) -> None:
    wire.connection.emit(SessionError("engine_failed", "It failed."))
    wire.connection.emit(Ducked("r", on=True))
    error, ducked = wire.new()
    assert (error["error"]["type"], error["error"]["code"]) == ("server_error", "engine_failed")
    assert (ducked["type"], ducked["on"]) == ("voicebox.ducked", True)


def test_a_fault_of_the_mapping_is_told_and_does_not_reach_the_session(wire: Wire) -> None:
    wire.connection.emit(ReplyStarted("r", None, "small"))
    wire.new()
    wire.connection.emit(ReplyAudio("r", np.zeros(100, np.float32), 1))
    assert wire.new()[-1]["error"]["code"] == "internal_error"
