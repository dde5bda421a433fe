"""The libraries of the `train` extra, asked for before they are needed."""

from __future__ import annotations

import importlib.util

from voicebox.errors import VoiceboxError

__all__ = ["require_training_libraries"]


def require_training_libraries() -> None:
    """Check that the `train` extra is installed.

    Raises:
        VoiceboxError: torch or gguf is missing; names the command that installs them.
    """
    missing = [name for name in ("torch", "gguf") if importlib.util.find_spec(name) is None]
    if missing:
        raise VoiceboxError(
            f"Training needs {' and '.join(missing)}, which {'is' if len(missing) == 1 else 'are'} not installed",
            cure="Run: pip install 'voicebox[train]'",
        )
