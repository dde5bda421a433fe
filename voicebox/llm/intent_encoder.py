"""The intent model as a small encoder: one pass over a text gives the intent and whether all of it is said.

An encoder reads in both directions, so a text that grows is read anew; in return, texts of several sessions are one
batch, and nothing is kept between calls.
"""

from __future__ import annotations

import atexit
import base64
import binascii
import logging
import math
import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import llama_cpp.llama_cpp as _c
import numpy as np
from numpy.typing import NDArray

from voicebox.errors import EngineError, ModelError
from voicebox.llm.batch import Batch
from voicebox.llm.gguf import GgufModel
from voicebox.llm.intent_contract import CURE, read_readout
from voicebox.llm.intent_text import ENCODER_VERSION, KEY_HEAD, normalize_text
from voicebox.llm.types import IntentScore

__all__ = ["EncoderIntentModel"]

_log = logging.getLogger(__name__)
_TOGETHER = 16
"""Texts of one decode at most."""
_BATCH_TOKENS = 512


@dataclass(frozen=True, slots=True)
class _Job:
    tokens: list[int]
    future: Future[IntentScore]
    began: float


class EncoderIntentModel:
    """An intent GGUF of version 2 (the contract is in `intent_text.py`), implementing `IntentModel`.

    A text longer than the model's context is judged by its last words.

    Args:
        path: the GGUF file.
        max_sessions: texts that may wait at the same time.
        threads: threads of a decode; keep 1 unless nothing else runs on the machine.

    Raises:
        ModelError: the file is missing, damaged or not an intent model of this version.
    """

    def __init__(self, path: Path, *, max_sessions: int = 64, threads: int = 1) -> None:
        self._model = GgufModel(path)
        try:
            self._readout = read_readout(self._model, version=ENCODER_VERSION, architecture="bert")
            self._head = _read_head(self._model, len(self._readout.labels))
            self._context: Any = _open_context(self._model, threads)
        except BaseException:
            self._model.close()
            raise
        self._room = min(_BATCH_TOKENS, self._model.n_ctx_train)
        self._max_waiting = max(1, max_sessions)
        vocab = self._model.vocab
        self._first, self._last = int(_c.llama_vocab_bos(vocab)), int(_c.llama_vocab_sep(vocab))
        self._batch = Batch(capacity=_BATCH_TOKENS, n_vocab=self._model.n_vocab, n_seq=_TOGETHER)
        self._wake = threading.Condition()
        self._waiting: dict[str, _Job] = {}
        self._closing = False
        self._thread = threading.Thread(target=self._run, name=f"intent-{self._model.name}", daemon=True)
        self._thread.start()
        atexit.register(self.close)

    @property
    def labels(self) -> Sequence[str]:
        """All labels, out of scope included, in the model's order."""
        return self._readout.labels

    @property
    def threshold(self) -> float:
        """P(in scope) from which a text is accepted."""
        return self._readout.threshold

    def score(self, text: str, *, session: str) -> Future[IntentScore]:
        """Score a text; a new call of a session cancels its waiting one. Cancelling the future drops the job.

        Raises:
            EngineError: the model is closed or has too many jobs.
        """
        began = time.perf_counter()
        words = self._model.tokenize(normalize_text(text))[-(self._room - 2) :]
        job = _Job([self._first, *words, self._last], Future(), began)
        with self._wake:
            if self._closing:
                raise EngineError(f"The intent model {self._model.name} is closed")
            older = self._waiting.pop(session, None)
            if older is None and len(self._waiting) >= self._max_waiting:
                raise EngineError(f"The intent model {self._model.name} has {len(self._waiting)} texts waiting")
            self._waiting[session] = job
            self._wake.notify()
        if older is not None:
            older.future.cancel()
        return job.future

    def release(self, session: str) -> None:
        """Cancel what the session waits for."""
        with self._wake:
            job = self._waiting.pop(session, None)
        if job is not None:
            job.future.cancel()

    def close(self) -> None:
        """Free the model; what waits fails. Idempotent."""
        with self._wake:
            self._closing = True
            self._wake.notify()
        if threading.current_thread() is not self._thread:
            self._thread.join()
        atexit.unregister(self.close)

    def _run(self) -> None:
        try:
            while jobs := self._take():
                try:
                    self._score(jobs)
                except Exception as error:
                    _log.exception("A step of %s failed", self._model.name)
                    failure = error if isinstance(error, EngineError) else EngineError(f"The intent model: {error!r}")
                    for job in jobs:
                        if not job.future.done():
                            job.future.set_exception(failure)
        finally:
            with self._wake:
                self._closing = True
                left, self._waiting = list(self._waiting.values()), {}
            for job in left:
                if job.future.set_running_or_notify_cancel():
                    job.future.set_exception(EngineError(f"The intent model {self._model.name} was closed"))
            self._batch.close()
            _c.llama_free(self._context)
            self._model.close()

    def _take(self) -> list[_Job]:
        """The oldest texts that fit into one batch, at least one; none when closing."""
        jobs: list[_Job] = []
        while not jobs:
            with self._wake:
                while not (self._waiting or self._closing):
                    self._wake.wait()
                if self._closing:
                    return []
                room = _BATCH_TOKENS
                for session, job in list(self._waiting.items())[:_TOGETHER]:
                    room -= len(job.tokens)
                    if room < 0:
                        break
                    del self._waiting[session]
                    jobs.append(job)
            jobs = [job for job in jobs if job.future.set_running_or_notify_cancel()]
        return jobs

    def _score(self, jobs: Sequence[_Job]) -> None:
        self._batch.clear()
        for sequence, job in enumerate(jobs):
            for position, token in enumerate(job.tokens):
                self._batch.add(token, position, sequence, filled=0, logits=True)
        code = self._batch.encode(self._context)
        if code:
            raise EngineError(f"llama.cpp could not encode the batch (code {code})")
        width = self._head.shape[1] - 1
        heat = self._readout.complete_temperature
        for sequence, job in enumerate(jobs):
            pointer = _c.llama_get_embeddings_seq(self._context, sequence)
            if not pointer:
                raise EngineError(f"llama.cpp gave no vector for text {sequence} of the batch")
            vector = np.ctypeslib.as_array(pointer, shape=(width,))
            logits = self._head[:, :width] @ vector + self._head[:, width]
            complete = 1.0 / (1.0 + math.exp(-max(-60.0, min(60.0, float(logits[-1]) / heat))))
            ms = (time.perf_counter() - job.began) * 1000
            try:
                score = self._readout.score(logits[:-1], complete, ms=ms)
            except EngineError as error:  # this text's alone
                job.future.set_exception(error)
            else:
                job.future.set_result(replace(score, vector=vector.copy()))


def _read_head(model: GgufModel, labels: int) -> NDArray[np.float32]:
    """The head's rows, shape (labels + 1, width + 1)."""
    width = int(_c.llama_model_n_embd(model.handle))
    try:
        raw = base64.b64decode(model.metadata(KEY_HEAD) or "", validate=True)
        rows = np.frombuffer(raw, "<f2").astype(np.float32).reshape(labels + 1, width + 1)
    except (binascii.Error, ValueError) as error:
        raise ModelError(f"{model.path}: {KEY_HEAD} is no matrix of {labels + 1} x {width + 1}", cure=CURE) from error
    if not np.isfinite(rows).all():
        raise ModelError(f"{model.path}: {KEY_HEAD} holds what is no number", cure=CURE)
    return rows


def _open_context(model: GgufModel, threads: int) -> Any:
    params = _c.llama_context_default_params()
    params.n_ctx = params.n_batch = params.n_ubatch = _BATCH_TOKENS
    params.n_seq_max = _TOGETHER
    params.n_threads = params.n_threads_batch = threads
    params.embeddings = True
    params.pooling_type = _c.LLAMA_POOLING_TYPE_MEAN
    params.kv_unified = True
    params.no_perf = True
    context = _c.llama_init_from_model(model.handle, params)
    if not context:
        raise ModelError(f"llama.cpp cannot make a context for {model.path}", cure=CURE)
    return context
