"""Whisper with an encoder context as long as the speech.

Whisper was trained on windows of 30 s, and its usual programs pad every clip to that. Here the context is the clip and
a little silence, which costs a fraction, and makes the model loop: `loops.py` has the guard. A final text that is
doubtful is decoded once more with a wider search, where time allows; `guards.py` throws away what is no speech.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from voicebox.errors import EngineError, ModelError
from voicebox.stt.ct2 import Decoded, Encoded, WhisperModel
from voicebox.stt.guards import is_noise
from voicebox.stt.loops import Repetition, find_repetition, is_refrain, token_budget
from voicebox.stt.pieces import split_quietly
from voicebox.stt.tuning import Tuning
from voicebox.stt.types import SAMPLE_RATE, Audio, Clip, Hypothesis, Word

__all__ = ["Tuning", "WhisperRecognizer"]

_MAX_PIECE_S = 27.0
_MIN_CONTEXT_S = 1.0
_STEP = 8

_Row = Callable[[], Encoded]
"""Gives a clip's own encoder output; copying it out of the batch is put off until it is needed."""


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
class _Text:
    """What a job's decode came to: its tokens as they count, and what is known of them."""

    decoded: Decoded
    tokens: list[int]
    language: str
    language_probability: float
    retried: bool = False


@dataclass(frozen=True, slots=True)
class _Piece:
    """What became of a job; `avg_logprob` is over `weight` tokens."""

    text: str
    avg_logprob: float
    no_speech_prob: float
    language: str
    language_probability: float
    weight: int
    words: tuple[Word, ...]
    rejected: bool
    retried: bool


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
        languages: what "auto" chooses from; empty for all that the model knows.
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
        languages: Sequence[str] = (),
        tuning: Tuning | None = None,
    ) -> None:
        self._name = name
        self._tuning = tuning or Tuning()
        self._model = WhisperModel(
            Path(path),
            name,
            device=device,
            compute_type=compute_type,
            threads=threads,
            workers=workers,
            keep=self._tuning.keep if language == "en" else None,
        )
        if not self._model.multilingual:
            if language not in ("en", "auto"):
                raise ModelError(
                    f"{name} knows no {language!r}, only English", cure="Use a multilingual Whisper model."
                )
            language = "en"
        for code in languages if language == "auto" else (language,):
            self._model.tokenizer(code)
        self._language = language
        self._allowed = tuple(languages)

    @property
    def name(self) -> str:
        """The model's name in the catalog."""
        return self._name

    @property
    def multilingual(self) -> bool:
        """Whether it knows other languages than English."""
        return bool(self._model.multilingual)

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
        offset = 0
        for piece in split_quietly(audio, _MAX_PIECE_S):
            context_s = max(self._context_s(len(piece) / SAMPLE_RATE, bool(prompt)), _MIN_CONTEXT_S)
            yield _Job(index, clip, piece, offset / SAMPLE_RATE, prompt, context_s)
            offset += len(piece)

    def _context_s(self, audio_s: float, prompted: bool) -> float:
        least = self._tuning.prompt_pad_s if prompted else self._tuning.pad_s
        return audio_s + max(least, min(audio_s * self._tuning.pad_share, self._tuning.max_pad_s))

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
        languages = self._languages(encoded, batch)
        starts = [self._model.start(lang, job.prompt) for (lang, _), job in zip(languages, batch, strict=True)]
        budget = token_budget(max(job.audio_s for job in batch), self._tuning.tokens_per_s)
        began = time.monotonic()
        decoded = self._model.generate(encoded, starts, beam=batch[0].clip.beam, max_tokens=budget)
        pieces = []
        for at, (job, first) in enumerate(zip(batch, decoded, strict=True)):
            row = partial(self._model.row, encoded, at)
            text = _Text(*self._settle(row, starts[at], first, job), *languages[at])
            if self._worth_a_retry(text, job, took_s=time.monotonic() - began):
                text = self._retry(text, starts[at], job)
            pieces.append(self._piece(row, text, job))
        return pieces

    def _languages(self, encoded: Encoded, batch: Sequence[_Job]) -> list[tuple[str, float]]:
        """Each clip's language and how sure that is, from the encoder output at hand.

        Partials are in the speaker's language so far; a final may change it.
        """
        known = [job.clip.language if self._language == "auto" else self._language for job in batch]
        final = [job.clip.retry_until_s is not None for job in batch]
        if self._language != "auto" or not any(f or not k for f, k in zip(final, known, strict=True)):
            return [(language, 1.0) for language in known]
        found = self._model.detect_language(encoded, self._allowed)
        chosen = []
        for job, so_far, may_change, (code, probability) in zip(batch, known, final, found, strict=True):
            sure = may_change and probability >= self._tuning.switch and job.audio_s >= self._tuning.switch_s
            chosen.append((code, probability) if not so_far or sure or code == so_far else (so_far, 1.0 - probability))
        return chosen

    def _worth_a_retry(self, text: _Text, job: _Job, *, took_s: float) -> bool:
        """Whether a text is doubtful and the time is there: a wider search takes about twice as long."""
        until = job.clip.retry_until_s
        doubtful = text.tokens and text.decoded.avg_logprob < self._tuning.retry_logprob
        return bool(doubtful) and until is not None and time.monotonic() + 2 * took_s <= until

    def _retry(self, text: _Text, start: list[int], job: _Job) -> _Text:
        encoded = self._model.encode([job.audio], job.audio_s + self._tuning.retry_pad_s)
        budget = token_budget(job.audio_s, self._tuning.tokens_per_s)
        beam = max(job.clip.beam, self._tuning.retry_beam)
        (second,) = self._model.generate(encoded, [start], beam=beam, max_tokens=budget)
        if second.avg_logprob <= text.decoded.avg_logprob:
            return replace(text, retried=True)
        repetition = self._repetition(second)
        tokens = second.tokens[: repetition.at] if repetition else second.tokens
        return replace(text, decoded=second, tokens=tokens, retried=True)

    def _settle(self, row: _Row, start: list[int], first: Decoded, job: _Job) -> tuple[Decoded, list[int]]:
        """The text as it counts, and which of its tokens: unfinished ones go on, loops are cut."""
        repetition = self._repetition(first)
        short = repetition is not None and repetition.end <= self._tuning.repeat_per_s * job.audio_s
        if short or is_refrain(self._model.sounds(first.tokens)):
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

    def _piece(self, row: _Row, found: _Text, job: _Job) -> _Piece:
        decoded, tokens = found.decoded, found.tokens
        text = self._model.tokenizer(found.language).decode(tokens).strip()
        rejected = is_noise(text, decoded.avg_logprob, decoded.no_speech_prob, self._tuning, prompted=bool(job.prompt))
        words: tuple[Word, ...] = ()
        if job.clip.word_times and not rejected:
            heard = self._model.align(row(), found.language, tokens, job.audio_s)
            words = tuple(Word(w.text, w.start_s + job.offset_s, w.end_s + job.offset_s, w.probability) for w in heard)
        return _Piece(
            text,
            decoded.avg_logprob,
            decoded.no_speech_prob,
            found.language,
            found.language_probability,
            len(tokens) + 1,
            words,
            rejected,
            found.retried,
        )

    def _silent_language(self, clip: Clip) -> str:
        """What a clip without speech is said to be in."""
        return clip.language or "en" if self._language == "auto" else self._language

    def _join(self, clip: Clip, pieces: Sequence[_Piece], decode_ms: float) -> Hypothesis:
        spoken = [piece for piece in pieces if not piece.rejected]
        weighed = spoken or pieces
        weights = [piece.weight for piece in weighed]
        return Hypothesis(
            text=" ".join(piece.text for piece in spoken),
            avg_logprob=float(np.average([p.avg_logprob for p in weighed], weights=weights)) if weighed else 0.0,
            no_speech_prob=min((piece.no_speech_prob for piece in weighed), default=1.0),
            language=weighed[0].language if weighed else self._silent_language(clip),
            audio_s=len(clip.audio) / SAMPLE_RATE,
            decode_ms=decode_ms,
            words=tuple(word for piece in spoken for word in piece.words),
            rejected=not spoken,
            raw_text=" ".join(piece.text for piece in pieces if piece.text),
            language_probability=weighed[0].language_probability if weighed else 0.0,
            retried=any(piece.retried for piece in pieces),
        )
