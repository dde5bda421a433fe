"""The one error type that users see: what is wrong, and what to do about it."""

from __future__ import annotations

__all__ = ["ConfigError", "EngineError", "ModelError", "VoiceboxError"]


class VoiceboxError(Exception):
    """A failure with a message for people.

    Args:
        message: what is wrong, naming the thing that is wrong.
        cure: what the user can do about it, as a sentence; empty when there is nothing.
    """

    exit_code = 1

    def __init__(self, message: str, *, cure: str = "") -> None:
        super().__init__(f"{message}. {cure}" if cure else message)
        self.message = message
        self.cure = cure


class ConfigError(VoiceboxError):
    """Settings that cannot be used: unknown key, wrong type, missing file."""

    exit_code = 2


class ModelError(VoiceboxError):
    """A model that cannot be found, pulled, verified or loaded."""


class EngineError(VoiceboxError):
    """An engine refused or failed a job; the session that asked goes on."""
