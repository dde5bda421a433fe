from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicebox.tts.durations import with_durations


def _field(number: int, body: bytes) -> bytes:
    length = len(body)
    size = bytes([length]) if length < 128 else bytes([length & 0x7F | 0x80, length >> 7])
    return bytes([number << 3 | 2]) + size + body


def _node(operator: str, output: str) -> bytes:
    return _field(1, _field(1, b"in") + _field(2, output.encode()) + _field(4, operator.encode()))


def _model(*nodes: bytes, outputs: int = 1) -> bytes:
    graph = b"".join(nodes) + b"".join(_field(12, _field(1, b"out%d" % i)) for i in range(outputs))
    version = bytes([1 << 3, 8])
    return version + _field(7, graph) + _field(2, b"producer")


def test_the_only_ceil_becomes_an_output() -> None:
    model = _model(_node("Add", "a"), _node("Ceil", "w"), _node("Mul", "m"))
    assert with_durations(model) == model + _field(7, _field(12, _field(1, b"w")))


@pytest.mark.parametrize(
    "model",
    [
        _model(_node("Add", "a")),
        _model(_node("Ceil", "v"), _node("Ceil", "w")),
        _model(_node("Ceil", "w"), outputs=2),
    ],
    ids=["no ceil", "two ceils", "has a second output"],
)
def test_other_models_are_left_as_they_are(model: bytes) -> None:
    assert with_durations(model) is model


def test_long_names_are_written_right() -> None:
    name = "w" * 200
    model = _model(_node("Ceil", name))
    assert with_durations(model)[len(model) :] == _field(7, _field(12, _field(1, name.encode())))


def test_a_truncated_model_is_refused() -> None:
    model = _model(_node("Ceil", "w"))
    with pytest.raises(ValueError, match="longer than its message"):
        with_durations(model[:-3])


@given(st.binary(max_size=200))
def test_garbage_is_refused_or_left_alone(data: bytes) -> None:
    try:
        out = with_durations(data)
    except ValueError:
        return
    assert out.startswith(data)
