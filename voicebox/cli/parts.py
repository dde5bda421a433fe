"""The engines that commands for one text or one recording need, without server and voice."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Self

from voicebox.llm.gguf_header import header_string
from voicebox.llm.instruct_intent import InstructIntentModel
from voicebox.llm.intent import LlamaIntentModel
from voicebox.llm.intent_text import KEY_VERSION
from voicebox.llm.types import IntentModel
from voicebox.models.layout import locate_for
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
    intent: IntentModel
    reflex: Reflex

    @classmethod
    def build(cls, *, intent: str | Path | None = None) -> Self:
        """Load the intent model that ships, or another one, or an instruct model: by name or path.

        Raises:
            ModelError: it is not there, or cannot be loaded.
        """
        skills = default_registry(Household())
        model = _open(locate_for("intent", intent or INTENT_MODEL), skills)
        return cls(skills, model, Reflex(skills, model, Lexicon.of(skills.intents())))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.intent.close()


def _open(path: Path, skills: Registry) -> LlamaIntentModel | InstructIntentModel:
    if header_string(path, KEY_VERSION) is not None:
        return LlamaIntentModel(path)
    return InstructIntentModel(path, skills.intents(), max_sessions=2)


def build_recognizer(name: str) -> WhisperRecognizer:
    """A Whisper model of the catalog, as the server would run it.

    Raises:
        ModelError: it is not there, or is no Whisper model.
    """
    return WhisperRecognizer(locate(name), name)
