"""The items that clients add to a conversation, or give to a reply, checked kind by kind."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from voicebox.conversation.ports import Message, Role, ToolCall
from voicebox.routing.client_tools import tool_messages
from voicebox.transports.realtime.items import Items
from voicebox.transports.realtime.protocol import ProtocolError, new_id

__all__ = ["NewItem", "read_input", "read_item"]

_PARTS: dict[str, tuple[str, ...]] = {
    "user": ("input_text",),
    "system": ("input_text",),
    "assistant": ("output_text", "text"),
}
_MAX_INPUT = 64


@dataclass(frozen=True, slots=True)
class NewItem:
    """What a client wants to add: words in a role, or a call of a tool, or its result."""

    id: str
    role: Role | None = None
    text: str = ""
    call: ToolCall | None = None
    result_of: str | None = None

    @property
    def resource(self) -> dict[str, Any]:
        """The item as clients see it."""
        head: dict[str, Any] = {"id": self.id, "object": "realtime.item"}
        if self.role is not None:
            part = {"type": _PARTS[self.role][0], "text": self.text}
            return head | {"type": "message", "status": "completed", "role": self.role, "content": [part]}
        if self.call is not None:
            call = {"call_id": self.call.id, "name": self.call.name, "arguments": self.call.arguments}
            return head | {"type": "function_call", "status": "completed", **call}
        return head | {
            "type": "function_call_output",
            "status": "completed",
            "call_id": self.result_of,
            "output": self.text,
        }


def read_item(item: dict[str, Any], at: str = "item") -> NewItem:
    """A client's item.

    Raises:
        ProtocolError: a type, role or part that is not supported, or a field that is missing or wrong.
    """
    item_id = item.get("id") or new_id("item")
    if not isinstance(item_id, str) or len(item_id) > 100:
        raise ProtocolError("invalid_type", "An item's id is a string of up to 100 characters.", param=f"{at}.id")
    match item.get("type"):
        case "message":
            return _message(item, item_id, at)
        case "function_call":
            name, arguments = _text(item, "name", at), _text(item, "arguments", at)
            call_id = _text(item, "call_id", at) if item.get("call_id") is not None else new_id("call")
            return NewItem(item_id, call=ToolCall(call_id, name, arguments))
        case "function_call_output":
            return NewItem(item_id, text=_text(item, "output", at), result_of=_text(item, "call_id", at))
        case kind:
            raise ProtocolError(
                "invalid_value",
                f"Items of type {str(kind)[:100]!r} are not supported. Supported types are: 'message', "
                "'function_call' and 'function_call_output'.",
                param=f"{at}.type",
            )


def _message(item: dict[str, Any], item_id: str, at: str) -> NewItem:
    role = item.get("role")
    if role not in ("user", "assistant", "system"):
        raise ProtocolError(
            "invalid_value",
            f"There is no role {str(role)[:100]!r}. Supported values are: 'user', 'assistant' and 'system'.",
            param=f"{at}.role",
        )
    content = item.get("content")
    if not isinstance(content, list) or not content:
        raise ProtocolError("invalid_value", "The content must be a list of parts.", param=f"{at}.content")
    words = []
    for index, part in enumerate(content):
        where = f"{at}.content[{index}]"
        kind = part.get("type") if isinstance(part, dict) else None
        if kind not in _PARTS[role]:
            raise ProtocolError("invalid_value", _unsupported(role, kind), param=f"{where}.type")
        words.append(_text(part, "text", where))
    text = " ".join(words).strip()
    if not text:
        raise ProtocolError("invalid_value", "The text is empty.", param=f"{at}.content")
    return NewItem(item_id, role, text)


def _unsupported(role: str, kind: Any) -> str:
    if kind == "input_image":
        return "Images are not supported: no model here can see. Describe it in an 'input_text' part."
    if kind == "input_audio":
        return "Audio of an item is not supported. Send it with input_audio_buffer.append, or as an 'input_text' part."
    return f"Parts of the {role} are of type {' or '.join(map(repr, _PARTS[role]))}, not {str(kind)[:100]!r}."


def _text(value: dict[str, Any], key: str, at: str) -> str:
    if key not in value:
        raise ProtocolError(
            "missing_required_parameter", f"Missing required parameter: '{at}.{key}'.", param=f"{at}.{key}"
        )
    text = value[key]
    if not isinstance(text, str):
        raise ProtocolError("invalid_type", f"The {key} must be a string.", param=f"{at}.{key}")
    return text


def read_input(given: list[dict[str, Any]], items: Items) -> tuple[Message, ...]:
    """The `input` of a response as messages; an `item_reference` stands for an item of the conversation.

    Raises:
        ProtocolError: as `read_item`; an item that is not there; too many of them.
    """
    if len(given) > _MAX_INPUT:
        raise ProtocolError(
            "invalid_value", f"The input has {len(given)} items, more than {_MAX_INPUT}.", param="response.input"
        )
    messages: list[Message] = []
    calls: dict[str, ToolCall] = {}
    for index, raw in enumerate(given):
        at = f"response.input[{index}]"
        if raw.get("type") == "item_reference":
            known = items.get(_text(raw, "id", at)).item
            if (message := _spoken(known)) is not None:
                messages.append(message)
                continue
            raw = known
        item = read_item(raw, at)
        if item.role is not None:
            messages.append(Message(item.role, item.text))
        elif item.call is not None:
            calls[item.call.id] = item.call
        elif (call := calls.get(item.result_of or "")) is not None:
            messages += tool_messages([(call, item.text)])
        else:
            raise ProtocolError("invalid_value", "There is no call with this id before it.", param=f"{at}.call_id")
    return tuple(messages)


def _spoken(item: dict[str, Any]) -> Message | None:
    """A message of the conversation, by its words whatever form they came in; None for what is no message."""
    if item["type"] != "message":
        return None
    words = (part.get("text") or part.get("transcript") or "" for part in item["content"])
    return Message(item["role"], " ".join(words).strip())
