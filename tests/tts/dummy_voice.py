"""Small ONNX voices with Piper's contract: each symbol is a tone of some frames, so that tests know what they hear.

The model is written as protocol-buffer bytes, as `onnx.proto` lays them out: no package is needed for that.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from piper.phoneme_ids import DEFAULT_PHONEME_ID_MAP

HOP = 128
SYMBOLS = 1 + max(max(ids) for ids in DEFAULT_PHONEME_ID_MAP.values())
_SILENT = {DEFAULT_PHONEME_ID_MAP[mark][0] for mark in "^$_ ,.!?:;ˈˌː"}


def write_voice(
    folder: Path,
    name: str = "dummy",
    *,
    rate: int = 22_050,
    speakers: Sequence[float] = (0.1,),
    durations: bool = False,
    language: str = "en-us",
    level: float = 1.0,
    **description: Any,
) -> Path:
    """Write `name.onnx` and `name.onnx.json`; returns the path of the model.

    Args:
        folder: where to.
        rate: Hz of the audio.
        speakers: how loud each speaker is; more than one makes a voice with several.
        durations: give frames per symbol as a second output (else they are only a tensor inside, as most voices).
        language: espeak-ng voice.
        level: multiplies all.
        description: overrides of the description's keys.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.onnx"
    path.write_bytes(_model(rate, [level * s for s in speakers], durations))
    config = {
        "audio": {"sample_rate": rate},
        "espeak": {"voice": language},
        "phoneme_type": "espeak",
        "num_symbols": SYMBOLS,
        "num_speakers": len(speakers),
        "speaker_id_map": {f"p{i}": i for i in range(len(speakers))} if len(speakers) > 1 else {},
        "inference": {"noise_scale": 0.667, "length_scale": 1, "noise_w": 0.8},
        "phoneme_id_map": {key: list(ids) for key, ids in DEFAULT_PHONEME_ID_MAP.items()},
        "hop_length": HOP,
    } | description
    path.with_name(path.name + ".json").write_text(json.dumps(config), encoding="utf-8")
    return path


def tone_hz(phoneme: str) -> float:
    """The pitch of a phoneme, before the speaker's own factor of 1."""
    return 200.0 + 12.0 * DEFAULT_PHONEME_ID_MAP[phoneme][0]


def _model(rate: int, gains: Sequence[float], durations: bool) -> bytes:
    ids = np.arange(SYMBOLS)
    silent = np.isin(ids, list(_SILENT))
    lengths = np.where(silent, 0.8, 2.1 + (ids * 0.37) % 4).astype(np.float32)
    tones = (2 * np.pi * (200.0 + 12.0 * ids) / rate).astype(np.float32)
    levels = np.where(silent, 0.0, 1.0).astype(np.float32)
    many = len(gains) > 1
    constants: dict[str, np.ndarray[Any, Any]] = {
        "lengths": lengths,
        "tones": tones,
        "levels": levels,
        "gains": np.array(gains, np.float32),
        "zero": np.array(0, np.int64),
        "one": np.array(1, np.int64),
        "hop": np.array(HOP, np.int64),
        "axis0": np.array([0], np.int64),
        "axis1": np.array([1], np.int64),
        "front": np.array([0, 1, 2], np.int64),
    }
    nodes = [
        _node("Gather", ["lengths", "input"], "length"),
        _node("Gather", ["scales", "one"], "scale"),
        _node("Mul", ["length", "scale"], "exact"),
        _node("Ceil", ["exact"], "frames"),
        _node("CumSum", ["frames", "one"], "ends"),
        _node("ReduceSum", ["frames"], "sum", keepdims=0),
        _node("Cast", ["sum"], "total", to=7),
        _node("Range", ["zero", "total", "one"], "frame"),
        _node("Cast", ["frame"], "frame_f", to=1),
        _node("Unsqueeze", ["frame_f", "axis1"], "frame_column"),
        _node("LessOrEqual", ["ends", "frame_column"], "over"),
        _node("Cast", ["over"], "over_n", to=7),
        _node("ReduceSum", ["over_n", "axis1"], "symbol", keepdims=0),
        _node("Squeeze", ["input", "axis0"], "ids"),
        _node("Gather", ["ids", "symbol"], "id_of_frame"),
        _node("Mul", ["total", "hop"], "samples"),
        _node("Range", ["zero", "samples", "one"], "sample"),
        _node("Div", ["sample", "hop"], "frame_of_sample"),
        _node("Gather", ["id_of_frame", "frame_of_sample"], "id"),
        _node("Cast", ["sample"], "time", to=1),
        _node("Gather", ["tones", "id"], "tone"),
        _node("Mul", ["time", "tone"], "phase"),
        _node("Sin", ["phase"], "wave"),
        _node("Gather", ["levels", "id"], "level"),
        _node("Mul", ["wave", "level"], "loud"),
        _node("Gather", ["gains", "sid" if many else "axis0"], "gain"),
        _node("Mul", ["loud", "gain"], "scaled"),
        _node("Unsqueeze", ["scaled", "front"], "output"),
    ]
    inputs = [_value("input", 7, 2), _value("input_lengths", 7, 1), _value("scales", 1, 1)]
    inputs += [_value("sid", 7, 1)] if many else []
    outputs = [_value("output", 1, 4)] + ([_value("frames", 1, 2)] if durations else [])
    graph = b"".join(
        [
            *(_bytes(1, node) for node in nodes),
            _bytes(2, b"dummy"),
            *(_bytes(5, _tensor(name, value)) for name, value in constants.items()),
            *(_bytes(11, value) for value in inputs),
            *(_bytes(12, value) for value in outputs),
        ]
    )
    opset = _bytes(1, b"") + _int(2, 15)
    return _int(1, 8) + _bytes(7, graph) + _bytes(8, opset)


def _node(kind: str, inputs: Sequence[str], output: str, **attributes: int) -> bytes:
    out = b"".join(_bytes(1, name.encode()) for name in inputs) + _bytes(2, output.encode()) + _bytes(4, kind.encode())
    for name, value in attributes.items():
        out += _bytes(5, _bytes(1, name.encode()) + _int(3, value) + _int(20, 2))
    return out


def _tensor(name: str, value: np.ndarray[Any, Any]) -> bytes:
    kind = 1 if value.dtype == np.float32 else 7
    out = b"".join(_int(1, size) for size in value.shape) + _int(2, kind)
    return out + _bytes(8, name.encode()) + _bytes(9, value.astype(value.dtype.newbyteorder("<")).tobytes())


def _value(name: str, kind: int, dimensions: int) -> bytes:
    shape = b"".join(_bytes(1, _bytes(2, f"{name}_{i}".encode())) for i in range(dimensions))
    return _bytes(1, name.encode()) + _bytes(2, _bytes(1, _int(1, kind) + _bytes(2, shape)))


def _int(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value)


def _bytes(field: int, body: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(body)) + body


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes(out) + struct.pack("B", value)
