"""The libraries of the `train` extra, asked for before they are needed."""

from __future__ import annotations

import importlib
import importlib.util
from typing import Any

from voicebox.errors import VoiceboxError

__all__ = ["need_gguf", "require_training_libraries"]


def require_training_libraries(*names: str) -> None:
    """Check that libraries of the `train` extra are installed (torch and gguf if none is named).

    Raises:
        VoiceboxError: one is missing; names the command that installs them.
    """
    missing = [name for name in names or ("torch", "gguf") if importlib.util.find_spec(name) is None]
    if missing:
        raise VoiceboxError(
            f"Training needs {' and '.join(missing)}, which {'is' if len(missing) == 1 else 'are'} not installed",
            cure="Run: pip install 'voicebox[train]'",
        )


def need_gguf() -> Any:
    """The module `gguf`.

    Raises:
        VoiceboxError: it is not installed.
    """
    require_training_libraries("gguf")
    return importlib.import_module("gguf")
