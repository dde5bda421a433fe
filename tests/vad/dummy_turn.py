"""An ONNX file with Smart Turn's contract that says how loud its window is a tenth of a second before its end."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tests.tts.dummy_voice import _bytes, _int, _node, _tensor

_FRAME = 790


def write_turn_model(path: Path, *, input_name: str = "input_features", frames: int = 800) -> Path:
    """Write the model; other names or sizes make it one of another kind."""
    constants = {
        "mels": np.array([1], np.int64),
        "frame": np.array([_FRAME], np.int64),
        "share": np.array(1 / 80, np.float32),
    }
    nodes = [
        _node("ReduceSum", [input_name, "mels"], "sums", keepdims=0),
        _node("Gather", ["sums", "frame"], "sum", axis=1),
        _node("Mul", ["sum", "share"], "mean"),
        _node("Sigmoid", ["mean"], "logits"),
    ]
    graph = b"".join(
        [
            *(_bytes(1, node) for node in nodes),
            _bytes(2, b"dummy"),
            *(_bytes(5, _tensor(name, value)) for name, value in constants.items()),
            _bytes(11, _value(input_name, ("batch", 80, frames))),
            _bytes(12, _value("logits", ("batch", 1))),
        ]
    )
    path.write_bytes(_int(1, 8) + _bytes(7, graph) + _bytes(8, _bytes(1, b"") + _int(2, 15)))
    return path


def _value(name: str, shape: tuple[str | int, ...]) -> bytes:
    dims = b"".join(_bytes(1, _bytes(2, d.encode()) if isinstance(d, str) else _int(1, d)) for d in shape)
    return _bytes(1, name.encode()) + _bytes(2, _bytes(1, _int(1, 1) + _bytes(2, dims)))
