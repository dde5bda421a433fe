"""Choosing the next token: greedy or by temperature, within a grammar if there is one."""

from __future__ import annotations

import ctypes
from dataclasses import dataclass
from typing import Any

import llama_cpp.llama_cpp as _c
import numpy as np
from numpy.typing import NDArray

from voicebox.errors import EngineError
from voicebox.llm.gguf import GgufModel

__all__ = ["Sampler", "Sampling"]

_TOKEN_DATA = np.dtype([("id", np.int32), ("logit", np.float32), ("p", np.float32)])


@dataclass(frozen=True, slots=True)
class Sampling:
    """How to choose: `temperature` 0 is greedy; else nucleus `top_p`, then `min_p`, with a fixed `seed`."""

    temperature: float = 0.0
    top_p: float = 0.95
    min_p: float = 0.05
    seed: int = 0


class Sampler:
    """One generation's sampler.

    The grammar is asked about the chosen token alone first and about the whole vocabulary only if it refuses, as
    llama.cpp's own front ends do. A token is handed to the grammar only if the grammar allows it: llama.cpp ends the
    process otherwise.

    Args:
        model: whose vocabulary the tokens are from.
        sampling: how to choose.
        grammar: GBNF with a rule `root`, or None.

    Raises:
        EngineError: the grammar cannot be parsed.
    """

    def __init__(self, model: GgufModel, sampling: Sampling, *, grammar: str | None = None) -> None:
        self._grammar: Any = None
        self._chain: Any = None
        if grammar is not None:
            if "\0" in grammar or not grammar.strip():
                raise EngineError("The grammar is empty or holds a NUL character")
            self._grammar = _c.llama_sampler_init_grammar(model.vocab, grammar.encode(), b"root")
            if not self._grammar:
                raise EngineError("The grammar cannot be parsed", cure="It must be GBNF with a rule named root.")
        if sampling.temperature > 0:
            self._chain = _c.llama_sampler_chain_init(_c.llama_sampler_chain_default_params())
            for part in (
                _c.llama_sampler_init_top_k(64),
                _c.llama_sampler_init_top_p(sampling.top_p, 1),
                _c.llama_sampler_init_min_p(sampling.min_p, 1),
                _c.llama_sampler_init_temp(sampling.temperature),
                _c.llama_sampler_init_dist(sampling.seed & 0xFFFFFFFF),
            ):
                _c.llama_sampler_chain_add(self._chain, part)

    def choose(self, logits: NDArray[np.float32]) -> int:
        """The next token for logits of shape (n_vocab,), which stay as they are.

        Raises:
            EngineError: the logits are not numbers, or the grammar allows no token at all.
        """
        if not np.isfinite(logits.max()):
            raise EngineError("The model gave no usable logits")
        token = self._pick(logits)
        if self._grammar is None:
            return token
        if not self._allowed(token):
            masked = self._mask(logits)
            if not np.isfinite(masked.max()):
                raise EngineError("The grammar allows no token of this vocabulary here")
            token = self._pick(masked)
        _c.llama_sampler_accept(self._grammar, token)
        return token

    def close(self) -> None:
        """Free llama.cpp's samplers. Idempotent."""
        for sampler in (self._grammar, self._chain):
            if sampler:
                _c.llama_sampler_free(sampler)
        self._grammar = self._chain = None

    def _pick(self, logits: NDArray[np.float32]) -> int:
        if self._chain is None:
            return int(logits.argmax())
        data = _candidates(logits)
        array = _apply(self._chain, data)
        if not 0 <= array.selected < array.size:
            raise EngineError("The sampler chose no token")
        # Samplers may sort and cut the array in place, so the index is into what they left.
        return int(array.data[array.selected].id)

    def _allowed(self, token: int) -> bool:
        data = np.zeros(1, _TOKEN_DATA)
        data["id"] = token
        _apply(self._grammar, data)
        return bool(np.isfinite(data["logit"][0]))

    def _mask(self, logits: NDArray[np.float32]) -> NDArray[np.float32]:
        data = _candidates(logits)
        _apply(self._grammar, data)
        return np.ascontiguousarray(data["logit"])


def _candidates(logits: NDArray[np.float32]) -> NDArray[np.void]:
    data = np.zeros(len(logits), _TOKEN_DATA)
    data["id"] = np.arange(len(logits), dtype=np.int32)
    data["logit"] = logits
    return data


def _apply(sampler: Any, data: NDArray[np.void]) -> Any:
    array = _c.llama_token_data_array(
        data=data.ctypes.data_as(_c.llama_token_data_p), size=len(data), selected=-1, sorted=False
    )
    _c.llama_sampler_apply(sampler, ctypes.byref(array))
    return array
