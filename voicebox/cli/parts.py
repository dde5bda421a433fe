"""The engines that commands for one text or one recording need, without server and voice."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Self

from voicebox.config import load_settings
from voicebox.llm.types import IntentModel
from voicebox.models.store import locate
from voicebox.models.voices import locate_voice
from voicebox.opening import open_recognizer
from voicebox.repertoire import INTENT_MODEL, RepertoireLoader
from voicebox.routing.reflex import Reflex
from voicebox.skills.registry import Registry
from voicebox.skills.state import Household
from voicebox.stt.whisper import WhisperRecognizer
from voicebox.tts.voices import find_voice, open_voice

__all__ = ["INTENT_MODEL", "Understanders", "build_recognizer"]


@dataclass(frozen=True, slots=True)
class Understanders:
    """The reflex tier and what it is made of. A context manager: it frees the model."""

    skills: Registry
    intent: IntentModel
    reflex: Reflex

    @classmethod
    def build(cls, *, intent: str | Path | None = None) -> Self:
        """Load the skills, own ones too, and the intent model that the settings name, or another one: by name or path.

        Raises:
            ModelError: it is not there, or cannot be loaded.
            ConfigError: the settings cannot be used.
        """
        settings = load_settings()
        loaded = RepertoireLoader(settings, Household(), base=intent).load()
        reflex = Reflex(loaded.registry, loaded.model, loaded.lexicon, accept=settings.intent.accept)
        return cls(loaded.registry, loaded.model, reflex)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.intent.close()


def build_recognizer(name: str) -> WhisperRecognizer:
    """A Whisper model of the catalog, as the server would run it; "auto" takes the one that the server would.

    Raises:
        ModelError: it is not there, or is no Whisper model.
    """
    if name != "auto":
        return WhisperRecognizer(locate(name), name)
    settings = load_settings()
    voice = open_voice(find_voice(settings.tts.voice, locate_voice), settings.tts.threads)
    return open_recognizer(settings.stt, voice)
