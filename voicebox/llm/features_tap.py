"""The hidden states of a model's first layers, taken out of llama.cpp while it computes.

llama.cpp's own embedding mode computes the output matrix for every token before it pools, which for a small model with
a large vocabulary costs more than the layers. The scheduler's evaluation callback (`ggml_backend_sched_eval_callback`
in ggml-backend.h) sees every tensor by name, and may end the computation at one: nothing behind it is computed.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from typing import Any

import llama_cpp.llama_cpp as _c
import numpy as np
from llama_cpp._ggml import libggml as _ggml
from numpy.typing import NDArray

from voicebox.errors import EngineError

__all__ = ["Tap"]

_ggml.ggml_get_name.argtypes = [ctypes.c_void_p]
_ggml.ggml_get_name.restype = ctypes.c_char_p
_ggml.ggml_nbytes.argtypes = [ctypes.c_void_p]
_ggml.ggml_nbytes.restype = ctypes.c_size_t
_ggml.ggml_backend_tensor_get.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_size_t]
_ggml.ggml_backend_tensor_get.restype = None


class Tap:
    """Copies named tensors of a computation and ends it after the last of them.

    Args:
        names: the tensors, in the order in which they are computed.
        rows: most rows (tokens) of one computation.
        width: floats in a row.
    """

    def __init__(self, names: Sequence[str], *, rows: int, width: int) -> None:
        self._names = {name.encode(): index for index, name in enumerate(names)}
        self._states = np.zeros((len(names), rows, width), np.float32)
        self._seen: dict[int, int] = {}
        self._failure = ""
        self._callback = _c.ggml_backend_sched_eval_callback(self._on_tensor)

    def install(self, params: Any) -> None:
        """Put the callback into the parameters of a context, which must not outlive the tap."""
        params.cb_eval = self._callback

    def begin(self) -> None:
        """Forget what was seen."""
        self._seen.clear()
        self._failure = ""

    def states(self, rows: int) -> NDArray[np.float32]:
        """What the computation had, shape (names, rows, width): a view that the next computation overwrites.

        Raises:
            EngineError: the model computed no tensor of such a name, or one of another shape.
        """
        if self._failure:
            raise EngineError(self._failure)
        for name, index in self._names.items():
            if self._seen.get(index) != rows:
                raise EngineError(f"llama.cpp computed no tensor {name.decode()} with {rows} rows for this model")
        return self._states[:, :rows]

    def _on_tensor(self, tensor: int, ask: bool, _data: object) -> bool:
        # An exception would be lost in C and end the computation without a word.
        index = self._names.get(_ggml.ggml_get_name(tensor))
        if ask:
            return index is not None
        if index is None:
            return True
        target = self._states[index]
        size = int(_ggml.ggml_nbytes(tensor))
        rows, rest = divmod(size, target.shape[1] * 4)
        if rest or rows > target.shape[0]:
            self._failure = f"A tensor of {size} bytes is no rows of {target.shape[1]} floats"
            return False
        _ggml.ggml_backend_tensor_get(tensor, target.ctypes.data, 0, size)
        self._seen[index] = rows
        return len(self._seen) < len(self._names)
