"""Texts as vectors: the mean over tokens of a small public model's hidden states, by llama.cpp.

A decoder (Llama, Qwen, Gemma, …) gives the states behind one of its layers; early layers know most about what a text
wants (deeper ones turn to the next word). What a decoder begins every text with collects attention and has a state many
times larger than the words' (Sun et al. 2024, Massive Activations in Large Language Models), so it is left out of the
mean; its keys and values are computed once and shared by all texts. An encoder (BERT) gives its last layer, with the
mean over all tokens, as sentence encoders are trained.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import llama_cpp.llama_cpp as _c
import numpy as np
from numpy.typing import NDArray

from voicebox.errors import EngineError, ModelError
from voicebox.llm.batch import Batch
from voicebox.llm.features_tap import Tap
from voicebox.llm.gguf import GgufModel

__all__ = ["MAX_TOKENS", "FeatureModel"]

MAX_TOKENS = 96
"""Longer texts are judged by their last tokens."""
_ENCODERS = frozenset({"bert"})
_ANCHOR = 0
"""The sequence that holds what every text of a decoder begins with."""


class FeatureModel:
    """One GGUF as a feature extractor; used from one thread at a time.

    Args:
        path: the GGUF file.
        layers: the numbers of first layers behind which states are taken, ascending; None for the last one. Several
            give several vectors for a text, one after another. Layers behind the last of them cost nothing.
        threads: threads of a decode; keep 1 unless nothing else runs on the machine.
        batch_tokens: most tokens in one decode.

    Raises:
        ModelError: the model cannot be loaded, lacks these layers or names its states in another way.
        EngineError: llama.cpp cannot make a context for it.
    """

    def __init__(
        self, path: Path, *, layers: Sequence[int] | None = None, threads: int = 1, batch_tokens: int = 256
    ) -> None:
        self.model = GgufModel(path)
        self._handle: Any = None
        self._batch: Batch | None = None
        try:
            self._open(layers, threads, max(batch_tokens, MAX_TOKENS + 2))
            self.encode(["a"])
        except EngineError as error:
            self.close()
            raise ModelError(f"{path} ({self.model.architecture}) gives no features: {error.message}") from error
        except BaseException:
            self.close()
            raise

    def _open(self, layers: Sequence[int] | None, threads: int, batch_tokens: int) -> None:
        model = self.model
        self._encoder = model.architecture in _ENCODERS
        blocks = int(_c.llama_model_n_layer(model.handle))
        self.layers = tuple(layers) if layers is not None else (blocks,)
        if not self.layers or list(self.layers) != sorted(set(self.layers)) or not 1 <= self.layers[-1] <= blocks:
            raise ModelError(f"{model.path} has {blocks} layers, not {list(self.layers)}")
        if self._encoder and self.layers != (blocks,):
            raise ModelError(f"{model.path} is a {model.architecture} model, which gives its last layer only")
        if _c.llama_model_is_recurrent(model.handle) or _c.llama_model_is_hybrid(model.handle):
            raise ModelError(f"{model.path} ({model.architecture}) is a recurrent model", cure="Choose a transformer.")
        self._state_width = int(_c.llama_model_n_embd(model.handle))
        names = [f"l_out-{layer - 1}" for layer in self.layers]
        self._tap = None if self._encoder else Tap(names, rows=batch_tokens, width=self._state_width)
        self._texts_at_once = max(1, min(64, batch_tokens // 4))
        params = _c.llama_context_default_params()
        params.n_ctx = params.n_batch = params.n_ubatch = batch_tokens
        params.n_seq_max = self._texts_at_once + 1
        params.n_threads = params.n_threads_batch = threads
        params.kv_unified = True
        params.no_perf = True
        if self._tap is None:
            params.embeddings = True
            params.pooling_type = _c.LLAMA_POOLING_TYPE_NONE
        else:
            self._tap.install(params)
        self._handle = _c.llama_init_from_model(model.handle, params)
        if not self._handle:
            raise EngineError(f"llama.cpp cannot make a context of {batch_tokens} tokens")
        self._memory: Any = _c.llama_get_memory(self._handle)
        # A token of the context's is the anchor's; padding rounds n_ctx up, never n_batch.
        self._room = batch_tokens - 1
        self._batch = Batch(capacity=batch_tokens, n_vocab=model.n_vocab, n_seq=self._texts_at_once + 1)
        self._start, self._end = self._frame()
        if not self._encoder and self._start:
            self._decode([self._start], first_sequence=_ANCHOR, start=0)

    @property
    def width(self) -> int:
        """Length of a vector."""
        return self._state_width * len(self.layers)

    def tokenize(self, text: str) -> list[int]:
        """The tokens that are averaged, without what every text begins with; the last `MAX_TOKENS` of a long text."""
        limit = min(MAX_TOKENS, self.model.n_ctx_train - len(self._start) - len(self._end))
        return self.model.tokenize(text)[-limit:]

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Vectors of texts, shape (n, width). A text without tokens is a vector of zeros.

        Raises:
            EngineError: the model is closed, or llama.cpp failed.
        """
        out = np.zeros((len(texts), len(self.layers), self._state_width), np.float32)
        tokens = [self.tokenize(text) for text in texts]
        if self._encoder:
            tokens = [[*self._start, *ids, *self._end] for ids in tokens]
        # Texts of like length are computed together.
        waiting = sorted((row for row in range(len(texts)) if tokens[row]), key=lambda row: len(tokens[row]))
        while waiting:
            rows: list[int] = []
            used = 0
            while waiting and len(rows) < self._texts_at_once and used + len(tokens[waiting[0]]) <= self._room:
                rows.append(waiting.pop(0))
                used += len(tokens[rows[-1]])
            states = self._run([tokens[row] for row in rows])
            at = 0
            for row in rows:
                out[row] = states[:, at : at + len(tokens[row])].mean(axis=1)
                at += len(tokens[row])
        return out.reshape(len(texts), self.width)

    def close(self) -> None:
        """Free the model. Idempotent."""
        if self._batch is not None:
            self._batch.close()
        if self._handle is not None:
            _c.llama_free(self._handle)
            self._handle = None
        self.model.close()

    def _run(self, texts: Sequence[Sequence[int]]) -> NDArray[np.float32]:
        """States of all tokens, one text after another, shape (layers, tokens, width of a state)."""
        if self._handle is None:
            raise EngineError(f"The model {self.model.name} is closed")
        if self._encoder:
            return self._decode(texts, first_sequence=0, start=0)
        for sequence in range(1, len(texts) + 1):
            _c.llama_memory_seq_rm(self._memory, sequence, -1, -1)
            if self._start:
                _c.llama_memory_seq_cp(self._memory, _ANCHOR, sequence, 0, len(self._start))
        try:
            return self._decode(texts, first_sequence=1, start=len(self._start))
        finally:
            for sequence in range(1, len(texts) + 1):
                _c.llama_memory_seq_rm(self._memory, sequence, -1, -1)

    def _decode(self, texts: Sequence[Sequence[int]], *, first_sequence: int, start: int) -> NDArray[np.float32]:
        batch = self._batch
        assert batch is not None
        batch.clear()
        for sequence, tokens in enumerate(texts, first_sequence):
            for offset, token in enumerate(tokens):
                batch.add(token, start + offset, sequence, filled=start, logits=True)
        if self._tap is not None:
            self._tap.begin()
        code = batch.decode(self._handle)
        if code:
            raise EngineError(f"llama.cpp could not decode the batch (code {code})")
        if self._tap is not None:
            return self._tap.states(len(batch))
        pointer = _c.llama_get_embeddings(self._handle)
        if not pointer:
            raise EngineError("llama.cpp gave no embeddings")
        return np.ctypeslib.as_array(pointer, shape=(1, len(batch), self._state_width))

    def _frame(self) -> tuple[list[int], list[int]]:
        """The tokens before and after every text."""
        vocab = self.model.vocab
        bos = int(_c.llama_vocab_bos(vocab))
        if self._encoder:
            return [bos], [int(_c.llama_vocab_sep(vocab))]
        # Without one of its own, the first word would collect the attention and drown the others in the mean.
        anchor = bos if bos >= 0 else int(_c.llama_vocab_eos(vocab))
        return ([anchor] if anchor >= 0 else []), []
