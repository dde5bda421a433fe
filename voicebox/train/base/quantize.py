"""Weights of a GGUF in another format, by llama.cpp."""

from __future__ import annotations

import os
from pathlib import Path

import llama_cpp.llama_cpp as _c

from voicebox.errors import ModelError
from voicebox.llm.gguf import GgufModel
from voicebox.train.base.surgery import replaced

__all__ = ["FORMATS", "quantize"]

FORMATS = {"q8_0": 7, "q4_k_m": 15, "f16": 1}
"""Name → llama.cpp's file type."""


def quantize(source: Path, target: Path, format: str, *, threads: int = 1) -> None:
    """Write `target` with all matrices of `source` in one of `FORMATS`. The two may be the same file.

    Raises:
        ModelError: the format is unknown, or llama.cpp cannot quantize the file.
    """
    if format not in FORMATS:
        raise ModelError(f"There is no format {format!r}", cure=f"Take one of {', '.join(FORMATS)}.")
    GgufModel(source).close()
    params = _c.llama_model_quantize_default_params()
    params.ftype = FORMATS[format]
    params.allow_requantize = True
    params.nthread = threads
    with replaced(target) as temporary:
        code = _c.llama_model_quantize(os.fsencode(source), os.fsencode(temporary), params)
        if code:
            raise ModelError(f"llama.cpp cannot quantize {source} (code {code})")
