"""The intent model: what a caller wants, and whether all of it is said, from one prefill of a few tokens."""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from voicebox.errors import EngineError, ModelError
from voicebox.llm.gguf import GgufModel
from voicebox.llm.intent_contract import CURE, Readout, read_readout, softmax
from voicebox.llm.intent_text import ASK, BOS, END, INTENT_VERSION, WAIT, label_token, normalize_text
from voicebox.llm.llama import LlamaEngine
from voicebox.llm.types import IntentScore

__all__ = ["LlamaIntentModel"]

_PROBES = 256
"""The width of the models that are trained here: as many projections hold all of the hidden state."""


class LlamaIntentModel:
    """An intent GGUF (the contract is in `intent_text.py`), implementing `IntentModel`.

    Growing partials of a session reuse their KV: only the new words and the question token are computed. A text longer
    than the model's context is judged by its last words.

    Args:
        path: the GGUF file.
        max_sessions: sessions that keep KV at the same time.
        threads: threads of the engine.

    Raises:
        ModelError: the file is missing, damaged or not an intent model of this version.
    """

    def __init__(self, path: Path, *, max_sessions: int = 64, threads: int = 1) -> None:
        # Every session fits at an ordinary length; longer texts of many sessions evict idle ones.
        self._engine = LlamaEngine(
            path, n_ctx=max(1024, 64 * max_sessions), max_sessions=max_sessions, threads=threads, step_tokens=512
        )
        try:
            self._contract = _read_contract(self._engine.model)
        except BaseException:
            self._engine.close()
            raise

    @property
    def labels(self) -> Sequence[str]:
        """All labels, out of scope included, in the model's order."""
        return self._contract.readout.labels

    @property
    def threshold(self) -> float:
        """P(in scope) from which a text is accepted."""
        return self._contract.readout.threshold

    def score(self, text: str, *, session: str) -> Future[IntentScore]:
        """Score a text; a new call of a session cancels its waiting one. Cancelling the future stops the job.

        Raises:
            EngineError: the engine is closed or has too many jobs.
        """
        contract = self._contract
        words = self._engine.model.tokenize(normalize_text(text))
        room = self._engine.max_prompt - 2
        tokens = [contract.bos, *words[-room:], contract.ask]
        began = time.perf_counter()
        inner = self._engine.score(tokens, (*contract.outputs, *contract.probes), session=session)
        outer: Future[IntentScore] = Future()

        def finish(done: Future[NDArray[np.float32]]) -> None:
            if done.cancelled():
                outer.cancel()
            if not outer.set_running_or_notify_cancel():
                return
            error = done.exception()
            if error is not None:
                outer.set_exception(error)
                return
            try:
                outer.set_result(contract.read(done.result(), ms=(time.perf_counter() - began) * 1000))
            except EngineError as failure:
                outer.set_exception(failure)

        outer.add_done_callback(lambda future: inner.cancel() if future.cancelled() else None)
        inner.add_done_callback(finish)
        return outer

    def release(self, session: str) -> None:
        """Forget the session's KV."""
        self._engine.release(session)

    def close(self) -> None:
        """Free the model. Idempotent."""
        self._engine.close()


@dataclass(frozen=True, slots=True)
class _Contract:
    """What the file says about reading its logits; `outputs` are the label tokens, then END and WAIT.

    `probes` are ordinary tokens all over the vocabulary: their logits are as many projections of the hidden state,
    which llama.cpp does not give beside logits.
    """

    readout: Readout
    bos: int
    ask: int
    outputs: tuple[int, ...]
    probes: tuple[int, ...]

    def read(self, logits: NDArray[np.float32], *, ms: float) -> IntentScore:
        """Logits of `outputs` and `probes`, shape (labels + 2 + probes,), as calibrated probabilities and a vector."""
        if not np.isfinite(logits).all():
            raise EngineError("The intent model gave no usable logits")
        labels, ends, vector = np.split(logits, (len(self.outputs) - 2, len(self.outputs)))
        end = float(softmax(ends / self.readout.complete_temperature)[0])
        return replace(self.readout.score(labels, end, ms=ms), vector=vector)


def _read_contract(model: GgufModel) -> _Contract:
    readout = read_readout(model, version=INTENT_VERSION, architecture="llama")

    def token(text: str) -> int:
        found = model.control_token(text)
        if found is None:
            raise ModelError(f"{model.path} has no token {text}", cure=CURE)
        return found

    return _Contract(
        readout=readout,
        bos=token(BOS),
        ask=token(ASK),
        outputs=(*(token(label_token(name)) for name in readout.labels), token(END), token(WAIT)),
        probes=tuple(range(0, model.n_vocab, max(1, model.n_vocab // _PROBES)))[:_PROBES],
    )
