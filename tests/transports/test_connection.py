"""Client events, one by one."""

import base64
from typing import Any

import numpy as np
import pytest

from tests.transports.transport_wire import Wire, audio_of, of
from voicebox.transports.realtime.protocol import ProtocolError


def error(events: list[dict[str, Any]]) -> dict[str, Any]:
    assert [event["type"] for event in events] == ["error"]
    found: dict[str, Any] = events[0]["error"]
    return found


def test_greeting(wire: Wire) -> None:
    wire.connection.open()
    created, conversation = wire.new()
    assert (created["type"], conversation["type"]) == ("session.created", "conversation.created")
    assert created["session"]["id"].startswith("sess_")


def test_audio_reaches_the_session_at_16_khz(wire: Wire) -> None:
    for kind in ("audio/pcm", "audio/pcmu", "audio/pcma"):
        wire.update(audio={"input": {"format": {"type": kind}}})
        before = wire.session.samples
        wire.speak(0.5)
        assert abs(wire.session.samples - before - 16_000) < 64


@pytest.mark.parametrize(
    ("audio", "words"),
    [("AAA", "base64"), ("!!!!", "base64"), ("AAAA", "half a sample"), ("ä", "base64")],
)
def test_bad_audio(wire: Wire, audio: str, words: str) -> None:
    found = error(wire.send("input_audio_buffer.append", audio=audio, event_id="mine"))
    assert found["event_id"] == "mine"
    assert found["param"] == "audio"
    assert words in found["message"]
    assert wire.session.samples == 0
    assert of(wire.speak(), "response.done")


def test_empty_audio_is_fine(wire: Wire) -> None:
    assert wire.send("input_audio_buffer.append", audio="") == []


def test_audio_that_comes_too_fast(wire: Wire) -> None:
    flood = base64.b64encode(bytes(2 * 24_000 * 90)).decode()
    assert error(wire.send("input_audio_buffer.append", audio=flood))["code"] == "input_audio_buffer_overflow"


def test_commit_without_speech(wire: Wire) -> None:
    found = error(wire.send("input_audio_buffer.commit", event_id="mine"))
    assert (found["event_id"], found["type"]) == ("mine", "invalid_request_error")


def test_clear(wire: Wire) -> None:
    assert [event["type"] for event in wire.send("input_audio_buffer.clear")] == ["input_audio_buffer.cleared"]
    assert wire.session.calls == [("clear",)]


def test_session_update_configures_and_echoes(wire: Wire) -> None:
    echo = wire.update(instructions="Be brief.", audio={"input": {"turn_detection": {"type": "semantic_vad"}}})
    assert echo["type"] == "session.updated"
    assert echo["session"]["audio"]["input"]["turn_detection"]["interrupt_response"] is True
    assert wire.session.configured[-1].instructions == "Be brief."


def test_a_refused_update_changes_nothing(wire: Wire) -> None:
    broken = {"type": "function", "name": "x", "parameters": {"type": "odd"}}
    refused = {"type": "realtime", "instructions": "New", "tools": [broken]}
    found = error(wire.send("session.update", session=refused, event_id="mine"))
    assert (found["code"], found["event_id"]) == ("invalid_value", "mine")
    assert found["param"] == "session.tools[0].parameters"
    assert wire.session.configured == []
    assert wire.connection.config.instructions == ""


def message(**fields: Any) -> dict[str, Any]:
    return {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Hello"}], **fields}


def test_typed_items(wire: Wire) -> None:
    added, done = wire.send("conversation.item.create", item=message(id="mine"))
    assert (added["type"], done["type"]) == ("conversation.item.added", "conversation.item.done")
    assert (added["item"]["id"], added["previous_item_id"]) == ("mine", None)
    assert wire.session.calls == [("text", "user", "Hello", None)]
    second = wire.send("conversation.item.create", item=message(), previous_item_id="mine")[0]
    assert second["previous_item_id"] == "mine"


@pytest.mark.parametrize(
    ("item", "param"),
    [
        ({}, "item.type"),
        ({"type": "mcp_approval_response", "approve": True}, "item.type"),
        ({"type": "function_call_output", "output": "x"}, "item.call_id"),
        ({"type": "function_call_output", "call_id": "c"}, "item.output"),
        ({"type": "function_call_output", "call_id": "c", "output": {}}, "item.output"),
        ({"type": "function_call", "arguments": "{}"}, "item.name"),
        (message(role="tool"), "item.role"),
        (message(role="assistant"), "item.content[0].type"),
        (message(content=[{"type": "input_image", "image_url": "data:"}]), "item.content[0].type"),
        (message(content=[]), "item.content"),
        (message(content="Hello"), "item.content"),
        (message(content=[{"type": "input_audio", "audio": ""}]), "item.content[0].type"),
        (message(content=["Hello"]), "item.content[0].type"),
        (message(content=[{"type": "input_text"}]), "item.content[0].text"),
        (message(content=[{"type": "input_text", "text": "  "}]), "item.content"),
        (message(id=5), "item.id"),
        (message(id="x" * 101), "item.id"),
    ],
)
def test_items_that_cannot_be_added(wire: Wire, item: dict[str, Any], param: str) -> None:
    assert error(wire.send("conversation.item.create", item=item))["param"] == param
    assert wire.session.calls == []


def order(wire: Wire) -> list[str]:
    return list(wire.connection._items._entries)


def test_items_go_where_the_client_wants_them(wire: Wire) -> None:
    for name, after in (("a", None), ("c", None), ("b", "a"), ("front", "root")):
        more = {} if after is None else {"previous_item_id": after}
        wire.send("conversation.item.create", item=message(id=name), **more)
    assert order(wire) == ["front", "a", "b", "c"]
    assert [call[3] for call in wire.session.calls] == [None, None, "typed1", ""]


def test_words_of_the_assistant_and_of_the_system(wire: Wire) -> None:
    said = message(role="assistant", content=[{"type": "output_text", "text": "Hi."}])
    item = wire.send("conversation.item.create", item=said)[1]["item"]
    assert item["content"] == [{"type": "output_text", "text": "Hi."}]
    item = wire.send("conversation.item.create", item=message(role="system"))[1]["item"]
    assert item["content"] == [{"type": "input_text", "text": "Hello"}]
    assert wire.session.calls == [("text", "assistant", "Hi.", None), ("text", "system", "Hello", None)]


def test_items_come_only_once(wire: Wire) -> None:
    wire.send("conversation.item.create", item=message(id="a"))
    assert error(wire.send("conversation.item.create", item=message(id="a")))["code"] == "item_already_exists"
    found = error(wire.send("conversation.item.create", item=message(), previous_item_id="other"))
    assert found["param"] == "previous_item_id"


def test_retrieve_and_delete(wire: Wire) -> None:
    wire.send("conversation.item.create", item=message(id="a"))
    assert wire.send("conversation.item.retrieve", item_id="a")[0]["item"]["content"][0]["text"] == "Hello"
    assert wire.send("conversation.item.delete", item_id="a")[0]["item_id"] == "a"
    assert wire.session.calls[-1] == ("forget", "typed1")
    for kind in ("retrieve", "delete"):
        found = error(wire.send(f"conversation.item.{kind}", item_id="a", event_id="mine"))
        assert (found["code"], found["event_id"]) == ("item_not_found", "mine")


def spoken(wire: Wire) -> tuple[str, str]:
    """A reply that was spoken: ids of the user's and the assistant's item."""
    user, assistant = of(wire.speak(), "conversation.item.added")
    return user["item"]["id"], assistant["item"]["id"]


def test_truncate_cuts_the_item_to_what_was_heard(wire: Wire) -> None:
    _, item_id = spoken(wire)
    cut = {"item_id": item_id, "content_index": 0, "audio_end_ms": 300}
    truncated = wire.send("conversation.item.truncate", **cut)[0]
    assert {key: truncated[key] for key in cut} == cut
    assert wire.session.calls == [("truncate", "reply-turn1", 300)]
    got = wire.send("conversation.item.retrieve", item_id=item_id)[0]["item"]
    assert got["content"][0]["transcript"] == "Okay,"
    assert "audio" not in got["content"][0]


def test_truncate_what_cannot_be(wire: Wire) -> None:
    user, assistant = spoken(wire)
    for item_id, index, ms, param in (
        ("none", 0, 1, "item_id"),
        (user, 0, 1, "item_id"),
        (assistant, 1, 1, "content_index"),
        (assistant, 0, 560, "audio_end_ms"),
    ):
        cut = {"item_id": item_id, "content_index": index, "audio_end_ms": ms}
        assert error(wire.send("conversation.item.truncate", **cut))["param"] == param
    assert wire.session.calls == []


def test_one_response_at_a_time(wire: Wire) -> None:
    wire.session.hold = True
    wire.speak()
    found = error(wire.send("response.create", event_id="mine"))
    assert (found["code"], found["event_id"]) == ("conversation_already_has_active_response", "mine")
    response = of(wire.send("response.cancel"), "response.done")[0]["response"]
    assert (response["status"], response["status_details"]["reason"]) == ("cancelled", "client_cancelled")
    assert error(wire.send("response.cancel"))["code"] == "response_cancel_not_active"


def test_cancel_of_another_response(wire: Wire) -> None:
    wire.session.hold = True
    wire.speak()
    assert error(wire.send("response.cancel", response_id="resp_other"))["code"] == "response_cancel_not_active"


@pytest.mark.parametrize(
    ("response", "param"),
    [
        ({"input": []}, "response.input"),
        ({"conversation": "other"}, "response.conversation"),
        ({"conversation": "none", "input": [{}]}, "response.input[0].type"),
        ({"conversation": "none", "input": [{"type": "item_reference", "id": "none"}]}, "item_id"),
        ({"conversation": "none", "input": [message()] * 65}, "response.input"),
        ({"tool_choice": "required"}, "response.tool_choice"),
        ({"tool_choice": {"type": "function", "name": "x"}}, "response.tool_choice"),
        ({"tools": [{"type": "mcp", "server_label": "x"}]}, "response.tools.0.type"),
    ],
)
def test_responses_that_are_not_offered(wire: Wire, response: dict[str, Any], param: str) -> None:
    assert error(wire.try_send("response.create", response=response))["param"] == param
    assert wire.session.calls == []


def test_output_clear_throws_away_what_waits(wire: Wire) -> None:
    wire.session.hold = True
    loud = wire.connection.config.input_format.encode(np.full(4_800, 0.5, np.float32)) + bytes(24_000)
    # As a client does: both arrive before anything was sent.
    wire.connection._append(wire.session, base64.b64encode(loud).decode())
    events = wire.send("output_audio_buffer.clear")
    assert audio_of(events) == b""
    cleared = of(events, "output_audio_buffer.cleared")[0]
    assert cleared["response_id"] == of(events, "response.created")[0]["response"]["id"]
    wire.send("response.cancel")
    assert wire.send("output_audio_buffer.clear") == []


def test_a_slow_reader_is_told_what_it_lost(wire: Wire) -> None:
    wire.session.reply_s = 60.0
    events = wire.speak()
    assert [event["error"]["code"] for event in of(events, "error")] == ["audio_dropped"]
    assert audio_of(events) == b""
    assert of(events, "response.done")
    wire.session.reply_s = 0.5
    assert audio_of(wire.speak())


def test_fatal_errors_are_answered_too(wire: Wire) -> None:
    wire.connection.reject(ProtocolError("beta_api_shape_disabled", "No.", fatal=True, event_id="mine"))
    assert error(wire.new())["event_id"] == "mine"


def test_nothing_reaches_a_session_that_ended(wire: Wire) -> None:
    wire.connection.end()
    assert error(wire.send("input_audio_buffer.append", audio=""))["code"] == "session_not_ready"
