"""The engines that settings name: recogniser, voices, and what listens for the end of a turn."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

from voicebox.audio.resample import resample
from voicebox.config import HomeSettings, SttSettings, TtsSettings
from voicebox.home.bridge import HomeBridge
from voicebox.home.client import HomeAssistant
from voicebox.models.catalog import catalog
from voicebox.models.choose import Measured, choose_stt
from voicebox.models.hardware import hardware
from voicebox.models.layout import locate_for
from voicebox.models.store import installed
from voicebox.models.voices import installed_voices, locate_voice
from voicebox.skills.intents.lights import ROOMS, WHOLE_HOUSE
from voicebox.skills.state import Household
from voicebox.stt.speed import PROBE_TEXT, partial_ms
from voicebox.stt.types import SAMPLE_RATE
from voicebox.stt.whisper import WhisperRecognizer
from voicebox.tts.types import Synthesizer
from voicebox.tts.voices import VoicePool, find_voice, read_aliases

__all__ = ["find_turn_model", "open_home", "open_recognizer", "open_voices", "stt_workers"]

_log = logging.getLogger(__name__)

_TURN_MODEL = "smart-turn-v3.2"
_STT_BEST_FIRST = ("whisper-base", "whisper-tiny.en")


def open_voices(settings: TtsSettings, language: str) -> VoicePool:
    """The server's own voice and those that sessions may ask for.

    Raises:
        ModelError: the own voice is not here, or damaged.
        ConfigError: an alias names no voice.
    """
    own = find_voice(settings.voice, locate_voice)
    if own.file.language != language.lower().split("-")[0]:
        _log.warning("The voice %s speaks %r, the callers %r", own.name, own.file.language, language)
    aliases = read_aliases(settings.aliases)
    pool = VoicePool(
        own,
        settings.threads,
        locate=locate_voice,
        installed=installed_voices,
        aliases=aliases,
        most=settings.more_voices,
        idle_s=settings.idle_s,
    )
    for alias in aliases:
        pool.find(alias)
    return pool


def find_turn_model(name: str) -> Path | None:
    """The model that hears whether a turn is over; None for "none", and for "auto" where it is not installed.

    Raises:
        ModelError: the one that is named is not here.
    """
    if name in ("", "none") or (name == "auto" and not installed(_TURN_MODEL)):
        return None
    return locate_for("turn", _TURN_MODEL if name == "auto" else name)


def open_home(settings: HomeSettings, household: Household, announce: Callable[[str, str], None]) -> HomeBridge | None:
    """Home Assistant, if there is one; `announce` says something in a session."""
    if not settings.url or settings.token is None:
        return None
    client = HomeAssistant(settings.url, settings.token.get_secret_value())
    rooms = {room: names for room, names in ROOMS.items() if room != WHOLE_HOUSE}
    return HomeBridge(household, client, rooms, announce, refresh_s=settings.refresh_s)


def stt_workers() -> int:
    """Decodes at the same time: with a second core, finals need not wait for a partial that runs."""
    return min(2, hardware().cores)


def open_recognizer(settings: SttSettings, voice: Synthesizer) -> WhisperRecognizer:
    """The recogniser that is named; for "auto" the best of those installed that keeps up with speech here.

    Args:
        voice: says the sentence that they are measured on.

    Raises:
        ModelError: none is installed, or the one that is named cannot be loaded.
    """

    def load(name: str) -> WhisperRecognizer:
        return WhisperRecognizer(
            locate_for("stt", name),
            name,
            device=settings.device,
            compute_type=settings.compute_type,
            threads=settings.threads,
            workers=stt_workers(),
            language=settings.language,
            languages=settings.languages,
        )

    if settings.model != "auto":
        return load(settings.model)
    models = [catalog().get(name) for name in _STT_BEST_FIRST]
    here = [model for model in models if installed(model.name)]
    if len(here) < 2:
        return load(here[0].name if here else _STT_BEST_FIRST[-1])
    spoken = voice.synthesize(PROBE_TEXT)
    speech = resample(spoken.audio, spoken.rate, SAMPLE_RATE)
    loaded: dict[str, WhisperRecognizer] = {}
    measured = []
    for model in here:
        recognizer = loaded[model.name] = load(model.name)
        on_cpu = recognizer.device == "cpu" and settings.threads == 1
        measured.append(
            Measured(model.name, partial_ms(recognizer, speech, one_cpu_thread=on_cpu), tuple(model.languages))
        )
    choice = choose_stt(measured, cores=hardware().cores, language=settings.language)
    _log.info("Recogniser: %s, %s", choice.name, choice.reason)
    return loaded[choice.name]
