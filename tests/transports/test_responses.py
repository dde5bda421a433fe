"""Tools, replies outside of the conversation, and responses by their own rules, as clients see them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from openai.types.realtime import RealtimeServerEvent
from pydantic import TypeAdapter

from tests.transports.transport_wire import Wire, audio_of, of
from voicebox.conversation.events import ReplyDone, Tokens, ToolCalled
from voicebox.conversation.ports import ReplyWish, ToolCall

STOCK: TypeAdapter[Any] = TypeAdapter(RealtimeServerEvent)
WEATHER = {"type": "function", "name": "get_weather", "parameters": {"type": "object", "properties": {}}}


def kinds(events: list[dict[str, Any]]) -> list[str]:
    return [event["type"] for event in events]


def wish_of(wire: Wire) -> ReplyWish:
    wish = wire.session.calls[-1][1]
    assert isinstance(wish, ReplyWish)
    return wish


def called(wire: Wire, turn: str | None = "turn1", reply: str = "reply_1") -> list[dict[str, Any]]:
    call = ToolCall("call_1", "get_weather", '{"city": "Rome"}')
    wire.connection.emit(ToolCalled(reply, turn, call, Tokens(100, 80, 12)))
    return wire.new()


def test_a_call_is_a_response_of_its_own(wire: Wire) -> None:
    events = called(wire)
    assert kinds(events) == [
        "response.created",
        "response.output_item.added",
        "conversation.item.added",
        "response.function_call_arguments.delta",
        "response.function_call_arguments.done",
        "conversation.item.done",
        "response.output_item.done",
        "response.done",
        "rate_limits.updated",
    ]
    for event in events:
        STOCK.validate_python(event)
    done = events[-3]["item"]
    assert (done["type"], done["status"], done["call_id"]) == ("function_call", "completed", "call_1")
    assert json.loads(done["arguments"]) == {"city": "Rome"}
    response = events[-2]["response"]
    assert (response["status"], response["output"]) == ("completed", [done])
    assert response["usage"]["input_token_details"]["text_tokens"] == 100
    assert response["usage"]["input_token_details"]["cached_tokens"] == 80
    assert response["usage"]["output_token_details"]["text_tokens"] == 12
    assert wire.send("conversation.item.retrieve", item_id=done["id"])[0]["item"] == done


def test_the_result_of_a_call(wire: Wire) -> None:
    called(wire)
    output = {"type": "function_call_output", "call_id": "call_1", "output": "sunny"}
    added, done = wire.send("conversation.item.create", item=output)
    assert kinds([added, done]) == ["conversation.item.added", "conversation.item.done"]
    assert done["item"]["output"] == "sunny"
    assert wire.session.calls == [("result", "call_1", "sunny")]
    refused = wire.send("conversation.item.create", item=output | {"call_id": "other", "id": "gone"}, event_id="mine")
    assert kinds(refused) == ["error"]
    assert refused[0]["error"]["event_id"] == "mine"
    assert wire.send("conversation.item.retrieve", item_id="gone")[0]["error"]["code"] == "item_not_found"


def test_a_call_that_was_made_elsewhere(wire: Wire) -> None:
    item = {"type": "function_call", "call_id": "c", "name": "get_weather", "arguments": "{}"}
    wire.send("conversation.item.create", item=item | {"id": "i"})
    assert wire.session.calls == [("call", ToolCall("c", "get_weather", "{}"))]
    wire.send("conversation.item.delete", item_id="i")
    assert wire.session.calls[-1] == ("forget", "c")


def test_what_a_response_may_have_of_its_own(wire: Wire) -> None:
    wire.update(tools=[WEATHER], max_output_tokens=500)
    own = {
        "instructions": "Shout.",
        "output_modalities": ["text"],
        "audio": {"output": {"format": {"type": "audio/pcmu"}, "voice": "any", "speed": 1.5}},
        "metadata": {"topic": "x"},
        "max_output_tokens": 30,
        "tool_choice": "none",
    }
    events = wire.send("response.create", response=own)
    wish = wish_of(wire)
    assert (wish.instructions, wish.speak, wish.max_tokens, wish.speed) == ("Shout.", False, 30, 1.5)
    assert wish.tools is not None
    assert (len(wish.tools.tools), bool(wish.tools)) == (1, False)
    response = of(events, "response.done")[0]["response"]
    assert (response["output_modalities"], response["max_output_tokens"]) == (["text"], 30)
    assert response["metadata"] == {"topic": "x"}
    assert response["audio"]["output"]["format"] == {"type": "audio/pcmu"}
    assert of(events, "response.output_text.done")
    assert audio_of(events) == b""


def test_a_responses_own_audio_format(wire: Wire) -> None:
    plain = audio_of(wire.send("response.create"))
    own = {"audio": {"output": {"format": {"type": "audio/pcmu"}}}}
    coded = audio_of(wire.send("response.create", response=own))
    assert len(plain) / len(coded) == pytest.approx(6.0, abs=0.05), "24 kHz in 16 bit and 8 kHz in 8 bit"


def test_the_next_response_is_again_as_the_session_has_it(wire: Wire) -> None:
    wire.send("response.create", response={"output_modalities": ["text"], "metadata": {"a": "b"}})
    response = of(wire.send("response.create"), "response.done")[0]["response"]
    assert (response["output_modalities"], response["metadata"]) == (["audio"], None)
    assert wish_of(wire).instructions is None


def test_outside_of_the_conversation(wire: Wire) -> None:
    wire.speak()
    user = of(wire.seen, "conversation.item.added")[0]["item"]["id"]
    own = [
        {"type": "item_reference", "id": user},
        {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Hello"}]},
        {"type": "function_call", "call_id": "c", "name": "look", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "c", "output": "blue"},
    ]
    before = list(wire.connection._items._entries)
    events = wire.send(
        "response.create", response={"conversation": "none", "input": own, "output_modalities": ["text"]}
    )
    assert not [kind for kind in kinds(events) if kind.startswith("conversation.")]
    assert list(wire.connection._items._entries) == before
    response = of(events, "response.done")[0]["response"]
    assert (response["conversation_id"], response["status"]) == (None, "completed")
    assert response["usage"]["total_tokens"] == 23, "no audio was heard for it"
    messages = wish_of(wire).messages
    assert messages is not None
    assert [message.content for message in messages[:2]] == ["Set a timer for ten minutes.", "Hello"]
    assert (len(messages), "blue" in messages[-1].content) == (4, True)


def test_outside_and_inside_at_once(wire: Wire) -> None:
    wire.session.hold = True
    inside = of(wire.speak(), "response.created")[0]["response"]["id"]
    outside = of(wire.send("response.create", response={"conversation": "none"}), "response.created")[0]
    events = wire.send("response.cancel", response_id=outside["response"]["id"])
    assert of(events, "response.done")[0]["response"]["id"] == outside["response"]["id"]
    events = wire.send("response.cancel")
    assert of(events, "response.done")[0]["response"]["id"] == inside
    assert wire.connection._mapper.responses.idle.is_set()


def test_a_call_from_outside_is_the_end_of_that_response(wire: Wire) -> None:
    wire.session.hold = True
    (created,) = of(wire.send("response.create", response={"conversation": "none"}), "response.created")
    events = called(wire, turn=None, reply="aside1")
    assert not of(events, "response.created")
    assert not of(events, "conversation.item.added")
    assert of(events, "response.done")[0]["response"]["id"] == created["response"]["id"]


def test_a_response_that_reached_its_bound(wire: Wire) -> None:
    wire.session.hold = True
    wire.speak()
    wire.connection.emit(ReplyDone("reply-turn1", "incomplete", "Okay,", usage=Tokens(1, 0, 4)))
    done = of(wire.new(), "response.done")[0]["response"]
    assert (done["status"], done["status_details"]["reason"]) == ("incomplete", "max_output_tokens")
    assert done["output"][0]["status"] == "incomplete"


def test_a_transcription_session_gives_none(wire: Wire) -> None:
    wire.connection.config.kind = "transcription"
    assert wire.send("response.create", response={"conversation": "none"})[0]["error"]["param"] == "type"


@pytest.mark.parametrize(
    ("given", "param"),
    [
        ([{"type": "function_call_output", "call_id": "c", "output": "x"}], "response.input[0].call_id"),
        ([{"type": "item_reference"}], "response.input[0].id"),
        ([{"type": "message", "role": "user", "content": []}], "response.input[0].content"),
    ],
)
def test_inputs_that_are_none(wire: Wire, given: list[Any], param: str) -> None:
    events = wire.send("response.create", response={"conversation": "none", "input": given})
    assert events[0]["error"]["param"] == param
    assert not wire.session.calls
