"""Smart Turn v3: from the sound of a turn alone, the probability that the speaker is done.

The model is the encoder of Whisper tiny with a classifier, trained on the last 8 s of turns in 23 languages
(https://github.com/pipecat-ai/smart-turn). It hears what words do not say: level or falling pitch, drawn-out endings.
"""

from __future__ import annotations

import contextlib
import os
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import numpy as np
import onnxruntime
from faster_whisper.feature_extractor import FeatureExtractor
from numpy.typing import NDArray

from voicebox.errors import EngineError, ModelError

__all__ = ["WINDOW_SAMPLES", "SmartTurn", "TurnVoter"]

WINDOW_SAMPLES = 8 * 16_000
"""What the model hears: the end of the turn, with silence before what is shorter."""
_SHAPE = (80, 800)
_INPUT = "input_features"
_NICENESS = 5


class SmartTurn:
    """The model. Blocking; call it from one thread.

    Args:
        path: the ONNX file.

    Raises:
        ModelError: the file is missing or is no Smart Turn v3.
    """

    def __init__(self, path: Path) -> None:
        if not path.is_file():
            raise ModelError(f"The turn model {path} is no file", cure="Run `voicebox models pull smart-turn-v3.2`.")
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.log_severity_level = 3
        try:
            self._session = onnxruntime.InferenceSession(
                str(path), sess_options=options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # onnxruntime has no common base for its errors
            raise ModelError(f"{path} is no Smart Turn model ({error})") from error
        inputs = self._session.get_inputs()
        if [put.name for put in inputs] != [_INPUT] or tuple(inputs[0].shape[1:]) != _SHAPE:
            cure = "`voicebox models pull smart-turn-v3.2` brings one."
            raise ModelError(f"{path} is no Smart Turn v3 model", cure=cure)
        self._features = FeatureExtractor(chunk_length=8)

    def probability(self, audio: NDArray[np.float32]) -> float:
        """Probability (0 to 1) that a turn is over.

        Args:
            audio: the turn so far up to the pause, 16 kHz mono, shape `(samples,)`; the last 8 s count. NaN and
                infinities count as silence.

        Raises:
            EngineError: the model failed.
        """
        last = np.nan_to_num(audio[-WINDOW_SAMPLES:].astype(np.float32, copy=False), posinf=0.0, neginf=0.0)
        window = np.pad(last, (WINDOW_SAMPLES - len(last), 0))
        # The model was trained on windows of mean 0 and variance 1, the padding included.
        window = (window - window.mean()) / np.sqrt(window.var() + 1e-7)
        features = self._features(window, padding=0).astype(np.float32)
        try:
            (output,) = self._session.run(None, {_INPUT: features[None]})
        except Exception as error:
            raise EngineError(f"The turn model failed ({error})") from error
        return float(np.clip(output[0, 0], 0.0, 1.0))


class TurnVoter:
    """The model in a thread of its own, for all sessions: a vote is an opinion, and nobody waits for it.

    The thread runs at a lower priority where the system allows that, so that it does not take the processor from the
    decode of the same pause.

    Args:
        model: called from that thread only.
        most: votes that may wait; with more waiting a new one is refused.
    """

    def __init__(self, model: SmartTurn, *, most: int = 16) -> None:
        self._model = model
        self._most = most
        self._waiting: dict[str, Future[float]] = {}
        self._lock = threading.RLock()  # a future that is cancelled calls back at once
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="smart-turn", initializer=_give_way)
        self._closed = False

    def submit(self, audio: NDArray[np.float32], *, session: str) -> Future[float]:
        """Ask whether a turn is over; see `SmartTurn.probability`. A session's older question that waits is cancelled.

        Raises:
            EngineError: closed, or too many wait.
        """
        with self._lock:
            if self._closed:
                raise EngineError("the turn model is closed")
            older = self._waiting.pop(session, None)
            if older is not None:
                older.cancel()
            if sum(not future.done() for future in self._waiting.values()) >= self._most:
                raise EngineError("the turn model has too much to do")
            future = self._waiting[session] = self._thread.submit(self._model.probability, audio)
        future.add_done_callback(lambda done: self._answered(session, done))
        return future

    def _answered(self, session: str, future: Future[float]) -> None:
        with self._lock:
            if self._waiting.get(session) is future:
                del self._waiting[session]

    def close(self) -> None:
        """Free the thread; what waits is cancelled. Idempotent."""
        with self._lock:
            self._closed = True
        self._thread.shutdown(cancel_futures=True)


def _give_way() -> None:
    with contextlib.suppress(OSError, AttributeError):
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICENESS)
