"""Piper voices (VITS in ONNX): one phrase of text → audio, with its words tied to samples."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from piper.config import PhonemeType
from piper.const import BOS, EOS, PAD
from piper.voice import PiperVoice

from voicebox.audio.phonemes import ESPEAK_LOCK, phonemize
from voicebox.errors import ConfigError, EngineError, ModelError, VoiceboxError
from voicebox.tts.align import place_words
from voicebox.tts.edges import trim
from voicebox.tts.limiter import limit
from voicebox.tts.loudness import integrated_loudness
from voicebox.tts.pace import length_factor
from voicebox.tts.probe import probe_text
from voicebox.tts.speakable import speakable
from voicebox.tts.types import SpokenPhrase, Stop, StoppedError
from voicebox.tts.voice_file import VoiceFile, cure, read_voice

__all__ = ["MAX_SPEED", "MIN_SPEED", "TARGET_LUFS", "PiperSynthesizer"]

MIN_SPEED, MAX_SPEED = 0.25, 2.0
TARGET_LUFS = -20.0
"""What every voice is brought to: about what spoken programmes have, with room for the peaks of speech."""
_MAX_GAIN = 10.0
_MAX_CHARS = 4_000
_MAX_PHONEMES = 400
"""In one run of the model: its memory grows with the square."""
_LONG = 200
"""Symbols of a run after which its memory is given back (160 MB for ten seconds of speech). Always giving it back costs
a seventh of the time."""


class PiperSynthesizer:
    """A Piper voice behind the `Synthesizer` protocol. Not thread-safe: one thread at a time.

    The loudness of each speaker is measured once and then scaled by the same factor for every phrase: scaling each
    phrase to its own peak, as Piper's own code does, makes "Yes." louder than the sentence after it.

    Args:
        path: the voice's `.onnx` file with its `.onnx.json` beside it, or the folder that holds one such pair; or a
            voice that was read already.
        threads: threads of one synthesis.
        name: the name in the catalog; the file's name if empty.
        speed: speaking rate, 0.25 to 2; 1 is the voice's own.
        speaker: name or number of a speaker, for voices with several.

    Raises:
        ModelError: the files are missing, damaged or not a Piper voice.
        ConfigError: the speaking rate is out of range, or there is no such speaker.
    """

    def __init__(
        self,
        path: Path | str | VoiceFile,
        threads: int = 1,
        *,
        name: str = "",
        speed: float = 1.0,
        speaker: str | int = "",
    ) -> None:
        check_speed(speed)
        file = path if isinstance(path, VoiceFile) else read_voice(Path(path))
        self._name = name or file.model.name.removesuffix(".onnx")
        self._speed = speed
        self._speaker = speaker if isinstance(speaker, int) else file.speaker(speaker)
        self._language = file.language
        self._config = file.config
        self._session = file.open(threads)
        self._has_durations = len(self._session.get_outputs()) > 1
        self._voice = PiperVoice(session=self._session, config=file.config)
        self._frames = np.zeros(0, np.float64)
        self._scales: dict[float, float] = {}
        self._gains: dict[int, float] = {}
        try:
            self._gain(self._speaker)
        except VoiceboxError as error:
            raise ModelError(
                f"The voice in {file.model} cannot speak: {error.message}", cure=cure(file.model)
            ) from error

    @property
    def name(self) -> str:
        """The voice's name."""
        return self._name

    @property
    def rate(self) -> int:
        """Hz of its audio."""
        return int(self._config.sample_rate)

    @property
    def language(self) -> str:
        """What it speaks: two or three letters."""
        return self._language

    def synthesize(
        self, phrase: str, *, speed: float | None = None, speaker: int | None = None, stop: Stop | None = None
    ) -> SpokenPhrase:
        """Speak one phrase.

        Silence before it is cut to 5 ms, silence after it to the pause that its last character asks for. What cannot be
        said (only punctuation, an emoji) gives no audio. `text` and `words` are as written; numbers and symbols are
        read out as `speakable` says.

        Args:
            phrase: a clause or a sentence.
            speed: speaking rate, 0.25 to 2; None is the voice's own as it was made.
            speaker: number of a speaker; None is the one that the voice was made with.
            stop: gives up within some milliseconds of being set.

        Raises:
            EngineError: the phrase is far too long, or the model failed.
            ConfigError: the speaking rate is out of range.
            StoppedError: it was given up.
        """
        speed = self._speed if speed is None else check_speed(speed)
        speaker = self._speaker if speaker is None else speaker
        if len(phrase) > _MAX_CHARS:
            raise EngineError(f"A phrase of {len(phrase)} characters is too long to speak at once (limit {_MAX_CHARS})")
        began = time.perf_counter()
        spoken, ends, audio = self._run(self._phonemes(phrase), speed, speaker, stop or Stop())
        gain = self._gain(speaker)
        audio, cut = trim(audio, self.rate, phrase)
        audio = limit(audio * np.float32(gain), self.rate)
        ends = [min(max(end - cut, 0), len(audio)) for end in ends]
        alone = [(word, [p for sentence in self._phonemes(word) for p in sentence]) for word in phrase.split()]
        words = place_words(alone, spoken, ends)
        return SpokenPhrase(phrase, audio, self.rate, words, (time.perf_counter() - began) * 1000)

    def _run(
        self, sentences: Sequence[Sequence[str]], speed: float, speaker: int, stop: Stop
    ) -> tuple[list[str], list[int], NDArray[np.float32]]:
        """All phonemes as spoken, the sample at which each ends, and the audio as the model gives it."""
        spoken: list[str] = []
        ends: list[int] = []
        pieces: list[NDArray[np.float32]] = []
        length = 0
        for sentence in sentences:
            for phonemes in _portions(sentence):
                piece, piece_ends = self._speak(phonemes, speed, speaker, stop)
                pieces.append(piece)
                spoken += phonemes
                ends += [length + end for end in piece_ends]
                length += len(piece)
        return spoken, ends, np.concatenate(pieces) if pieces else np.zeros(0, np.float32)

    def _phonemes(self, text: str) -> list[list[str]]:
        config = self._config
        text = speakable(text, language=self._language)
        if config.phoneme_type is PhonemeType.ESPEAK and not config.vowel_clusters:
            return phonemize(text, config.espeak_voice)
        if not any(c.isalnum() for c in text):
            return []
        with ESPEAK_LOCK:
            return [sentence for sentence in self._voice.phonemize(text) if sentence]

    def _gain(self, speaker: int) -> float:
        """What a speaker's audio is multiplied by; the first time, the speaker is listened to."""
        if speaker not in self._gains:
            portions = [p for sentence in self._phonemes(probe_text(self._language)) for p in _portions(sentence)]
            runs = [self._infer(self._ids(p)[0], 1.0, speaker, Stop()) for p in portions]
            audio = np.concatenate([audio for audio, _ in runs] or [np.zeros(0, np.float32)])
            loudness = integrated_loudness(audio, self.rate)
            gain = min(10 ** ((TARGET_LUFS - loudness) / 20), _MAX_GAIN) if math.isfinite(loudness) else 1.0
            if runs and not len(self._frames):
                self._frames = np.concatenate([widths for _, widths in runs]) / self._config.hop_length
            self._gains[speaker] = gain
        return self._gains[speaker]

    def _scale(self, speed: float) -> float:
        """The model's length scale for a speaking rate."""
        if speed not in self._scales:
            self._scales[speed] = self._config.length_scale * length_factor(self._frames, speed)
        return self._scales[speed]

    def _speak(
        self, phonemes: Sequence[str], speed: float, speaker: int, stop: Stop
    ) -> tuple[NDArray[np.float32], list[int]]:
        """Audio of one portion, and for each phoneme the sample at which it ends."""
        ids, counts = self._ids(phonemes)
        audio, widths = self._infer(ids, speed, speaker, stop)
        at = np.cumsum(widths)
        limits = np.minimum(np.cumsum(counts), len(ids)) - 1
        return audio, [int(at[i]) for i in limits]

    def _infer(
        self, ids: Sequence[int], speed: float, speaker: int, stop: Stop
    ) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
        """One run of the model: audio, and how many samples each symbol takes (alike if the voice does not tell)."""
        config = self._config
        scales = [config.noise_scale, self._scale(speed), config.noise_w_scale]
        feeds: dict[str, Any] = {
            "input": np.array([ids], np.int64),
            "input_lengths": np.array([len(ids)], np.int64),
            "scales": np.array(scales, np.float32),
        }
        if config.num_speakers > 1:
            feeds["sid"] = np.array([speaker], np.int64)
        options = onnxruntime.RunOptions()
        if len(ids) > _LONG:
            options.add_run_config_entry("memory.enable_memory_arena_shrinkage", "cpu:0")

        def terminate() -> None:
            options.terminate = True

        try:
            with stop.acting(terminate):
                outputs: Sequence[Any] = self._session.run(None, feeds, options)
        except Exception as error:
            if stop.is_set:
                raise StoppedError("The phrase was given up") from None
            raise EngineError(f"The voice {self._name} failed on a phrase: {error}") from error
        audio = np.asarray(outputs[0], np.float32).reshape(-1)
        if not np.isfinite(audio).all():
            raise EngineError(f"The voice {self._name} gave no usable audio for a phrase")
        widths = np.asarray(outputs[1], np.float64).reshape(-1) if self._has_durations else np.ones(len(ids))
        if len(widths) != len(ids) or not widths.sum() > 0:
            widths = np.ones(len(ids))
        return audio, widths * (len(audio) / widths.sum())

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


def check_speed(speed: float) -> float:
    """The speaking rate, if voices can speak at it.

    Raises:
        ConfigError: it is out of range.
    """
    if not MIN_SPEED <= speed <= MAX_SPEED:
        raise ConfigError(
            f"A speaking rate of {speed:g} is out of range", cure=f"Take one between {MIN_SPEED:g} and {MAX_SPEED:g}."
        )
    return speed


def _portions(phonemes: Sequence[str]) -> Iterator[Sequence[str]]:
    """A sentence in portions that the model takes at once, cut between words where there are any."""
    start = 0
    while len(phonemes) - start > _MAX_PHONEMES:
        end = start + _MAX_PHONEMES
        space = next((i for i in range(end, start + _MAX_PHONEMES // 2, -1) if phonemes[i] == " "), end)
        yield phonemes[start:space]
        start = space
    if start < len(phonemes):
        yield phonemes[start:]
