"""The intent model as a small encoder: one pass over a text gives the intent and whether all of it is said.

An encoder reads in both directions, so a text that grows is read anew; in return, texts of several sessions are one
batch, and nothing is kept between calls.
"""

from __future__ import annotations

import base64
import binascii
import ctypes
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import llama_cpp.llama_cpp as _c
import numpy as np
from numpy.typing import NDArray

from voicebox.errors import EngineError, ModelError
from voicebox.llm.batch import Batch
from voicebox.llm.gguf import GgufModel
from voicebox.llm.intent_contract import CURE, read_readout
from voicebox.llm.intent_queue import TOGETHER, QueuedIntentModel, TextJob
from voicebox.llm.intent_text import ENCODER_VERSION, KEY_HEAD

__all__ = ["EncoderIntentModel"]

_BATCH_TOKENS = 512


class EncoderIntentModel(QueuedIntentModel[list[int]]):
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
            readout = read_readout(self._model, version=ENCODER_VERSION, architecture="bert")
            head = _read_head(self._model, len(readout.labels))
            self._context: Any = _open_context(self._model, threads)
        except BaseException:
            self._model.close()
            raise
        self._weights, self._bias = np.ascontiguousarray(head[:, :-1]), np.ascontiguousarray(head[:, -1])
        self._room = min(_BATCH_TOKENS, self._model.n_ctx_train)
        vocab = self._model.vocab
        self._first, self._last = int(_c.llama_vocab_bos(vocab)), int(_c.llama_vocab_sep(vocab))
        self._batch = Batch(capacity=_BATCH_TOKENS, n_vocab=self._model.n_vocab, n_seq=TOGETHER)
        super().__init__(self._model.name, readout, max_sessions=max_sessions)

    def _prepare(self, text: str) -> list[int]:
        words = self._model.tokenize(text)[-(self._room - 2) :]
        return [self._first, *words, self._last]

    def _fitting(self, jobs: Sequence[TextJob[list[int]]]) -> int:
        ends = np.cumsum([len(job.prepared) for job in jobs])
        return int(np.searchsorted(ends, _BATCH_TOKENS, side="right"))

    def _compute(self, jobs: Sequence[TextJob[list[int]]]) -> None:
        self._batch.clear()
        for sequence, job in enumerate(jobs):
            self._batch.extend(job.prepared, sequence)
        code = self._batch.encode(self._context)
        if code:
            raise EngineError(f"llama.cpp could not encode the batch (code {code})")
        vectors = np.empty((len(jobs), self._weights.shape[1]), np.float32)
        for sequence in range(len(jobs)):
            pointer = _c.llama_get_embeddings_seq(self._context, sequence)
            if not pointer:
                raise EngineError(f"llama.cpp gave no vector for text {sequence} of the batch")
            ctypes.memmove(vectors[sequence].ctypes.data, pointer, vectors[sequence].nbytes)
        self._answer(jobs, vectors @ self._weights.T + self._bias, vectors)

    def _free(self) -> None:
        self._batch.close()
        _c.llama_free(self._context)
        self._model.close()


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
    params.n_seq_max = TOGETHER
    params.n_threads = params.n_threads_batch = threads
    params.embeddings = True
    params.pooling_type = _c.LLAMA_POOLING_TYPE_MEAN
    params.kv_unified = True
    params.no_perf = True
    context = _c.llama_init_from_model(model.handle, params)
    if not context:
        raise ModelError(f"llama.cpp cannot make a context for {model.path}", cure=CURE)
    return context
