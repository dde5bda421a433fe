"""Piper voices (VITS in ONNX): one phrase of text → audio, with its words tied to samples."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from piper.config import PhonemeType, PiperConfig, SynthesisConfig
from piper.const import BOS, EOS, PAD
from piper.voice import PiperVoice

from voicebox.audio.phonemes import ESPEAK_LOCK, phonemize
from voicebox.errors import ConfigError, EngineError, ModelError, VoiceboxError
from voicebox.tts.align import place_words
from voicebox.tts.durations import with_durations
from voicebox.tts.edges import trim
from voicebox.tts.speakable import speakable
from voicebox.tts.types import SpokenPhrase

__all__ = ["PiperSynthesizer"]

_SPEECH_RMS = 0.08
"""Level that every voice is brought to (−22 dBFS): common for speech, with room for its peaks."""
_MAX_GAIN = 8.0
_REFERENCE = "1, 2, 3, 4, 5."
"""Said once at load, in any language: it warms the session up and tells how loud the voice is."""


class PiperSynthesizer:
    """A Piper voice behind the `Synthesizer` protocol. Not thread-safe: one thread at a time.

    The voice's loudness is measured once and then scaled by the same factor for every phrase: scaling each phrase to
    its own peak, as Piper's own code does, makes "Yes." louder than the sentence after it.

    Args:
        path: the voice's `.onnx` file with its `.onnx.json` beside it, or the folder that holds one such pair.
        threads: threads of one synthesis.
        name: the name in the catalog; the file's name if empty.
        speed: speaking rate, 0.5 to 2; 1 is the voice's own.

    Raises:
        ModelError: the files are missing, damaged or not a Piper voice.
        ConfigError: the speaking rate is out of range.
    """

    def __init__(self, path: Path | str, threads: int = 1, *, name: str = "", speed: float = 1.0) -> None:
        if not 0.5 <= speed <= 2.0:
            raise ConfigError(f"A speaking rate of {speed:g} is out of range", cure="Take one between 0.5 and 2.")
        model = _model_file(Path(path))
        self._name = name or model.name.removesuffix(".onnx")
        config = _read_config(model)
        session, self._has_durations = _open_session(model, threads)
        self._manner = SynthesisConfig(length_scale=config.length_scale / speed)
        self._voice = PiperVoice(session=session, config=config)
        self._config = config
        self._gain = 1.0
        try:
            reference = self.synthesize(_REFERENCE).audio
        except VoiceboxError as error:
            raise ModelError(f"The voice in {model} cannot speak: {error.message}", cure=_cure(model)) from error
        level = float(np.sqrt(np.mean(np.square(reference)))) if len(reference) else 0.0
        if level > 0.0:
            self._gain = min(_SPEECH_RMS / level, _MAX_GAIN)

    @property
    def name(self) -> str:
        """The voice's name."""
        return self._name

    @property
    def rate(self) -> int:
        """Hz of its audio."""
        return int(self._config.sample_rate)

    def synthesize(self, phrase: str) -> SpokenPhrase:
        """Speak one phrase.

        Silence before it is cut to 5 ms, silence after it to the pause that its last character asks for. What cannot be
        said (only punctuation, an emoji) gives no audio. `text` and `words` are as written; numbers and symbols are
        read out as `speakable` says.

        Raises:
            EngineError: the phrase is far too long, or the model failed.
        """
        began = time.perf_counter()
        spoken: list[str] = []
        ends: list[int] = []
        pieces: list[NDArray[np.float32]] = []
        length = 0
        for phonemes in self._phonemes(phrase):
            piece, piece_ends = self._speak(phonemes)
            pieces.append(piece)
            spoken += phonemes
            ends += [length + end for end in piece_ends]
            length += len(piece)
        audio = np.concatenate(pieces) if pieces else np.zeros(0, np.float32)
        audio, cut = trim(audio, self.rate, phrase)
        ends = [min(max(end - cut, 0), len(audio)) for end in ends]
        alone = [(word, [p for sentence in self._phonemes(word) for p in sentence]) for word in phrase.split()]
        words = place_words(alone, spoken, ends)
        return SpokenPhrase(phrase, audio, self.rate, words, (time.perf_counter() - began) * 1000)

    def _phonemes(self, text: str) -> list[list[str]]:
        config = self._config
        text = speakable(text, english=config.espeak_voice.startswith("en"))
        if config.phoneme_type is PhonemeType.ESPEAK and not config.vowel_clusters:
            return phonemize(text, config.espeak_voice)
        if not any(c.isalnum() for c in text):
            return []
        with ESPEAK_LOCK:
            return [sentence for sentence in self._voice.phonemize(text) if sentence]

    def _speak(self, phonemes: Sequence[str]) -> tuple[NDArray[np.float32], list[int]]:
        """Audio of one sentence, and for each phoneme the sample at which it ends."""
        ids, counts = self._ids(phonemes)
        try:
            out = self._voice.phoneme_ids_to_audio(ids, self._manner, include_alignments=self._has_durations)
        except Exception as error:
            raise EngineError(f"The voice {self._name} failed on a phrase: {error}") from error
        samples, widths = out if isinstance(out, tuple) else (out, None)
        audio = np.asarray(samples, np.float32).reshape(-1)
        if not np.isfinite(audio).all():
            raise EngineError(f"The voice {self._name} gave no usable audio for a phrase")
        if widths is None or len(widths) != len(ids):
            widths = np.ones(len(ids))
        at = np.cumsum(np.asarray(widths, np.float64))
        at *= len(audio) / max(at[-1], 1.0)
        limits = np.minimum(np.cumsum(counts), len(ids)) - 1
        return np.clip(audio * self._gain, -1.0, 1.0), [int(at[i]) for i in limits]

    def _ids(self, phonemes: Sequence[str]) -> tuple[list[int], NDArray[np.int64]]:
        """Symbol ids of a sentence, and how many of them each phoneme takes (the start mark counts to the first)."""
        table = self._config.phoneme_id_map
        if self._config.phoneme_type is PhonemeType.PINYIN:
            ids = list(self._voice.phonemes_to_ids(list(phonemes)))
            edges = np.linspace(0, len(ids), len(phonemes) + 1).astype(np.int64)
            return ids, np.diff(edges)
        pad = list(table[PAD])
        ids = [*table[BOS], *pad]
        counts = []
        before = 0
        for phoneme in phonemes:
            # A phoneme that the voice was not trained on is left out, as Piper does.
            if phoneme in table:
                ids += [*table[phoneme], *pad]
            counts.append(len(ids) - before)
            before = len(ids)
        ids += table[EOS]
        return ids, np.array(counts, np.int64)


def _model_file(path: Path) -> Path:
    if path.is_dir():
        found = sorted(path.glob("*.onnx"))
        if len(found) != 1:
            raise ModelError(f"{path} holds {len(found)} .onnx files instead of one voice", cure=_cure(path))
        return found[0]
    if not path.is_file():
        raise ModelError(f"There is no voice at {path}", cure=_cure(path))
    return path


def _read_config(model: Path) -> PiperConfig:
    file = model.with_name(model.name + ".json")
    try:
        data: Any = json.loads(file.read_text(encoding="utf-8"))
        config = PiperConfig.from_dict(data)
        complete = all(config.phoneme_id_map[mark] for mark in (BOS, EOS, PAD)) and int(config.sample_rate) > 0
    except FileNotFoundError:
        raise ModelError(f"The voice {model} has no {file.name} beside it", cure=_cure(model)) from None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ModelError(f"{file} is not a Piper voice's description ({error!r})", cure=_cure(model)) from error
    if not complete:
        raise ModelError(f"{file} is not a Piper voice's description", cure=_cure(model))
    return config


def _open_session(model: Path, threads: int) -> tuple[onnxruntime.InferenceSession, bool]:
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
        raise ModelError(f"{model} cannot be loaded as a voice ({error})", cure=_cure(model)) from error
    # onnxruntime keeps the bytes for a restart on another provider; there is none here, and they are 60 MB.
    if hasattr(session, "_model_bytes"):
        session._model_bytes = None
    needed = {"input", "input_lengths", "scales"}
    if not needed <= {i.name for i in session.get_inputs()}:
        raise ModelError(f"{model} is an ONNX model, but not a Piper voice", cure=_cure(model))
    return session, len(session.get_outputs()) > 1


def _cure(path: Path) -> str:
    return f"Check it with `voicebox models verify`, and pull it again if {path.name} is damaged."
