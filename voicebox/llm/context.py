"""One llama.cpp context with many sequences: the only place that changes its KV cache."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterable
from typing import Any

import llama_cpp.llama_cpp as _c
import numpy as np
from numpy.typing import NDArray

from voicebox.errors import EngineError, ModelError
from voicebox.llm.batch import Batch
from voicebox.llm.gguf import GgufModel
from voicebox.llm.sequences import Copy, Effect

__all__ = ["MAX_SEQUENCES", "Context"]

MAX_SEQUENCES = 256
"""llama.cpp's limit of sequences in one context."""


class Context:
    """A context and its batch; used from one thread at a time.

    Args:
        model: the weights; they must outlive the context.
        n_ctx: KV cells that all sequences share.
        n_seq: sequences.
        n_batch: most tokens in one decode.
        threads: threads of a decode; more than one collapses when the cores are busy.
        spare_threads: asked before each decode for the threads that may help, because nothing else wants their cores.

    Raises:
        ModelError: the model is recurrent, so that its memory cannot be cut or shared token by token.
        EngineError: llama.cpp cannot make such a context (memory, a limit).
    """

    def __init__(
        self,
        model: GgufModel,
        *,
        n_ctx: int,
        n_seq: int,
        n_batch: int,
        threads: int,
        spare_threads: Callable[[], int] | None = None,
    ) -> None:
        if not 1 <= n_seq <= MAX_SEQUENCES:
            raise EngineError(f"{n_seq} sequences are asked for, {MAX_SEQUENCES} are possible")
        if n_ctx < n_seq or n_batch < 1 or threads < 1:
            raise EngineError("A context needs a cell for every sequence, a batch and a thread")
        if _c.llama_model_is_recurrent(model.handle) or _c.llama_model_is_hybrid(model.handle):
            raise ModelError(f"{model.name} ({model.architecture}) is a recurrent model", cure="Choose a transformer.")
        params = _c.llama_context_default_params()
        params.n_ctx = n_ctx
        # llama.cpp ends the process on a context whose batch has no room for a token of every sequence.
        params.n_batch = params.n_ubatch = max(n_batch, n_seq)
        params.n_seq_max = n_seq
        params.n_threads = params.n_threads_batch = threads
        self._threads = self._using = threads
        self._spare_threads = spare_threads
        params.kv_unified = True
        params.no_perf = True
        self._handle: Any = _c.llama_init_from_model(model.handle, params)
        if not self._handle:
            raise EngineError(f"llama.cpp cannot make a context of {n_ctx} tokens for {model.name}")
        self._memory: Any = _c.llama_get_memory(self._handle)
        self.n_ctx = int(_c.llama_n_ctx(self._handle))
        self.batch = Batch(
            capacity=min(n_batch, int(_c.llama_n_batch(self._handle))), n_vocab=model.n_vocab, n_seq=n_seq
        )

    def apply(self, effects: Iterable[Effect]) -> None:
        """Do to the KV cache what the bookkeeping says.

        Raises:
            EngineError: llama.cpp refused to cut a sequence.
        """
        for effect in effects:
            if isinstance(effect, Copy):
                _c.llama_memory_seq_cp(self._memory, effect.source, effect.target, 0, effect.end)
            elif not _c.llama_memory_seq_rm(self._memory, effect.sequence, effect.start, -1):
                raise EngineError(f"The KV cache of sequence {effect.sequence} cannot be cut at {effect.start}")

    def decode(self) -> int:
        """Decode the batch; llama_decode's code."""
        if self._spare_threads is not None:
            wanted = self._threads + max(0, self._spare_threads())
            if wanted != self._using:
                _c.llama_set_n_threads(self._handle, wanted, wanted)
                self._using = wanted
        return self.batch.decode(self._handle)

    def logits(self, index: int) -> NDArray[np.float32]:
        """Logits at an index of the decoded batch, shape (n_vocab,): a view until the next decode."""
        return self.batch.logits(self._handle, index)

    def save(self, sequence: int) -> bytes:
        """The KV of a sequence, for `restore` in a context of the same model.

        Raises:
            EngineError: llama.cpp cannot write it.
        """
        size = int(_c.llama_state_seq_get_size(self._handle, sequence))
        buffer = (ctypes.c_uint8 * size)()
        if not size or int(_c.llama_state_seq_get_data(self._handle, buffer, size, sequence)) != size:
            raise EngineError(f"llama.cpp cannot save the KV of sequence {sequence}")
        return bytes(buffer)

    def restore(self, sequence: int, data: bytes) -> bool:
        """Give an empty sequence the KV that `save` made, unchanged; False if llama.cpp cannot take it."""
        if not data:
            return False
        buffer = (ctypes.c_uint8 * len(data)).from_buffer_copy(data)
        return int(_c.llama_state_seq_set_data(self._handle, buffer, len(data), sequence)) == len(data)

    def reset(self) -> None:
        """Empty the whole KV cache."""
        _c.llama_memory_clear(self._memory, True)

    def close(self) -> None:
        """Free the context. Idempotent."""
        if self._handle is not None:
            self.batch.close()
            _c.llama_free(self._handle)
            self._handle = None
