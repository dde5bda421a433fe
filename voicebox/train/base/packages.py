"""The `gguf` package, asked for when it is needed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from voicebox.errors import VoiceboxError

if TYPE_CHECKING:
    from types import ModuleType

__all__ = ["need_gguf"]


def need_gguf() -> ModuleType:
    """The package `gguf`.

    Raises:
        VoiceboxError: it is not installed.
    """
    try:
        import gguf
    except ImportError as error:
        raise VoiceboxError(
            "Training needs the package gguf, which is not installed", cure="Run: pip install 'voicebox[train]'"
        ) from error
    return gguf
