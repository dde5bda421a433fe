"""Makes a Piper voice tell how long it speaks each phoneme.

Every VITS graph rounds the predicted duration of each input symbol up (the only `Ceil` node) before it expands the
text to frames. Most published voices do not give that tensor out. Declaring it as a second output is enough, and needs
no ONNX package: a protocol-buffer message that is followed by a fragment of the same type is read as the merge of both
(https://protobuf.dev/programming-guides/encoding/#last-one-wins), and outputs are a repeated field.
"""

from __future__ import annotations

from collections.abc import Iterator

__all__ = ["with_durations"]

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5

# Field numbers of onnx.proto: ModelProto.graph, GraphProto.{node, output}, NodeProto.{output, op_type}, ValueInfo.name
_GRAPH, _NODE, _GRAPH_OUTPUT, _NODE_OUTPUT, _OP_TYPE, _NAME = 7, 1, 12, 2, 4, 1


def with_durations(model: bytes) -> bytes:
    """The serialized ONNX model with the tensor of frames per symbol as its last output.

    Returned unchanged if it has a second output already, or no single tensor that could be it.

    Raises:
        ValueError: the bytes are not a protocol-buffer message (a truncated or damaged file).
    """
    names: list[bytes] = []
    outputs = 0
    for field, start, end in _fields(model, 0, len(model)):
        if field != _GRAPH:
            continue
        for inner, first, last in _fields(model, start, end):
            if inner == _GRAPH_OUTPUT:
                outputs += 1
            elif inner == _NODE:
                names += _ceil_outputs(model, first, last)
    if outputs != 1 or len(names) != 1:
        return model
    return model + _message(_GRAPH, _message(_GRAPH_OUTPUT, _message(_NAME, names[0])))


def _ceil_outputs(data: bytes, start: int, end: int) -> list[bytes]:
    outputs: list[bytes] = []
    operator = b""
    for field, first, last in _fields(data, start, end):
        if field == _OP_TYPE:
            operator = data[first:last]
        elif field == _NODE_OUTPUT:
            outputs.append(data[first:last])
    return outputs if operator == b"Ceil" else []


def _fields(data: bytes, start: int, end: int) -> Iterator[tuple[int, int, int]]:
    """(field number, start, end) of each length-delimited field between two offsets; others are skipped."""
    at = start
    while at < end:
        tag, at = _varint(data, at, end)
        wire = tag & 7
        if wire == _VARINT:
            _, at = _varint(data, at, end)
        elif wire == _BYTES:
            length, at = _varint(data, at, end)
            if at + length > end:
                raise ValueError("a field is longer than its message")
            yield tag >> 3, at, at + length
            at += length
        elif wire in (_FIXED32, _FIXED64):
            at += 4 if wire == _FIXED32 else 8
        else:
            raise ValueError(f"unknown wire type {wire}")
    if at != end:
        raise ValueError("a field is longer than its message")


def _varint(data: bytes, at: int, end: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        if at >= end:
            break
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
    raise ValueError("a number does not end")


def _message(field: int, body: bytes) -> bytes:
    return _number(field << 3 | _BYTES) + _number(len(body)) + body


def _number(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)
