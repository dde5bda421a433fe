"""The engines that commands for one text or one recording need, without server and voice."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Self

from voicebox.llm.intent import LlamaIntentModel
from voicebox.models.store import locate
from voicebox.routing.reflex import Reflex
from voicebox.skills.registry import Registry, default_registry
from voicebox.skills.state import Household
from voicebox.stt.lexicon import Lexicon
from voicebox.stt.whisper import WhisperRecognizer

__all__ = ["INTENT_MODEL", "Understanders", "build_recognizer"]

INTENT_MODEL = "voicebox-intent"
"""The catalog's name of the intent model that ships."""


@dataclass(frozen=True, slots=True)
class Understanders:
    """The reflex tier and what it is made of. A context manager: it frees the model."""

    skills: Registry
    intent: LlamaIntentModel
    reflex: Reflex

    @classmethod
    def build(cls, *, intent: Path | None = None) -> Self:
        """Load the intent model that ships, or another GGUF.

        Raises:
            ModelError: it is not there, or is no intent model.
        """
        skills = default_registry(Household())
        model = LlamaIntentModel(locate(intent or INTENT_MODEL))
        return cls(skills, model, Reflex(skills, model, Lexicon.of(skills.intents())))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.intent.close()


def build_recognizer(name: str) -> WhisperRecognizer:
    """A Whisper model of the catalog, as the server would run it.

    Raises:
        ModelError: it is not there, or is no Whisper model.
    """
    return WhisperRecognizer(locate(name), name)
