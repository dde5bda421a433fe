"""`voicebox transcribe`: what is said in recordings."""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import inf
from typing import Any

import numpy as np

from voicebox.audio.files import read_audio
from voicebox.cli.output import Output, add_json_flag
from voicebox.errors import ConfigError, ModelError
from voicebox.models import store
from voicebox.models.catalog import catalog
from voicebox.stt.schedule import PartialSchedule
from voicebox.stt.tuning import Tuning
from voicebox.stt.types import SAMPLE_RATE, Clip, Hypothesis, Recognizer
from voicebox.stt.utterance import Utterance
from voicebox.stt.whisper import WhisperRecognizer

__all__ = ["Partial", "add_parser", "partials", "run"]

_FRAME = SAMPLE_RATE // 50
_BEST_FIRST = ("whisper-base", "whisper-tiny.en")


@dataclass(frozen=True, slots=True)
class Partial:
    """What was made of the first `audio_s` seconds; `stable` is the part that the partial before had too."""

    audio_s: float
    text: str
    stable: str


def add_parser(subparsers: Any) -> None:
    """Add `transcribe`."""
    parser = subparsers.add_parser(
        "transcribe", help="recognise recordings", description="Write what is said in recordings, of any length."
    )
    parser.add_argument("files", nargs="+", metavar="FILE", help="WAV, FLAC, OGG or what else FFmpeg reads")
    parser.add_argument("--stream", action="store_true", help="show partial transcripts, as a live caller's")
    parser.add_argument(
        "--model", metavar="NAME", help="Whisper model of the catalog, or its folder (default: the best)"
    )
    parser.add_argument("--language", default="en", metavar="CODE", help='"auto" detects it (default: en)')
    parser.add_argument("--languages", default="", metavar="CODE,…", help="what auto chooses from (default: all)")
    parser.add_argument("--prompt", default="", metavar="TEXT", help="words and spellings to expect")
    parser.add_argument("--beam", type=int, default=1, metavar="N", help="beam of the search (default: 1, greedy)")
    parser.add_argument("--words", action="store_true", help="give each word's time")
    parser.add_argument("--threads", type=int, default=1, metavar="N", help="threads of the recogniser (default: 1)")
    add_json_flag(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Recognise file after file; the summary has the text of all and how long one second of audio took.

    Raises:
        VoiceboxError: a recording cannot be read, or the model is not there.
    """
    if args.beam < 1 or args.threads < 1:
        raise ConfigError("--beam and --threads are at least 1")
    out = Output(args.json)
    recordings = [(file, read_audio(file)) for file in args.files]
    recognizer = _recognizer(args)
    heard: list[Hypothesis] = []
    began = time.perf_counter()
    for file, audio in recordings:
        clip = Clip(audio, prompt=args.prompt, beam=args.beam, word_times=args.words, retry_until_s=inf)
        if args.stream:
            for partial in partials(recognizer, clip):
                row = {"file": file, "audio_s": partial.audio_s, "partial": partial.text, "stable": partial.stable}
                out.row(row, _human(partial))
        (hypothesis,) = recognizer.decode([clip])
        heard.append(hypothesis)
        row = {"file": file, "text": hypothesis.text, "avg_logprob": hypothesis.avg_logprob}
        row |= {"language": hypothesis.language, "language_probability": hypothesis.language_probability}
        if args.words:
            row["words"] = hypothesis.words
        out.row(row, f"{file}: {hypothesis.text}" if len(recordings) > 1 or args.stream else None)
    elapsed_s = time.perf_counter() - began
    audio_s = sum(hypothesis.audio_s for hypothesis in heard)
    spoken = [hypothesis for hypothesis in heard if not hypothesis.rejected]
    out.summary(
        {
            "text": "\n".join(hypothesis.text for hypothesis in spoken),
            "avg_logprob": _average_logprob(spoken),
            "language": spoken[0].language if spoken else None,
            "rtf": elapsed_s / audio_s if audio_s else None,
            "audio_s": audio_s,
            "model": recognizer.name,
            "files": len(heard),
        }
    )
    return 0


def partials(recognizer: Recognizer, clip: Clip) -> Iterator[Partial]:
    """What a live caller's partial transcripts would be, by the time of the audio, on an idle machine."""
    utterance, schedule = Utterance(), PartialSchedule()
    for at in range(0, len(clip.audio), _FRAME):
        utterance.append(clip.audio[at : at + _FRAME])
        if schedule.poll(utterance.duration_s, audio_s=utterance.open_s, load=0.0):
            stretch = utterance.stretch(partial=True)
            (hypothesis,) = recognizer.decode([Clip(stretch.audio, prompt=stretch.context or clip.prompt)])
            said = utterance.heard(stretch, hypothesis.text)
            if said.text:
                yield Partial(utterance.duration_s, said.text, said.stable)


def _human(partial: Partial) -> str:
    return f"{partial.audio_s:6.2f} s  {partial.stable}[dim]{partial.text[len(partial.stable) :]}[/dim]"


def _average_logprob(hypotheses: Sequence[Hypothesis]) -> float | None:
    """The mean over files, each as heavy as it is long."""
    if not hypotheses:
        return None
    lengths = [hypothesis.audio_s for hypothesis in hypotheses]
    return float(np.average([hypothesis.avg_logprob for hypothesis in hypotheses], weights=lengths))


def _recognizer(args: argparse.Namespace) -> WhisperRecognizer:
    name = args.model or next((name for name in _BEST_FIRST if store.installed(name)), None)
    if name is None:
        raise ModelError("No speech recogniser is installed", cure=f"Pull one: voicebox models pull {_BEST_FIRST[-1]}")
    if name in catalog() and catalog().get(name).role != "stt":
        raise ConfigError(f"{name} is no speech recogniser", cure="See voicebox models list.")
    languages = tuple(code.strip() for code in args.languages.split(",") if code.strip())
    # Recordings may hold any word, and nobody waits for each: the whole vocabulary.
    return WhisperRecognizer(
        store.locate(name),
        name,
        threads=args.threads,
        language=args.language,
        languages=languages,
        tuning=Tuning(word_tokens=0),
    )
