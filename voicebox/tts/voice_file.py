"""A Piper voice on disk: its model, its description, and whether the two fit."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import onnxruntime
from piper.config import PiperConfig
from piper.const import BOS, EOS, PAD

from voicebox.errors import ConfigError, ModelError
from voicebox.tts.durations import with_durations

__all__ = ["VoiceFile", "read_voice"]

_INPUTS = {"input", "input_lengths", "scales"}
_SPEAKER_INPUT = "sid"
_RATES = (8_000, 11_025, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000)


@dataclass(frozen=True, slots=True)
class VoiceFile:
    """A voice's model file and what its description says."""

    model: Path
    config: PiperConfig

    @property
    def language(self) -> str:
        """Two or three letters, as espeak-ng names the language: "en" of "en-us"."""
        return self.config.espeak_voice.replace("_", "-").split("-")[0].lower()

    def speaker(self, asked: str) -> int:
        """A speaker by name or number; empty is the voice's own choice.

        Raises:
            ConfigError: the voice has no such speaker.
        """
        config = self.config
        if not asked:
            return config.default_speaker_id
        if asked in config.speaker_id_map:
            return config.speaker_id_map[asked]
        if asked.isascii() and asked.isdigit() and int(asked) < config.num_speakers:
            return int(asked)
        name = self.model.name.removesuffix(".onnx")
        if config.num_speakers == 1:
            raise ConfigError(f"The voice {name} has one speaker, not {asked!r}", cure="Leave the speaker out.")
        names = ", ".join(list(config.speaker_id_map)[:5])
        raise ConfigError(
            f"The voice {name} has no speaker {asked!r}",
            cure=f"Take a number from 0 to {config.num_speakers - 1}" + (f" or a name as {names}." if names else "."),
        )

    def open(self, threads: int) -> onnxruntime.InferenceSession:
        """Load the model; its last output is the frames per symbol where the graph has them.

        Raises:
            ModelError: the model is damaged, no Piper voice, or not the one that the description describes.
        """
        session = _session(self.model, threads)
        inputs = {i.name for i in session.get_inputs()}
        if not inputs >= _INPUTS:
            raise ModelError(f"{self.model} is an ONNX model, but not a Piper voice", cure=cure(self.model))
        speakers = self.config.num_speakers
        if (speakers > 1) != (_SPEAKER_INPUT in inputs):
            takes = "lets choose a speaker" if _SPEAKER_INPUT in inputs else "has one"
            raise ModelError(
                f"{self.model} {takes}, but its description names {speakers}: they are not of the same voice",
                cure=cure(self.model),
            )
        return session


def read_voice(path: Path) -> VoiceFile:
    """Find a voice and read its description; the model itself is not opened.

    Args:
        path: the voice's `.onnx` file with its `.onnx.json` beside it, or the folder that holds one such pair.

    Raises:
        ModelError: a file is missing, or the description is none.
    """
    model = _model_file(path)
    file = model.with_name(model.name + ".json")
    try:
        data: Any = json.loads(file.read_text(encoding="utf-8"))
        config = PiperConfig.from_dict(data)
        flaw = _flaw(config)
    except FileNotFoundError:
        raise ModelError(f"The voice {model} has no {file.name} beside it", cure=cure(model)) from None
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ModelError(f"{file} is not a Piper voice's description ({error!r})", cure=cure(model)) from error
    if flaw:
        raise ModelError(f"{file} is not a Piper voice's description ({flaw})", cure=cure(model))
    return VoiceFile(model, config)


def cure(path: Path) -> str:
    """What to do about a damaged voice."""
    return f"Check it with `voicebox models verify`, and pull it again if {path.name} is damaged."


def _flaw(config: PiperConfig) -> str:
    """What makes a description unusable; empty if nothing does."""
    language: Any = config.espeak_voice
    if not isinstance(language, str):
        return "its language is no name"
    table = config.phoneme_id_map
    if not all(table[mark] for mark in (BOS, EOS, PAD)):
        return "its table of phonemes lacks a mark"
    if not all(0 <= number < config.num_symbols for ids in table.values() for number in ids):
        return f"a phoneme's number is not below {config.num_symbols}"
    if config.sample_rate not in _RATES or not config.hop_length > 0:
        return f"a sample rate of {config.sample_rate} Hz"
    speakers = config.num_speakers
    if speakers < 1:
        return f"{speakers} speakers"
    if not all(0 <= number < speakers for number in (*config.speaker_id_map.values(), config.default_speaker_id)):
        return f"a speaker's number is not below {speakers}"
    scales = (config.length_scale, config.noise_scale, config.noise_w_scale)
    return "" if all(0 <= scale <= 10 for scale in scales) and config.length_scale > 0 else f"scales {scales}"


def _model_file(path: Path) -> Path:
    if path.is_dir():
        found = sorted(path.glob("*.onnx"))
        if len(found) != 1:
            raise ModelError(f"{path} holds {len(found)} .onnx files instead of one voice", cure=cure(path))
        return found[0]
    if not path.is_file():
        raise ModelError(f"There is no voice at {path}", cure=cure(path))
    return path


def _session(model: Path, threads: int) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    # Threads that spin between phrases would take the recogniser's core.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.enable_mem_pattern = False
    options.log_severity_level = 3
    # The voice's noise (prosody and timbre vary with it) is drawn alike in every run: what is heard can be heard again.
    onnxruntime.set_seed(1)
    try:
        data = with_durations(model.read_bytes())
        session = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    except Exception as error:
        raise ModelError(f"{model} cannot be loaded as a voice ({error})", cure=cure(model)) from error
    # onnxruntime keeps the bytes for a restart on another provider; there is none here, and they are 60 MB.
    if hasattr(session, "_model_bytes"):
        session._model_bytes = None
    return session
