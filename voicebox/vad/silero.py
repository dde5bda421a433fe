"""Silero VAD v6, from the file inside faster-whisper, many streams in one call.

The file as shipped steps one stream through a sequence: its LSTM's first axis is time and its batch is fixed to 1.
Two edits of the graph turn that axis into the batch: the transposition before the LSTM, and the declared sizes of its
state. Both keep the length of the protobuf, so they are made on its bytes, each pattern found exactly once; a file of
another make is run as it is, one stream after the other.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from voicebox.errors import ModelError
from voicebox.vad.types import FRAME_SAMPLES, VadStream

__all__ = ["SileroStream", "SileroVad"]

_CONTEXT = 64
_STATE = 128


class SileroStream:
    """One session's detector state. Not to be stepped from two threads at once."""

    __slots__ = ("_vad", "cell", "context", "hidden")

    def __init__(self, vad: SileroVad) -> None:
        self._vad = vad
        self.reset()

    def reset(self) -> None:
        """Forget what was heard."""
        self.hidden = np.zeros(_STATE, np.float32)
        self.cell = np.zeros(_STATE, np.float32)
        self.context = np.zeros(_CONTEXT, np.float32)

    def probability(self, frame: NDArray[np.float32]) -> float:
        """Speech probability of the next frame, shape `(512,)`, 16 kHz; NaN and infinities count as silence.

        Raises:
            ValueError: a frame of another shape.
        """
        return float(self._vad.probabilities([self], frame[None])[0])


class SileroVad:
    """A detector that all sessions of the process share. Thread-safe, one thread per call.

    Args:
        path: an ONNX file of Silero v6; None takes the one inside faster-whisper.

    Raises:
        ModelError: the file is missing or is no Silero v6.
    """

    def __init__(self, path: Path | None = None) -> None:
        path = path or _bundled()
        try:
            data = path.read_bytes()
        except OSError as error:
            raise ModelError(f"The Silero model {path} cannot be read ({error.strerror})") from error
        batched = _with_batch_axis(data)
        self.batched = batched is not None
        try:
            self._session = onnxruntime.InferenceSession(
                batched or data, sess_options=_options(), providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # onnxruntime has no common base for its errors
            raise ModelError(f"{path} is no Silero VAD model ({error})") from error
        if [i.name for i in self._session.get_inputs()] != ["input", "h", "c"]:
            raise ModelError(f"{path} is no Silero v6 model", cure="Use the file that comes with faster-whisper.")

    def stream(self) -> SileroStream:
        """A new stream."""
        return SileroStream(self)

    def probabilities(self, streams: list[VadStream], frames: NDArray[np.float32]) -> NDArray[np.float32]:
        """One step of several streams at once: frames `(streams, 512)` → probabilities `(streams,)`.

        Raises:
            ValueError: frames of another shape, a stream twice, or a stream of another detector.
        """
        if frames.shape != (len(streams), FRAME_SAMPLES):
            raise ValueError(f"frames have shape {frames.shape}, not ({len(streams)}, {FRAME_SAMPLES})")
        own = [stream for stream in streams if isinstance(stream, SileroStream)]
        if len(own) != len(streams) or len({id(stream) for stream in own}) != len(own):
            raise ValueError("each stream comes from this detector and steps once per call")
        if not own:
            return np.zeros(0, np.float32)
        # Clipped too: a huge sample would overflow the recurrent state and deafen the stream for good.
        clean = np.clip(np.where(np.isfinite(frames), frames, 0.0), -1.0, 1.0).astype(np.float32)
        inputs = np.concatenate((np.stack([stream.context for stream in own]), clean), axis=1)
        hidden = np.stack([stream.hidden for stream in own])
        cell = np.stack([stream.cell for stream in own])
        speech = np.empty(len(own), np.float32)
        step = len(own) if self.batched else 1
        for at in range(0, len(own), step):
            some = slice(at, at + step)
            speech[some], h, c = self._session.run(
                None, {"input": inputs[some], "h": hidden[None, some], "c": cell[None, some]}
            )
            hidden[some], cell[some] = h[0], c[0]
        for i, stream in enumerate(own):
            stream.hidden, stream.cell, stream.context = hidden[i], cell[i], clean[i, -_CONTEXT:]
        return speech


def _bundled() -> Path:
    spec = find_spec("faster_whisper")
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        candidate = Path(folder) / "assets" / "silero_vad_v6.onnx"
        if candidate.is_file():
            return candidate
    raise ModelError("faster-whisper brings no Silero v6 model", cure="Install faster-whisper 1.2 or newer.")


def _options() -> onnxruntime.SessionOptions:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 3
    return options


def _with_batch_axis(data: bytes) -> bytes | None:
    """The model with the frames of one call as a batch instead of a sequence; None if it is not the one we know."""
    # NodeProto: op_type "Transpose" of the node "/Transpose", then its attribute "perm" (0, 2, 1) → (2, 0, 1).
    node = b"\x1a\n/Transpose\x22\tTranspose*\x0f\n\x04perm"
    edits = [(node + b"@\x00@\x02@\x01", node + b"@\x02@\x00@\x01")]
    for name in (b"h", b"c", b"hn", b"cn"):
        # ValueInfoProto: float tensor (1, 1, 128) → (1, unnamed, 128).
        head = b"\n" + bytes([len(name)]) + name + b"\x12\x13\n\x11\x08\x01\x12\r\n\x02\x08\x01"
        tail = b"\n\x03\x08\x80\x01"
        edits.append((head + b"\n\x02\x08\x01" + tail, head + b"\n\x02\x12\x00" + tail))
    for old, new in edits:
        if data.count(old) != 1:
            return None
        data = data.replace(old, new)
    return data
