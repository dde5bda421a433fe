"""A Whisper model in CTranslate2's format: loading, features, encoder, decoder, alignment; tokens in, tokens out."""

from __future__ import annotations

import itertools
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ctranslate2
import numpy as np
from faster_whisper.feature_extractor import FeatureExtractor
from faster_whisper.tokenizer import Tokenizer

from voicebox.errors import EngineError, ModelError
from voicebox.stt.folder import open_folder
from voicebox.stt.shortlist import Keep, shortened
from voicebox.stt.types import SAMPLE_RATE, Audio, Word

__all__ = ["MAX_CONTEXT_S", "Decoded", "Encoded", "WhisperModel"]

MAX_CONTEXT_S = 30.0
"""Whisper's window."""

MAX_PROMPT = 223
"""Tokens of previous text that leave half of the text context for what is said."""

_HOP = SAMPLE_RATE // 100
_MAX_TEXT = 448
_MULTILINGUAL = 51_865
"""Tokens of the smallest multilingual vocabulary; the English one has one less."""

_LOG = logging.getLogger(__name__)

Encoded = Any
"""Encoder output of a batch, in the library's own array type, shape `(clips, frames / 2, width)`."""


@dataclass(frozen=True, slots=True)
class Decoded:
    """One clip's tokens, without the end of text; `finished` tells whether the model ended it itself."""

    tokens: list[int]
    avg_logprob: float
    no_speech_prob: float
    finished: bool


class WhisperModel:
    """The model, its tokenizers and its feature extractor. Call it from at most `workers` threads at a time.

    Args:
        folder: holds model.bin, config.json, tokenizer.json and a vocabulary.
        name: what errors call it.
        device: "cpu", "cuda" or "auto": the GPU if there is one and it works.
        compute_type: one of CTranslate2's; "auto" is int8 on a CPU and float16 on CUDA.
        threads: CPU threads of one call.
        workers: calls at the same time, on one copy of the weights.
        keep: chooses the tokens that the decoder may write, given the text of all; the rest is cut off the copy of
            the weights that is loaded. None keeps all; so does a GPU, which would gain nothing.

    Raises:
        ModelError: the folder is not such a model.
        EngineError: the device or the compute type is not available.
    """

    def __init__(
        self,
        folder: Path,
        name: str,
        *,
        device: str,
        compute_type: str,
        threads: int,
        workers: int = 1,
        keep: Keep | None = None,
    ) -> None:
        self._folder = open_folder(folder, name)
        self._vocabulary = self._folder.tokenizer
        self._keep = keep
        self.device = device
        if device == "auto":
            self.device = "cuda" if ctranslate2.get_cuda_device_count() else "cpu"
        cure = f"Pull it again: voicebox models pull {name}"
        try:
            self._load(self.device, compute_type, threads, workers)
        except (RuntimeError, ValueError) as error:
            if device == "auto" and self.device == "cuda":
                # A GPU without the CUDA libraries that CTranslate2 wants: they are missed at the first encoding only.
                _LOG.warning("%s cannot run on the GPU (%s): it runs on the CPU", name, error)
                self.device = "cpu"
                try:
                    self._load(self.device, "auto", threads, workers)
                except RuntimeError as second:
                    raise ModelError(f"The Whisper model {name} cannot be loaded ({second})", cure=cure) from second
            elif isinstance(error, ValueError) or self.device == "cuda":
                raise EngineError(f"{name} cannot run on {self.device} as {compute_type} ({error})") from error
            else:
                raise ModelError(f"The Whisper model {name} cannot be loaded ({error})", cure=cure) from error
        self.compute_type: str = self._model.compute_type
        self.multilingual = len(self._folder.vocabulary) >= _MULTILINGUAL
        self._tokenizers: dict[str, Tokenizer] = {}
        self._sounds: dict[int, int] = {}
        self._sound_ids: dict[str, int] = {"": 0}
        self._next_sound = itertools.count(1)

    def _load(self, device: str, compute_type: str, threads: int, workers: int) -> None:
        if compute_type == "auto":
            compute_type = "int8" if device == "cpu" else "float16"
        self._shortlist, files = None, None
        if device == "cpu" and self._keep is not None:
            self._shortlist, files = shortened(self._folder, self._keep)
        self._model = ctranslate2.models.Whisper(
            str(self._folder.path),
            device=device,
            compute_type=compute_type,
            inter_threads=workers,
            intra_threads=threads,
            files=files,
        )
        self._features = FeatureExtractor(feature_size=self._model.n_mels)
        if device == "cuda":
            self.encode([np.zeros(SAMPLE_RATE, np.float32)], 1.0)

    @property
    def vocabulary_size(self) -> int:
        """How many tokens it can write."""
        return len(self._shortlist) if self._shortlist else len(self._folder.vocabulary)

    def tokenizer(self, language: str) -> Tokenizer:
        """The tokenizer with the start sequence of a language.

        Raises:
            ModelError: Whisper knows no such language.
        """
        if language not in self._tokenizers:
            try:
                self._tokenizers[language] = Tokenizer(
                    self._vocabulary, self.multilingual, task="transcribe", language=language
                )
            except ValueError as error:
                raise ModelError(
                    f"Whisper has no language {language!r}", cure="Use a code such as en or de."
                ) from error
        return self._tokenizers[language]

    def prompt_tokens(self, text: str) -> list[int]:
        """A text as previous text: its last tokens that fit, empty for an empty text."""
        text = text.strip()
        tokens = self._vocabulary.encode(" " + text, add_special_tokens=False).ids if text else []
        return (self._shortlist.spell(tokens) if self._shortlist else tokens)[-MAX_PROMPT:]

    def start(self, language: str, prompt: Sequence[int]) -> list[int]:
        """What the decoder is given before it writes."""
        tokenizer = self.tokenizer(language)
        previous = [tokenizer.sot_prev, *prompt] if prompt else []
        return [*previous, *tokenizer.sot_sequence, tokenizer.no_timestamps]

    def sounds(self, tokens: Sequence[int]) -> list[int]:
        """For each token a number that tokens of equal letters share, whatever their case; 0 if it has none."""
        for token in tokens:
            if token not in self._sounds:
                letters = "".join(c for c in self._vocabulary.decode([token]).lower() if c.isalnum() or c == "�")
                # Bytes of a longer character decode to the replacement sign: such a token is its own sound.
                key = f"#{token}" if "�" in letters else letters
                self._sounds[token] = self._sound_ids.setdefault(key, next(self._next_sound))
        return [self._sounds[token] for token in tokens]

    def encode(self, clips: Sequence[Audio], context_s: float) -> Encoded:
        """Encode clips, zero-padded (or cut) to the same context of at most 30 s."""
        frames = int(np.ceil(min(context_s, MAX_CONTEXT_S) * SAMPLE_RATE / _HOP / 2)) * 2
        samples = frames * _HOP
        features = []
        for clip in clips:
            padded = np.zeros(samples, np.float32)
            padded[: min(len(clip), samples)] = clip[:samples]
            features.append(self._features(padded, padding=0))
        batch = np.ascontiguousarray(np.stack(features), np.float32)
        return self._model.encode(ctranslate2.StorageView.from_array(batch))

    def row(self, encoded: Encoded, at: int) -> Encoded:
        """One clip's encoder output as a batch of its own."""
        if encoded.shape[0] == 1:
            return encoded
        if self.device == "cpu":
            return ctranslate2.StorageView.from_array(np.array(encoded)[at : at + 1])
        host = np.array(encoded.to_device(ctranslate2.Device.cpu).to(ctranslate2.DataType.float32))
        back = ctranslate2.StorageView.from_array(np.ascontiguousarray(host[at : at + 1]))
        return back.to(encoded.dtype).to_device(ctranslate2.Device.cuda)

    def detect_language(self, encoded: Encoded, allowed: Sequence[str] = ()) -> list[tuple[str, float]]:
        """The likeliest language of each clip among those allowed (none: all), and its probability among them."""
        found = []
        for best in self._model.detect_language(encoded):
            languages = [(code.strip("<|>"), float(p)) for code, p in best]
            some = [(code, p) for code, p in languages if not allowed or code in allowed]
            total = sum(p for _, p in some)
            found.append((some[0][0], some[0][1] / total if total > 0 else 0.0))
        return found

    def generate(
        self,
        encoded: Encoded,
        starts: Sequence[list[int]],
        *,
        beam: int,
        max_tokens: int,
        temperature: float = 0.0,
        endless: bool = False,
    ) -> list[Decoded]:
        """Write at most `max_tokens` tokens for each clip; starts are of one length.

        A temperature over 0 draws each token at random, `beam` is 1 then. `endless` writes exactly so many.
        """
        room = min(max_tokens, _MAX_TEXT - len(starts[0]))
        options: dict[str, Any] = {"sampling_topk": 0, "sampling_temperature": temperature} if temperature > 0 else {}
        if endless:
            options["suppress_tokens"] = [-1, *self._short([self._folder.vocabulary.index("<|endoftext|>")])]
        results = self._generate(encoded, starts, beam, len(starts[0]), room, **options)
        return [self._decoded(result, 0, 0.0, room) for result in results]

    def extend(self, encoded: Encoded, start: list[int], text: Decoded, *, beam: int, max_tokens: int) -> Decoded:
        """Let an unfinished text of one clip go on, to `max_tokens` tokens altogether."""
        room = min(max_tokens, _MAX_TEXT - len(start))
        if room <= len(text.tokens):
            return text
        # Tokens after the start sequence are forced, given back with the new ones, and counted as if written.
        (result,) = self._generate(encoded, [[*start, *text.tokens]], beam, len(start), room)
        return self._decoded(result, len(text.tokens), text.avg_logprob * (len(text.tokens) + 1), room)

    def _generate(
        self, encoded: Encoded, starts: Sequence[list[int]], beam: int, given: int, room: int, **options: Any
    ) -> list[Any]:
        results: list[Any] = self._model.generate(
            encoded,
            [self._short(start) for start in starts],
            beam_size=beam,
            # CTranslate2 lets half of max_length be written, whatever the prompt.
            max_length=max(given + room, 2 * room),
            return_scores=True,
            return_no_speech_prob=True,
            **options,
        )
        return results

    def _short(self, tokens: Sequence[int]) -> list[int]:
        return self._shortlist.shorten(tokens) if self._shortlist else list(tokens)

    def _decoded(self, result: Any, forced: int, forced_logprob: float, room: int) -> Decoded:
        tokens = list(result.sequences_ids[0])
        # The score is the sum over the tokens that were written by the count of all; Whisper's thresholds want the
        # mean over all, with the end of text.
        total = float(result.scores[0]) * len(tokens) + forced_logprob
        if self._shortlist:
            tokens = self._shortlist.restore(tokens)
        return Decoded(tokens, total / (len(tokens) + 1), float(result.no_speech_prob), len(tokens) < room)

    def align(self, encoded: Encoded, language: str, tokens: Sequence[int], audio_s: float) -> tuple[Word, ...]:
        """When each word of one clip was said (cross-attention and dynamic time warping)."""
        tokenizer = self.tokenizer(language)
        frames = int(audio_s * SAMPLE_RATE / _HOP)
        start, text = self._short(tokenizer.sot_sequence), self._short(tokens)
        (result,) = self._model.align(encoded, start, [text], [max(frames, 2)])
        texts, groups = tokenizer.split_to_word_tokens([*tokens, tokenizer.eot])
        pairs = np.array(result.alignments, np.int64).reshape(-1, 2)
        # Where each token begins, in encoder frames of 20 ms; the end of text closes the last word.
        first = np.searchsorted(pairs[:, 0], np.arange(len(tokens) + 1))
        times = np.append(pairs[:, 1], pairs[-1, 1] + 1)[np.minimum(first, len(pairs))] * 2 * _HOP / SAMPLE_RATE
        words: list[Word] = []
        at = 0
        for word_text, group in zip(texts[:-1], groups[:-1], strict=True):
            end = at + len(group)
            probability = float(np.mean(result.text_token_probs[at:end]))
            word = Word(word_text.strip(), float(times[at]), float(min(times[end], audio_s)), probability)
            if words and not any(c.isalnum() for c in word.text):
                last = words.pop()
                word = Word(last.text + word.text, last.start_s, last.end_s, last.probability)
            words.append(word)
            at = end
        return tuple(words)
