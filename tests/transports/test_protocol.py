import json
from typing import Any

import pytest

from voicebox.transports.realtime import protocol as p


def rejected(text: str) -> p.ProtocolError:
    with pytest.raises(p.ProtocolError) as caught:
        p.parse(text)
    return caught.value


@pytest.mark.parametrize(
    ("event", "kind"),
    [
        ({"type": "input_audio_buffer.append", "audio": ""}, p.BufferAppend),
        ({"type": "input_audio_buffer.commit"}, p.BufferCommit),
        ({"type": "input_audio_buffer.clear"}, p.BufferClear),
        ({"type": "output_audio_buffer.clear"}, p.OutputClear),
        ({"type": "conversation.item.create", "item": {}, "previous_item_id": None}, p.ItemCreate),
        ({"type": "conversation.item.retrieve", "item_id": "x"}, p.ItemRetrieve),
        ({"type": "conversation.item.delete", "item_id": "x"}, p.ItemDelete),
        (
            {"type": "conversation.item.truncate", "item_id": "x", "content_index": 0, "audio_end_ms": 0},
            p.ItemTruncate,
        ),
        ({"type": "response.create"}, p.ResponseCreate),
        ({"type": "response.cancel"}, p.ResponseCancel),
        ({"type": "session.update", "session": {"type": "realtime"}}, p.SessionUpdate),
    ],
)
def test_every_client_event(event: dict[str, Any], kind: type) -> None:
    parsed = p.parse(json.dumps(event | {"event_id": "mine"}))
    assert isinstance(parsed, kind)
    assert parsed.event_id == "mine"
    assert p.parse(json.dumps(event)).event_id is None


@pytest.mark.parametrize(
    ("text", "code", "param"),
    [
        ("{", "invalid_json", None),
        ("", "invalid_json", None),
        ("[" * 100_000, "invalid_json", None),
        ("[]", "invalid_type", None),
        ("3", "invalid_type", None),
        ("{}", "missing_required_parameter", "type"),
        ('{"type": "nonsense"}', "invalid_value", "type"),
        ('{"type": 5}', "invalid_value", "type"),
        ('{"type": ["input_audio_buffer.commit"]}', "invalid_value", "type"),
        ('{"type": "input_audio_buffer.append"}', "missing_required_parameter", "audio"),
        ('{"type": "input_audio_buffer.append", "audio": 5}', "invalid_type", "audio"),
        ('{"type": "input_audio_buffer.append", "audio": null}', "invalid_type", "audio"),
        ('{"type": "input_audio_buffer.commit", "foo": 1}', "unknown_parameter", "foo"),
        ('{"type": "input_audio_buffer.commit", "event_id": 5}', "invalid_type", "event_id"),
        ('{"type": "session.update", "session": {}}', "missing_required_parameter", "session.type"),
        ('{"type": "session.update", "session": {"type": "translation"}}', "invalid_value", "session.type"),
        ('{"type": "session.update", "session": {"type": "realtime", "foo": 1}}', "unknown_parameter", "session.foo"),
        (
            '{"type": "session.update", "session": {"type": "realtime", "output_modalities": ["audio", "text"]}}',
            "invalid_value",
            "session.output_modalities",
        ),
        (
            '{"type": "session.update", "session": {"type": "realtime", "audio": {"input": {"format": '
            '{"type": "audio/pcm", "rate": 16000}}}}}',
            "invalid_value",
            "session.audio.input.format.rate",
        ),
        (
            '{"type": "session.update", "session": {"type": "realtime", "audio": {"input": {"format": '
            '{"type": "audio/opus"}}}}}',
            "invalid_value",
            "session.audio.input.format",
        ),
        (
            '{"type": "session.update", "session": {"type": "realtime", "audio": {"input": {"turn_detection": '
            '{"type": "server_vad", "threshold": 2}}}}}',
            "invalid_value",
            "session.audio.input.turn_detection.threshold",
        ),
        (
            '{"type": "session.update", "session": {"type": "realtime", "audio": {"input": {"turn_detection": '
            '{"type": "server_vad", "idle_timeout_ms": 4999}}}}}',
            "invalid_value",
            "session.audio.input.turn_detection.idle_timeout_ms",
        ),
        (
            '{"type": "conversation.item.truncate", "item_id": "x", "content_index": 0, "audio_end_ms": "12"}',
            "invalid_type",
            "audio_end_ms",
        ),
        (
            '{"type": "conversation.item.truncate", "item_id": "x", "content_index": 0, "audio_end_ms": -1}',
            "invalid_value",
            "audio_end_ms",
        ),
    ],
)
def test_what_is_wrong_is_named(text: str, code: str, param: str | None) -> None:
    error = rejected(text)
    assert (error.code, error.param, error.fatal) == (code, param, False)


def test_the_error_carries_the_clients_event_id() -> None:
    assert rejected('{"type": "nonsense", "event_id": "mine"}').event_id == "mine"
    assert rejected('{"type": "input_audio_buffer.append", "event_id": "mine"}').event_id == "mine"
    event = p.error_event("code", "message", client_event_id="mine")
    assert event["error"]["event_id"] == "mine"
    assert event["event_id"] != "mine"


def test_an_error_stays_short_whatever_came() -> None:
    error = rejected(json.dumps({"type": "x" * 100_000}))
    assert len(error.message) < 1_000


@pytest.mark.parametrize("key", ["modalities", "voice", "input_audio_format", "turn_detection", "temperature"])
def test_the_shape_of_the_beta_ends_the_connection(key: str) -> None:
    error = rejected(json.dumps({"type": "session.update", "event_id": "mine", "session": {key: None}}))
    assert (error.code, error.fatal, error.event_id) == ("beta_api_shape_disabled", True, "mine")
