"""Whisper with an encoder context as long as the speech.

Whisper was trained on windows of 30 s, and its usual programs pad every clip to that. Here the context is the clip and
a little silence, which costs a fraction, and makes the model loop: `loops.py` has the guard. Text that Whisper
invents for noise is thrown away when it finds speech unlikely and is itself unsure of the words; either alone would
cost real speech.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from voicebox.errors import EngineError, ModelError
from voicebox.stt.ct2 import Decoded, Encoded, WhisperModel
from voicebox.stt.loops import Repetition, find_repetition, token_budget
from voicebox.stt.pieces import split_quietly
from voicebox.stt.types import SAMPLE_RATE, Audio, Clip, Hypothesis, Word

__all__ = ["Tuning", "WhisperRecognizer"]

_MAX_PIECE_S = 27.0
_MIN_CONTEXT_S = 1.0
_STEP = 8

_Row = Callable[[], Encoded]
"""Gives a clip's own encoder output; copying it out of the batch is put off until it is needed."""


@dataclass(frozen=True, slots=True)
class Tuning:
    """What was measured to work.

    Attributes:
        pad_s: silence after the clip.
        prompt_pad_s: the same when there is a prompt, which makes loops likelier.
        tokens_per_s: what one pass may write; a text that is not finished then goes on, unless it loops.
        max_tokens_per_s: nobody speaks faster.
        repeat_per_s: a text that repeats itself at no more tokens per second may have been said so, and is looked at
            again with
        repeat_pad_s: silence, which makes loops rare.
        no_speech: a text is noise if its no-speech probability is over this, and
        logprob: its average log-probability is under this.
        prompt_no_speech: the same as `no_speech` with a prompt, to which Whisper clings.
        silence_peak: audio that never reaches this amplitude is not decoded at all.
        bucket_s: clips whose contexts differ by no more are decoded together.
        max_batch: clips in one pass.
    """

    pad_s: float = 1.0
    prompt_pad_s: float = 2.0
    tokens_per_s: float = 5.0
    max_tokens_per_s: float = 10.0
    repeat_per_s: float = 4.0
    repeat_pad_s: float = 6.0
    no_speech: float = 0.5
    logprob: float = -0.7
    prompt_no_speech: float = 0.3
    silence_peak: float = 1e-3
    bucket_s: float = 1.0
    max_batch: int = 16


@dataclass(frozen=True, slots=True)
class _Job:
    """A clip, or a piece of a long one, on its way through the model."""

    index: int
    clip: Clip
    audio: Audio
    offset_s: float
    prompt: tuple[int, ...]
    context_s: float

    @property
    def audio_s(self) -> float:
        return len(self.audio) / SAMPLE_RATE

    @property
    def kind(self) -> tuple[int, int]:
        """Jobs of another kind cannot share a pass."""
        return self.clip.beam, len(self.prompt)


@dataclass(frozen=True, slots=True)
class _Piece:
    """What became of a job; `avg_logprob` is over `weight` tokens."""

    text: str
    avg_logprob: float
    no_speech_prob: float
    language: str
    weight: int
    words: tuple[Word, ...]
    rejected: bool


class WhisperRecognizer:
    """A Whisper model in CTranslate2's format. Call it from at most `workers` threads at a time.

    Args:
        path: the model's folder: model.bin, config.json, tokenizer.json and a vocabulary.
        name: its name in the catalog.
        device: "cpu", "cuda" or "auto".
        compute_type: one of CTranslate2's; "auto" is int8 on a CPU and float16 on CUDA.
        threads: CPU threads of one decode.
        workers: decodes that may run at the same time, on one copy of the weights.
        language: what is spoken, as a code such as "en"; "auto" detects it per clip.
        tuning: see `Tuning`.

    Raises:
        ModelError: the folder is not such a model, or does not know that language.
        EngineError: the device or the compute type is not available.
    """

    def __init__(
        self,
        path: str | Path,
        name: str,
        *,
        device: str = "auto",
        compute_type: str = "auto",
        threads: int = 1,
        workers: int = 1,
        language: str = "en",
        tuning: Tuning | None = None,
    ) -> None:
        self._name = name
        self._tuning = tuning or Tuning()
        self._model = WhisperModel(
            Path(path), name, device=device, compute_type=compute_type, threads=threads, workers=workers
        )
        if not self._model.multilingual:
            if language not in ("en", "auto"):
                raise ModelError(
                    f"{name} knows no {language!r}, only English", cure="Use a multilingual Whisper model."
                )
            language = "en"
        if language != "auto":
            self._model.tokenizer(language)
        self._language = language

    @property
    def name(self) -> str:
        """The model's name in the catalog."""
        return self._name

    @property
    def device(self) -> str:
        """Where it runs: "cpu" or "cuda"."""
        return self._model.device

    @property
    def compute_type(self) -> str:
        """The numbers that it runs in, as CTranslate2 resolved them."""
        return self._model.compute_type

    def decode(self, clips: Sequence[Clip]) -> list[Hypothesis]:
        """Recognise clips of any length as one batch; one hypothesis each, in order.

        Clips of like length with prompts of equal length go through the model together. A clip longer than Whisper's
        window is cut where it is quiet, and joined. `decode_ms` is the time until the clip's last pass was done.

        Raises:
            EngineError: the model failed.
        """
        began = time.perf_counter()
        jobs = [job for index, clip in enumerate(clips) for job in self._jobs(index, clip)]
        done: dict[tuple[int, float], _Piece] = {}
        ended_ms = [0.0] * len(clips)
        for batch in self._batches(jobs):
            try:
                pieces = self._run(batch)
            except (RuntimeError, ValueError) as error:
                raise EngineError(f"{self._name} failed on {len(batch)} clips ({error})") from error
            for job, piece in zip(batch, pieces, strict=True):
                done[job.index, job.offset_s] = piece
                ended_ms[job.index] = (time.perf_counter() - began) * 1000
        parts: list[list[_Piece]] = [[] for _ in clips]
        for job in jobs:
            parts[job.index].append(done[job.index, job.offset_s])
        return [self._join(*args) for args in zip(clips, parts, ended_ms, strict=True)]

    def _jobs(self, index: int, clip: Clip) -> Iterator[_Job]:
        audio = np.clip(np.nan_to_num(clip.audio, nan=0.0, posinf=0.0, neginf=0.0), -1.0, 1.0)
        if not len(audio) or float(np.abs(audio).max()) < self._tuning.silence_peak:
            return
        prompt = tuple(self._model.prompt_tokens(clip.prompt))
        pad_s = self._tuning.prompt_pad_s if prompt else self._tuning.pad_s
        offset = 0
        for piece in split_quietly(audio, _MAX_PIECE_S):
            context_s = max(len(piece) / SAMPLE_RATE + pad_s, _MIN_CONTEXT_S)
            yield _Job(index, clip, piece, offset / SAMPLE_RATE, prompt, context_s)
            offset += len(piece)

    def _batches(self, jobs: Sequence[_Job]) -> Iterator[list[_Job]]:
        """Jobs that share a pass: of one kind, with contexts within a bucket."""
        batch: list[_Job] = []
        for job in sorted(jobs, key=lambda job: (job.kind, job.context_s)):
            if batch and (
                job.kind != batch[0].kind
                or job.context_s > batch[0].context_s + self._tuning.bucket_s
                or len(batch) >= self._tuning.max_batch
            ):
                yield batch
                batch = []
            batch.append(job)
        if batch:
            yield batch

    def _run(self, batch: Sequence[_Job]) -> list[_Piece]:
        encoded = self._model.encode([job.audio for job in batch], max(job.context_s for job in batch))
        auto = self._language == "auto"
        languages = self._model.detect_language(encoded) if auto else [self._language] * len(batch)
        starts = [self._model.start(lang, job.prompt) for lang, job in zip(languages, batch, strict=True)]
        budget = token_budget(max(job.audio_s for job in batch), self._tuning.tokens_per_s)
        decoded = self._model.generate(encoded, starts, beam=batch[0].clip.beam, max_tokens=budget)
        pieces = []
        for at, (job, first) in enumerate(zip(batch, decoded, strict=True)):
            row = partial(self._model.row, encoded, at)
            final, kept = self._settle(row, starts[at], first, job)
            pieces.append(self._piece(row, languages[at], final, kept, job))
        return pieces

    def _settle(self, row: _Row, start: list[int], first: Decoded, job: _Job) -> tuple[Decoded, list[int]]:
        """The text as it counts, and which of its tokens: unfinished ones go on, loops are cut."""
        repetition = self._repetition(first)
        if repetition and repetition.end <= self._tuning.repeat_per_s * job.audio_s:
            return self._look_again(start, job)
        if first.finished or repetition:
            return first, first.tokens[: repetition.at] if repetition else first.tokens
        return self._continue(row(), start, first, job)

    def _look_again(self, start: list[int], job: _Job) -> tuple[Decoded, list[int]]:
        """Decode with so much silence that a repetition which the model ends itself was said."""
        encoded = self._model.encode([job.audio], job.audio_s + self._tuning.repeat_pad_s)
        budget = token_budget(job.audio_s, self._tuning.repeat_per_s)
        (decoded,) = self._model.generate(encoded, [start], beam=job.clip.beam, max_tokens=budget)
        if decoded.finished:
            return decoded, decoded.tokens
        repetition = self._repetition(decoded)
        if repetition:
            return decoded, decoded.tokens[: repetition.at]
        return self._continue(encoded, start, decoded, job)

    def _repetition(self, decoded: Decoded) -> Repetition | None:
        return find_repetition(decoded.tokens, self._model.sounds(decoded.tokens), finished=decoded.finished)

    def _continue(self, encoded: Encoded, start: list[int], text: Decoded, job: _Job) -> tuple[Decoded, list[int]]:
        """Let an unfinished text go on, some tokens at a time, until it ends or repeats itself."""
        most = token_budget(job.audio_s, self._tuning.max_tokens_per_s)
        repetition = None
        while not text.finished and not repetition and len(text.tokens) < most:
            step = max(_STEP, len(text.tokens) // 2)
            more = self._model.extend(
                encoded, start, text, beam=job.clip.beam, max_tokens=min(most, len(text.tokens) + step)
            )
            if len(more.tokens) <= len(text.tokens):
                return more, more.tokens
            text, repetition = more, self._repetition(more)
        return text, text.tokens[: repetition.at] if repetition else text.tokens

    def _piece(self, row: _Row, language: str, decoded: Decoded, tokens: list[int], job: _Job) -> _Piece:
        text = self._model.tokenizer(language).decode(tokens).strip()
        no_speech = self._tuning.prompt_no_speech if job.prompt else self._tuning.no_speech
        unsure = decoded.no_speech_prob > no_speech and decoded.avg_logprob < self._tuning.logprob
        rejected = unsure or not any(c.isalnum() for c in text)
        words: tuple[Word, ...] = ()
        if job.clip.word_times and not rejected:
            heard = self._model.align(row(), language, tokens, job.audio_s)
            words = tuple(Word(w.text, w.start_s + job.offset_s, w.end_s + job.offset_s, w.probability) for w in heard)
        return _Piece(text, decoded.avg_logprob, decoded.no_speech_prob, language, len(tokens) + 1, words, rejected)

    def _join(self, clip: Clip, pieces: Sequence[_Piece], decode_ms: float) -> Hypothesis:
        spoken = [piece for piece in pieces if not piece.rejected]
        weighed = spoken or pieces
        weights = [piece.weight for piece in weighed]
        return Hypothesis(
            text=" ".join(piece.text for piece in spoken),
            avg_logprob=float(np.average([p.avg_logprob for p in weighed], weights=weights)) if weighed else 0.0,
            no_speech_prob=min((piece.no_speech_prob for piece in weighed), default=1.0),
            language=weighed[0].language if weighed else ("en" if self._language == "auto" else self._language),
            audio_s=len(clip.audio) / SAMPLE_RATE,
            decode_ms=decode_ms,
            words=tuple(word for piece in spoken for word in piece.words),
            rejected=not spoken,
            raw_text=" ".join(piece.text for piece in pieces if piece.text),
        )
